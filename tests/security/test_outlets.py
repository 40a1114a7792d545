"""What owners, evaluator and server get says no more to the dealer than what it opens.

Each attack pools the shares that some of them really received with all that the dealer knows. Its
control are bare parties, which send their shares as they are: there it finds what nobody opened.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np
import pytest

from mpc import ClusterJob, SecureSession
from mpc.ring.fixedpoint import POINT_BITS
from mpc.session.local_group import ProcessGroup
from tests.mpc.opened_labels import labels_of
from tests.security import owner_attacks, server_attacks
from tests.security.attackers.curious_dealer import FOLDER
from tests.security.pool import Listening, Pool

pytestmark = pytest.mark.slow

Pools = Callable[[int, bool], Pool]


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pools]:
    """Open a session once for each number of parties, of our parties or of bare ones."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())

        @functools.cache
        def opened(num_parties: int, bare: bool) -> Pool:
            folder = tmp_path_factory.mktemp("keys")
            patch.setenv(FOLDER, str(folder))
            group = ProcessGroup(
                num_parties,
                timeout_s=60,
                party_module="tests.security.attackers.bare_party" if bare else "mpc.roles.party",
                dealer_module="tests.security.attackers.curious_dealer",
            )
            session = SecureSession(group, job_timeout_s=120, insecure=())
            return Pool(stack.enter_context(session), folder)

        yield opened


@pytest.fixture
def pool(pools: Pools, monkeypatch: pytest.MonkeyPatch) -> Pools:
    """Return what opens a session and listens to all links but those between the parties."""
    pooling = Listening(monkeypatch)

    def begin(num_parties: int, bare: bool) -> Pool:
        pooling.now = pools(num_parties, bare)
        return pooling.now

    return begin


both = pytest.mark.parametrize("bare", [True, False], ids=["bare", "re-randomised"])
two_and_three = pytest.mark.parametrize("num_parties", [2, 3])


def clusters(sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return points of clusters on axes of their own, and payloads of which no two are alike."""
    axes = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.arange(len(axes))
    points = 0.7 * np.eye(len(sizes))[axes] + 0.01 * np.sin(rows)[:, None]
    return points, np.stack([100 + rows**2, -0.5 * rows], axis=1)


@two_and_three
@both
def test_the_dealer_and_six_clients_do_not_learn_another_cluster_s_mean(
    num_parties: int, bare: bool, pool: Pools
) -> None:
    """They are one cluster, four others are another; no party takes part."""
    job, held = ClusterJob(k=2), list(range(6))
    points, payload = clusters([6, 4])
    seen = pool(num_parties, bare)
    seen.run(job, points, payload)
    view = seen.view()
    found = owner_attacks.sums_of_clusters(view, held, seen.rows_got(held), 2)
    if not bare:
        assert found is None
        return
    assert found is not None
    for known, rows in zip(found, (slice(0, 6), slice(6, 10)), strict=True):
        assert known.bits > 48
        sums = seen.encoded(payload[rows]).sum(axis=0)
        assert known.signed_R.tolist() == [*sums, len(payload[rows])]


@two_and_three
def test_what_is_added_hides_all_but_their_own_mean(num_parties: int, pool: Pools) -> None:
    """Who reckons with sharings of zero finds solutions, with any sum of the other cluster."""
    job, held = ClusterJob(k=2), list(range(6))
    points, payload = clusters([6, 4])
    seen = pool(num_parties, False)
    seen.run(job, points, payload)
    view = seen.view()
    found = owner_attacks.sums_of_clusters(
        view, held, seen.rows_got(held), 2, reckon_with_zeros=True
    )
    assert found is not None
    own, other = found
    assert own.bits == 64
    assert own.signed_R.tolist() == [*seen.encoded(payload[:6]).sum(axis=0), 6]
    assert other.bits == 0


@two_and_three
@both
def test_nor_the_rows_of_two_clients_whose_mean_is_theirs_alone(
    num_parties: int, bare: bool, pool: Pools
) -> None:
    """Everybody else and the dealer together; the two would each know the other's row."""
    job, held = ClusterJob(k=3, min_cluster_size=1), list(range(8))
    points, payload = clusters([4, 4, 2])
    seen = pool(num_parties, bare)
    seen.run(job, points, payload)
    got_PHM = seen.rows_got(held)[..., : payload.shape[1]]
    given_HM = seen.encoded(payload[held])
    groups = [0] * 4 + [1] * 4
    found = owner_attacks.rows_of_honest(seen.view(), held, groups, got_PHM, given_HM, 3)
    if not bare:
        assert found is None
        return
    assert found is not None
    for known_of_rows, numbers in zip(found, seen.encoded(payload[8:]).T, strict=True):
        for known, number in zip(known_of_rows, numbers, strict=True):
            assert known.bits > 40
            assert known.signed_R.tolist() == [number]


@two_and_three
@both
def test_the_dealer_and_the_evaluator_learn_labels_and_not_who_is_second_nearest(
    num_parties: int, bare: bool, pool: Pools
) -> None:
    k = 4
    points, payload = clusters([3, 3, 3, 3])
    points += 0.1 * np.cos(np.outer(np.arange(12), [1, 2, 3, 4]))
    seen = pool(num_parties, bare)
    result = seen.run(ClusterJob(k=k, evaluate=True), points, payload)
    view = seen.view()
    found = server_attacks.rankings(
        view, f"iteration {result.iterations}", np.stack(seen.got["server"]), k
    )
    if not bare:
        assert found == [None] * len(points)
        return
    assert found == true_rankings(points, labels_of(result), k)


def true_rankings(
    points: np.ndarray, labels: np.ndarray, num_clusters: int
) -> list[tuple[int, ...]]:
    """Return how many cluster means are nearer to each point than each."""
    means = np.stack([points[labels == k].mean(axis=0) for k in range(num_clusters)])
    dist = ((points[:, None] - means) ** 2).sum(axis=2)
    return [tuple(row) for row in dist.argsort(axis=1).argsort(axis=1).tolist()]


@two_and_three
@both
def test_the_dealer_and_the_server_learn_distances_and_not_where_points_are(
    num_parties: int, bare: bool, pool: Pools
) -> None:
    """They fix points on a line but for a shift and a sign; no client takes part."""
    job = ClusterJob(k=2, reveal="distances", centre=False, norm_bound=1.0)
    points = np.array([0.31, 0.35, 0.37, 0.4, -0.2, -0.25, -0.22, -0.29])[:, None]
    seen = pool(num_parties, bare)
    seen.run(job, points, points)
    view = seen.view()
    got_PNN = np.stack(seen.got["server"])
    places_N = np.rint(points[:, 0] * 2.0**POINT_BITS).astype(np.int64)
    assert np.array_equal(server_attacks.gaps_of(got_PNN.sum(axis=0)), places_N[0] - places_N)
    found = [server_attacks.places_on_a_line(view, rank, got_PNN) for rank in range(num_parties)]
    if not bare:
        assert found == [None] * num_parties
        return
    for places in found:
        assert places is not None
        assert places.tolist() == places_N.tolist()
