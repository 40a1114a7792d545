"""Jobs whose clients are objects: equal to the plaintext twin, with all that is refused."""

from typing import Any

import numpy as np
import pytest

from mpc.errors import BudgetError, InputError, InsecureError, OwnerError, PartyError
from mpc.jobs.bounds import with_bounds
from mpc.jobs.job import ClusterJob
from mpc.jobs.result import DROPPED, TOO_SMALL, ClusterResult
from mpc.reference.session import PlainSession
from mpc.secpc.client import ClientJob
from mpc.secpc.cost import coded_cost
from mpc.secpc.field import Elements, Field
from mpc.secpc.local_clients import LocalClients
from mpc.secpc.messages import Query
from mpc.secpc.quantiser import quantiser_of, radius_of
from mpc.secpc.reveal import openings_of
from mpc.secpc.session import ONE_PROCESS_STAMP, UNMASKED_STAMP, SecPCSession
from mpc.secpc.settings import SecPCSettings
from mpc.session.session import SecureSession, open_session
from tests.mpc.secpc.examples import blobs, job_of, objects

STARTS: list[dict[str, Any]] = [
    {"k": 3},
    {"k": 1},
    {"k": 3, "iterations": 1},
    {"k": None},
    {"k": None, "init": "random", "restarts": 9},
    {"k": 4, "init": "random", "restarts": 6},
    {"k": 4, "init": "random", "iterations": 1, "restarts": 3},
    {"k": 3, "init": "k-means++", "restarts": 4},
    {"k": 3, "init": "leaders", "restarts": 3},
    {"k": 3, "init_rows": (1, 2, 3)},
    {"k": 3, "start": "both", "init": "random"},
]
SETTINGS = [SecPCSettings(), SecPCSettings(slices=2, dropouts=1), SecPCSettings(masking=False)]


def assert_equal(found: ClusterResult, expected: ClusterResult) -> None:
    assert found.labels_N is not None
    assert expected.labels_N is not None
    assert found.labels_N.tolist() == expected.labels_N.tolist()
    assert (found.k, found.iterations) == (expected.k, expected.iterations)
    assert found.sizes_N.tolist() == expected.sizes_N.tolist()
    assert np.array_equal(found.means_NM, expected.means_NM, equal_nan=True)


@pytest.mark.parametrize("fields", STARTS, ids=str)
@pytest.mark.parametrize("settings", SETTINGS, ids=["default", "slices", "unmasked"])
def test_results_equal_those_of_the_plaintext_twin(
    fields: dict[str, Any], settings: SecPCSettings
) -> None:
    """Labels, means to the last bit, sizes and iterations, also with a row that is rejected."""
    for seed, norm_bound in ((0, None), (1, 12.0)):
        points_ND, payload_NM = blobs(seed)
        if norm_bound is not None:
            points_ND[4] *= 9
        job = job_of(seed=seed, norm_bound=norm_bound, **fields)
        expected = PlainSession().cluster(job, points_ND, payload_NM)
        with objects(settings) as session:
            assert_equal(session.cluster(job, points_ND, payload_NM), expected)
        assert (expected.sizes_N == 0).any() == (norm_bound is not None)


