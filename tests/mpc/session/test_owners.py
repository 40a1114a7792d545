"""Data owners who fail: named, with what they did, and the session goes on without them."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mpc import ClusterJob, PlainSession, SecureSession, open_session
from mpc.errors import BudgetError, InputError, OwnerError
from mpc.jobs.bounds import public_bound
from mpc.jobs.encoding import payload_bits
from mpc.ring.fixedpoint import PAYLOAD_BITS
from tests.mpc import saboteur
from tests.mpc.saboteur import Send, sabotage
from tests.patience import SOON_S

TIMEOUT_S = 2.0
POINTS = np.random.default_rng(0).normal(size=(8, 4)) / 8
JOB = ClusterJob(k=2, iterations=2)
Open = Callable[[int], SecureSession]


@pytest.fixture(scope="module")
def impatient() -> Iterator[Open]:
    """Return an open session of some parties, a new one if the last cannot be used any more."""
    with contextlib.ExitStack() as stack:

        @cache
        def fresh(num_parties: int, count: int) -> SecureSession:
            return stack.enter_context(open_session(num_parties, timeout_s=TIMEOUT_S))

        counts = {2: 0, 3: 0}

        def current(num_parties: int) -> SecureSession:
            if fresh(num_parties, counts[num_parties])._broken:
                counts[num_parties] += 1
            return fresh(num_parties, counts[num_parties])

        yield current


@pytest.fixture(params=[2, 3], ids=["2-party", "3-party"])
def session(request: pytest.FixtureRequest, impatient: Open) -> SecureSession:
    return impatient(request.param)


def works(session: SecureSession) -> None:
    """Run a job with good owners and compare it with the twin's."""
    result = session.cluster(JOB, POINTS, POINTS)
    twin = PlainSession().cluster(JOB, POINTS, POINTS)
    assert np.array_equal(result.sizes_N, twin.sizes_N)
    within = 2.0**-PAYLOAD_BITS
    assert np.allclose(result.means_NM, twin.means_NM, rtol=0, atol=within, equal_nan=True)


def sent(session: SecureSession) -> list[int]:
    links = [*session.server_links, *(x for o in session._owners.values() for x in o.links)]
    return [link.count.bytes_sent for link in links]