def test_owners_of_several_rows_are_counted_once() -> None:
    points_ND, payload_NM = blobs(2, num_points=20)
    owners = [row // 4 for row in range(20)]  # five clients of four rows each
    job = job_of(min_cluster_size=5)
    expected = PlainSession().cluster(job, points_ND, payload_NM, owners)
    with objects() as session:
        found = session.cluster(job, points_ND, payload_NM, owners)
    assert_equal(found, expected)
    by_row = session.cluster(job_of(min_cluster_size=7), points_ND, payload_NM)
    assert (by_row.sizes_N == TOO_SMALL).any()


def test_points_that_are_not_centred() -> None:
    points_ND, payload_NM = blobs(3)
    points_ND /= np.linalg.norm(points_ND, axis=1)[:, None]
    job = job_of(centre=False, norm_bound=1.0)
    expected = PlainSession().cluster(job, points_ND, payload_NM)
    with objects() as session:
        assert_equal(session.cluster(job, points_ND, payload_NM), expected)
    with pytest.raises(BudgetError, match="norm 2"):
        session.cluster(job, 2 * points_ND, payload_NM)


def test_fewer_bits_where_the_field_has_no_room_for_more() -> None:
    """Far from the origin, rows have fewer bits; labels are those of the rows so rounded."""
    points_ND, payload_NM = blobs(4)
    far_ND = points_ND + 2.0**18
    job = with_bounds(job_of(norm_bound=32.0), far_ND, payload_NM)
    quantiser = quantiser_of(job, radius_of(job, far_ND), far_ND.shape, Field(), None)
    assert quantiser.bits == 10
    rounded_ND = np.rint(far_ND / quantiser.unit) * quantiser.unit
    expected = PlainSession().cluster(job, rounded_ND, payload_NM)
    with objects() as session:
        assert_equal(session.cluster(job, far_ND, payload_NM), expected)


def test_rows_whose_distances_could_wrap_around_are_refused() -> None:
    """The condition is checked before anything is shared, and the error has its numbers."""
    points_ND, payload_NM = blobs(4)
    job = job_of(norm_bound=32.0)
    numbers = r"p > 2 .S.\^2 .* p = 2305843009213693951, .S. may be 12, .* up to {} with {} bits"
    with pytest.raises(BudgetError, match=numbers.format(r"1.04858e\+06", 18)):
        objects(SecPCSettings(point_bits=18)).cluster(job, points_ND + 2.0**18, payload_NM)
    with pytest.raises(BudgetError, match=numbers.format(r"3.35544e\+07", 8)):
        objects().cluster(job, points_ND + 2.0**23, payload_NM)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"reveal": "own-mean"}, "reveal='own-mean' but protocol='secpc' has reveal='distances'"),
        ({"standardize": True}, "standardize=True but protocol='secpc'"),
        ({"comparisons": "lut"}, "comparisons='lut' but protocol='secpc'"),
    ],
)
def test_jobs_that_it_does_not_honour_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        job_of(**fields)


def test_each_session_refuses_the_jobs_of_the_other() -> None:
    points_ND, payload_NM = blobs(0)
    with objects() as session, pytest.raises(InputError, match="this session computes 'secpc'"):
        session.cluster(ClusterJob(k=3, reveal="distances"), points_ND, payload_NM)
    parties: SecureSession
    with open_session(2) as parties:
        with pytest.raises(InputError, match=r"open an mpc\.SecPCSession"):
            parties.cluster(job_of(), points_ND, payload_NM)
        assert parties.cluster(ClusterJob(k=3), points_ND, payload_NM).k == 3  # it stays usable


def test_too_few_clients_and_bad_rows_are_refused_before_anything_is_shared() -> None:
    points_ND, payload_NM = blobs(0)
    phases: list[str] = []
    with objects(SecPCSettings(colluders=6)) as session:
        session.on_phase = phases.append
        with pytest.raises(InputError, match=r"2 l \+ 2 t - 1 = 13 answers"):
            session.cluster(job_of(), points_ND, payload_NM)
    with objects() as session:
        session.on_phase = phases.append
        with pytest.raises(InputError, match="NaN"):
            session.cluster(job_of(), points_ND * np.nan, payload_NM)
        with pytest.raises(BudgetError, match="over the public bound payload_bound"):
            session.cluster(job_of(payload_bound=0.5), points_ND, payload_NM)
    assert phases == []


def test_plain_links_need_a_word() -> None:
    with pytest.raises(InsecureError, match="insecure-dev"):
        SecPCSession(links="plain")