FAILURES: list[tuple[Send, str]] = [
    (saboteur.nothing, r"client:3 was silent towards party:\d for 2 s"),
    (saboteur.garbage, r"party:\d expected share \d+ of 96 bytes from client:3, got"),
    (saboteur.half, r"client:3 was silent towards party:\d for 2 s"),
    (saboteur.too_short, r"expected share \d+ of 96 bytes from client:3, got share \d+ of 88"),
    (saboteur.too_long, r"expected share \d+ of 96 bytes from client:3, got share \d+ of 192"),
    (saboteur.of_the_next_job, r"expected share \d+ of 96 bytes from client:3, got share"),
    (saboteur.hanging_up, r"client:3 closed its connection to party:\d"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("send", "words"), FAILURES, ids=[f[0].__name__ for f in FAILURES])
def test_an_owner_who_fails_is_named_and_the_session_goes_on(
    session: SecureSession, send: Send, words: str
) -> None:
    works(session)
    sabotage(session, "client:3", send)
    started = time.monotonic()
    with pytest.raises(OwnerError, match=words) as caught:
        session.cluster(JOB, POINTS, POINTS)
    assert time.monotonic() - started < SOON_S
    assert "client:2" not in str(caught.value)
    works(session)


@pytest.mark.slow
@pytest.mark.parametrize("send", [saboteur.nothing, saboteur.garbage, saboteur.hanging_up])
@pytest.mark.parametrize("rank", [0, 1])
def test_an_owner_who_fails_one_party_only_fails_the_job_only(
    impatient: Open, send: Send, rank: int
) -> None:
    session = impatient(3)
    works(session)
    sabotage(session, "client:3", send, ranks=[rank])
    with pytest.raises(OwnerError, match=f"client:3: .*party:{rank}"):
        session.cluster(JOB, POINTS, POINTS)
    works(session)


@pytest.mark.slow
def test_two_owners_who_fail_differently_are_both_named(impatient: Open) -> None:
    session = impatient(2)
    works(session)
    sabotage(session, "client:1", saboteur.nothing)
    sabotage(session, "client:6", saboteur.garbage)
    with pytest.raises(OwnerError, match=r"client:1: .*silent.*; client:6: .*expected share"):
        session.cluster(JOB, POINTS, POINTS)
    works(session)


@pytest.mark.slow
def test_an_owner_who_sends_too_much_and_fails_elsewhere_can_come_back(
    session: SecureSession,
) -> None:
    """What party 1 left unread must not make it believe that the owner is connected still."""
    works(session)

    def send(link: object, share: object, job: int) -> None:
        act = saboteur.garbage if link is session._owners["client:3"].links[0] else saboteur.twice
        act(link, share, job)  # type: ignore[arg-type]

    sabotage(session, "client:3", send)
    with pytest.raises(OwnerError, match="client:3"):
        session.cluster(JOB, POINTS, POINTS)
    works(session)


@pytest.mark.slow
def test_a_party_that_has_all_shares_waits_for_one_that_waits_for_owners(impatient: Open) -> None:
    """Party 1 bears one who does not come and one who is silent, twice the time-out in all."""
    session = impatient(2)
    gone = session.owners(["client:3"])["client:3"]
    sabotage(session, "client:3", saboteur.garbage, ranks=[1])
    with pytest.raises(OwnerError, match="client:3"):
        session.cluster(JOB, POINTS, POINTS)
    links = (session._group.connect("client:3", 0), gone.links[1])
    session._owners["client:3"] = replace(gone, links=links)
    sabotage(session, "client:3", saboteur.nothing, ranks=[1])
    sabotage(session, "client:4", saboteur.nothing, ranks=[1])
    with pytest.raises(OwnerError, match=r"client:3 did not connect.*; client:4: .*silent"):
        session.cluster(JOB, POINTS, POINTS)
    works(session)


@pytest.mark.slow
def test_a_share_sent_twice_is_late_for_the_next_job(session: SecureSession) -> None:
    sabotage(session, "client:3", saboteur.twice)
    works(session)
    works(session)


@pytest.mark.slow
def test_a_made_up_depth_harms_nobody(session: SecureSession) -> None:
    sabotage(session, "client:3", saboteur.made_up_depth)
    works(session)
    session.forget("client:3")
    works(session)


@pytest.mark.slow
def test_an_owner_who_hangs_up_before_its_result_harms_only_itself(impatient: Open) -> None:
    session = impatient(2)
    works(session)
    sabotage(session, "client:3", saboteur.then_hanging_up)
    with pytest.raises(OwnerError, match="client:3"):
        session.cluster(JOB, POINTS, POINTS)
    works(session)


def changed(value: float, row: int = 2) -> np.ndarray:
    points = POINTS.copy()
    points[row, 1] = value
    return points


REFUSED: list[tuple[type[InputError], str, np.ndarray, np.ndarray, list[int] | None]] = [
    (InputError, "points contain NaN or infinity", changed(np.nan), POINTS, None),
    (InputError, "points contain NaN or infinity", changed(np.inf), POINTS, None),
    (InputError, "payload contain NaN or infinity", POINTS, changed(-np.inf), None),
    (InputError, "points must be a float64 array", POINTS.astype(np.float32), POINTS, None),
    (InputError, "payload must be a float64", POINTS, POINTS.astype(np.int64), None),
    (InputError, "points must be a float64", POINTS.tolist(), POINTS, None),
    (InputError, r"points has shape \(4,\)", POINTS[0], POINTS, None),
    (InputError, r"payload has shape \(8, 2, 2\)", POINTS, POINTS.reshape(8, 2, 2), None),
    (InputError, r"points has shape \(0, 4\)", POINTS[:0], POINTS[:0], None),
    (InputError, r"payload has shape \(8, 0\)", POINTS, POINTS[:, :0], None),
    (InputError, "8 points but 7 payload rows", POINTS, POINTS[:7], None),
    (InputError, "8 points but 3 owners", POINTS, POINTS, [0, 1, 2]),
    (InputError, "k=2 but only 1 points", POINTS[:1], POINTS[:1], None),
    (BudgetError, "coordinate of 4, over the public bound value", changed(4.0), POINTS, None),
    (BudgetError, "rows too long for float64", POINTS, changed(1e305), None),
]


@pytest.mark.slow
def test_inputs_that_will_not_do_are_refused_before_a_byte_is_sent(session: SecureSession) -> None:
    works(session)
    before = sent(session)
    for error, words, points, payload, owners in REFUSED:
        with pytest.raises(error, match=words):
            session.cluster(replace(JOB, value_bound=3.0), points, payload, owners=owners)
        assert sent(session) == before
    works(session)
    assert sent(session) > before


@pytest.mark.slow
@pytest.mark.parametrize("bound", [1e-6, 5.0, 1e9])
def test_a_payload_at_its_bound_is_averaged_and_one_over_it_refused(
    session: SecureSession, bound: float
) -> None:
    payload = np.full((8, 2), bound / np.sqrt(2))
    job = ClusterJob(k=1, iterations=1, payload_bound=bound)
    assert np.allclose(session.cluster(job, POINTS, payload).means_NM, payload, rtol=1e-6)
    payload[3] *= 1 + 1e-8
    with pytest.raises(BudgetError, match="over the public bound payload_bound"):
        session.cluster(job, POINTS, payload)


@pytest.mark.slow
def test_one_owner_of_many_rows_is_one_client(session: SecureSession) -> None:
    owners = [5, 5, 0, 5, 0, 1, 1, 5]
    result = session.cluster(JOB, POINTS, POINTS, owners=owners)
    twin = PlainSession().cluster(JOB, POINTS, POINTS, owners=owners)
    within = 2.0**-PAYLOAD_BITS
    assert np.allclose(result.means_NM, twin.means_NM, rtol=0, atol=within, equal_nan=True)
    clients = {role.role for role in result.traffic.roles if role.role.startswith("client:")}
    assert clients == {"client:0", "client:1", "client:5"}


@pytest.mark.slow
def test_results_of_many_megabytes_come_back_whole() -> None:
    num_points, width = 200, 1 << 14
    rng = np.random.default_rng(1)
    truth = np.arange(num_points) % 2
    points = np.where(truth[:, None] == 1, 0.5, -0.5) + 0.01 * rng.normal(size=(num_points, 2))
    payload = rng.normal(size=(num_points, width))
    job = ClusterJob(k=2, iterations=3, reveal="assignments")  # no products of this size
    with open_session(2, timeout_s=60) as session:
        result = session.cluster(job, points, payload)
    assert result.means_NM.nbytes > 25e6
    for cluster in (0, 1):
        mean = payload[truth == cluster].mean(axis=0)
        off = np.abs(result.means_NM[truth == cluster] - mean).max()
        assert off < public_bound(payload) * 2.0 ** -payload_bits(width)