@pytest.mark.parametrize("masking", [True, False])
def test_the_ledger_says_who_learns_what(masking: bool) -> None:
    points_ND, payload_NM = blobs(5)
    with objects(SecPCSettings(masking=masking)) as session:
        result = session.cluster(job_of(label="round 3"), points_ND, payload_NM)
    found = {(entry.to, entry.what) for entry in result.ledger}
    assert found <= openings_of(masking)
    assert len(found) == 4
    assert {(entry.policy, entry.job) for entry in result.ledger} == {("distances", "round 3")}
    stamps = {ONE_PROCESS_STAMP} if masking else {ONE_PROCESS_STAMP, UNMASKED_STAMP}
    assert set(result.traffic.insecure) == stamps
    assert result.protocol == "secpc"


@pytest.mark.parametrize("fields", [{}, {"k": None}, {"init": "random"}], ids=str)
@pytest.mark.parametrize("settings", SETTINGS, ids=["default", "slices", "unmasked"])
def test_a_job_takes_no_more_than_it_was_said_to(
    fields: dict[str, Any], settings: SecPCSettings
) -> None:
    points_ND, payload_NM = blobs(6, num_points=15)
    job = job_of(**fields)
    with objects(settings) as session:
        result = session.cluster(job, points_ND, payload_NM)
    said = coded_cost(
        job,
        settings.code(15),
        dim=5,
        payload=7,
        iterations=result.iterations,
        masking=settings.masking,
    )
    headers = sum(role.frames_sent for role in result.traffic.roles if role.role == "client:0") * 20
    sent = sum(
        role.bytes_sent
        for role in result.traffic.roles
        if role.role == "client:0" and role.phase != "control"
    )
    assert 0.3 * said.bytes_client < sent <= said.bytes_client + headers
    assert result.traffic.rounds_online <= said.rounds


@pytest.mark.parametrize("opened", ["distances", "sums"])
def test_wrong_answers_are_left_out_and_named(opened: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of 12 clients answer with other numbers: results are those of the others."""
    points_ND, payload_NM = blobs(10)
    expected = PlainSession().cluster(job_of(), points_ND, payload_NM)
    answer = getattr(ClientJob, opened)

    def spoiled(self: ClientJob, query: Query) -> Elements:
        found: Elements = answer(self, query)
        return found // np.uint64(2) if self.me in (3, 8) else found

    monkeypatch.setattr(ClientJob, opened, spoiled)
    with objects(SecPCSettings(wrong_answers=2, dropouts=1)) as session:
        assert_equal(session.cluster(job_of(), points_ND, payload_NM), expected)
        assert session.wrong == {"client:3", "client:8"}
    with objects(SecPCSettings(colluders=5)) as session:
        if opened == "distances":
            with pytest.raises(PartyError, match="contradict one another; 11 are needed"):
                session.cluster(job_of(), points_ND, payload_NM)


@pytest.mark.parametrize("phase", ["share", "masks", "distances", "sums", "result"])
def test_objects_can_be_dropped_in_each_phase(phase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as may be, and one more."""
    monkeypatch.setattr("mpc.secpc.first_queries.ITERATIONS_AHEAD", 0)
    points_ND, payload_NM = blobs(14, num_points=11)
    for num_lost in (2, 3):
        session = objects(SecPCSettings(dropouts=2, slices=2))

        def drop(now: str, session: SecPCSession = session, num_lost: int = num_lost) -> None:
            assert isinstance(session.group, LocalClients)
            for client in range(num_lost) if now == phase else ():
                session.group.drop(client)

        session.on_phase = drop
        if num_lost == 3 and phase in ("share", "masks", "distances"):
            with pytest.raises(OwnerError, match="client:0: it was dropped; client:1"):
                session.cluster(job_of(), points_ND, payload_NM)
            continue
        found = session.cluster(job_of(), points_ND, payload_NM)
        assert (found.sizes_N == DROPPED).tolist() == [row < num_lost for row in range(11)]
