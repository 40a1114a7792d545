"""Warm starts: labels are the twin's, clusters keep their numbers, and clients come and go."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from mpc import ClusterJob, ClusterResult, PlainSession, SecureSession, open_session
from mpc.errors import InputError
from mpc.jobs.job import INITS, Beginning, Init
from mpc.ring.fixedpoint import FloatArray
from tests.mpc.opened_labels import labels_of

Session = PlainSession | SecureSession
K = 4
JOB = ClusterJob(
    k=K, centre=False, norm_bound=1.0, payload_bound=1.0, min_cluster_size=1, evaluate=True
)
WARM = replace(JOB, start="warm")


@pytest.fixture
def plain() -> PlainSession:
    return PlainSession()


@pytest.fixture(scope="module", params=[0, 2, 3], ids=["plain", "2-party", "3-party"])
def own_session(request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session of this module's own: what it keeps depends on the jobs before."""
    with PlainSession() if request.param == 0 else open_session(request.param) as session:
        yield session


def domains(n: int, k: int = K, dim: int = 12, noise: float = 0.3, seed: int = 0) -> FloatArray:
    """Rows of unit norm around k directions, the same for every seed; row i is of i mod k."""
    centres_KD = np.random.default_rng(100).normal(size=(k, dim))
    noise_ND = np.random.default_rng(seed).normal(size=(n, dim))
    points_ND = centres_KD[np.arange(n) % k] + noise * noise_ND
    return np.asarray(points_ND / np.linalg.norm(points_ND, axis=1, keepdims=True))


def run(
    session: Session, job: ClusterJob, points_ND: FloatArray, owners: list[int] | None = None
) -> ClusterResult:
    return session.cluster(job, points_ND, points_ND, owners)


def assert_equal(found: ClusterResult, twin: ClusterResult) -> None:
    assert np.array_equal(labels_of(found), labels_of(twin))
    assert np.array_equal(found.sizes_N, twin.sizes_N)
    assert (found.start, found.k, found.iterations) == (twin.start, twin.k, twin.iterations)
    assert np.array_equal(found.means_NM, twin.means_NM, equal_nan=True)


def random_job(rng: np.random.Generator, k: int) -> ClusterJob:
    usual = tuple(init for init in INITS if init != "directions")
    init: Init = usual[rng.integers(len(usual))]
    start: Beginning = ("fresh", "warm", "warm", "both")[rng.integers(4)]
    return replace(
        JOB,
        k=k,
        init=init,
        restarts=1 if init == "farthest-first" else int(rng.integers(1, k)),
        start=start,
        iterations=int(rng.integers(1, 9)),
        warm_iterations=(None, 1, 2)[rng.integers(3)],
        min_cluster_size=int(rng.integers(1, 4)),
        norm_bound=float(rng.choice([0.9, 1.0])),
        value_bound=1.0,
        centre=bool(rng.integers(2)),
        seed=int(rng.integers(100)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 10])
def test_random_jobs_one_after_another_are_the_twin_s(
    own_session: Session, plain: PlainSession, first: int
) -> None:
    """Owners come and go, hold one or two rows, and some points are over the bound."""
    begun = set()
    for seed in range(first, first + 3):
        rng = np.random.default_rng(seed)
        k, dim = int(rng.integers(2, 6)), int(rng.choice([3, 12, 40]))
        for step in range(4):
            present = [owner for owner in range(16) if rng.random() < 0.95]
            owners = [owner for owner in present for _ in range(1 + (owner < 2))]
            points_ND = domains(18, k, dim, 0.6, seed=step)[: len(owners)]
            job = replace(random_job(rng, k), start="fresh") if step == 0 else random_job(rng, k)
            if not job.centre:
                points_ND = points_ND * 0.9
            twin = run(plain, job, points_ND, owners)
            assert_equal(run(own_session, job, points_ND, owners), twin)
            begun.add(twin.start)
    assert len(begun) > 1


@pytest.mark.slow
def test_clusters_keep_their_numbers_and_follow_the_points(own_session: Session) -> None:
    """Rows in another order are numbered anew by a fresh start, and as before by a warm one."""
    points_ND, owners = domains(16), list(range(16))
    before_N = labels_of(run(own_session, JOB, points_ND, owners))
    turned = np.roll(np.arange(16), 5)
    later_ND = domains(16, seed=1)[turned]
    warm = run(own_session, WARM, later_ND, turned.tolist())
    assert warm.start == "warm"
    assert np.array_equal(labels_of(warm), before_N[turned])
    fresh_N = labels_of(run(own_session, JOB, later_ND, turned.tolist()))
    assert not np.array_equal(fresh_N, before_N[turned])


@pytest.mark.slow
def test_owners_come_and_go(own_session: Session) -> None:
    """Who is new goes to the nearest cluster; who was away is known when it is back."""
    points_ND = domains(17)
    everyone_N = labels_of(run(own_session, JOB, points_ND[:16], list(range(16))))
    there = [0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13, 16]
    later_ND = domains(17, seed=2)
    warm = run(own_session, WARM, later_ND[there], there)
    assert warm.start == "warm"
    assert np.array_equal(labels_of(warm), everyone_N[np.array(there) % K])
    back = list(range(17))
    again = run(own_session, WARM, later_ND, back)
    assert again.start == "warm"
    assert np.array_equal(labels_of(again), everyone_N[np.array(back) % K])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "owners"),
    [
        ({"k": 3}, range(16)),
        ({}, range(5, 21)),
        ({}, [owner // 2 for owner in range(16)]),
        ({"reveal": "distances"}, range(16)),
    ],
    ids=["another k", "too few known", "another number of rows", "distances"],
)
def test_a_job_begins_fresh_if_it_must(
    own_session: Session, change: dict[str, object], owners: list[int]
) -> None:
    points_ND = domains(16)
    run(own_session, JOB, points_ND, list(range(16)))
    job = replace(WARM, **change)  # type: ignore[arg-type]
    fresh = run(own_session, replace(job, start="fresh"), points_ND, list(owners))
    run(own_session, JOB, points_ND, list(range(16)))
    found = run(own_session, job, points_ND, list(owners))
    assert found.start == "fresh"
    assert np.array_equal(labels_of(found), labels_of(fresh))


@pytest.mark.slow
def test_the_first_job_begins_fresh(opened_here: Callable[[], Session]) -> None:
    session = opened_here()
    assert run(session, WARM, domains(12)).start == "fresh"
    assert run(session, WARM, domains(12)).start == "warm"


@pytest.fixture
def opened_here() -> Iterator[Callable[[], Session]]:
    with open_session(2) as session:
        yield lambda: session


def test_a_fresh_start_forgets_who_is_not_there(own_session: Session) -> None:
    """Its clusters are numbered anew, so rows kept from before would be of other clusters."""
    points_ND = domains(16)
    run(own_session, JOB, points_ND, list(range(16)))
    run(own_session, JOB, points_ND[:8], list(range(8)))
    assert run(own_session, WARM, points_ND, list(range(16))).start == "fresh"


def test_k_left_open_is_the_last_one(own_session: Session) -> None:
    """Nothing is chosen, so nothing but means is opened."""
    points_ND = domains(24, noise=0.1)
    job = replace(JOB, k=None, k_max=6, evaluate=False)
    chosen = run(own_session, job, points_ND)
    warm = run(own_session, replace(job, start="warm", warm_iterations=1), points_ND)
    assert (warm.start, warm.k, warm.iterations) == ("warm", chosen.k, 1)
    assert chosen.k == K
    assert {entry.what for entry in warm.ledger} <= {"own cluster's sum and size"}


def test_a_wrong_first_clustering_does_not_stay(own_session: Session) -> None:
    """Two rows of a domain began as centres: a warm start stays there, a fresh one beside not."""
    points_ND = domains(20, k=5, noise=0.1)
    wrong = replace(JOB, k=5, init_rows=(0, 5, 1, 2, 3))
    job = replace(JOB, k=5, init="leaders", restarts=4)
    run(own_session, wrong, points_ND)
    stays = run(own_session, replace(job, start="warm"), points_ND)
    assert len(np.unique(labels_of(stays)[np.arange(20) % 5 == 0])) == 2
    repaired = run(own_session, replace(job, start="both"), points_ND)
    assert repaired.start == "both"
    pairs = set(zip(labels_of(repaired).tolist(), (np.arange(20) % 5).tolist(), strict=True))
    assert len(pairs) == 5


def test_a_good_clustering_stays_beside_fresh_starts(own_session: Session) -> None:
    """Ties go to the warm start, so clusters keep their numbers."""
    points_ND = domains(20, k=5, noise=0.1)
    turned = np.roll(np.arange(20), 3)
    before_N = labels_of(run(own_session, replace(JOB, k=5), points_ND, list(range(20))))
    job = replace(JOB, k=5, init="leaders", restarts=4, start="both")
    after = run(own_session, job, points_ND[turned], turned.tolist())
    assert np.array_equal(labels_of(after), before_N[turned])


def test_rejected_points_are_in_no_cluster_then_or_later(own_session: Session) -> None:
    """Who was rejected before is assigned later, and who is rejected now is in no first centre."""
    points_ND = 0.8 * domains(16)
    out_ND = points_ND.copy()
    out_ND[[1, 6]] *= 2.2
    job = replace(JOB, centre=True, value_bound=2.0, payload_bound=2.0)
    first = run(own_session, job, out_ND)
    assert first.sizes_N[[1, 6]].tolist() == [0, 0]
    later_ND = points_ND.copy()
    later_ND[[2, 7]] *= 2.2
    later = run(own_session, replace(job, start="warm"), later_ND)
    assert later.start == "warm"
    assert later.sizes_N[[2, 7]].tolist() == [0, 0]
    assert (later.sizes_N[[1, 6]] > 0).all()


def test_small_clusters_are_withheld(own_session: Session) -> None:
    points_ND = domains(14)
    job = replace(JOB, min_cluster_size=4)
    sizes_N = run(own_session, job, points_ND).sizes_N
    warm = run(own_session, replace(job, start="warm"), points_ND)
    assert np.array_equal(warm.sizes_N, sizes_N)
    assert set(sizes_N.tolist()) == {4, -1}


def test_one_iteration_opens_nothing_but_means(secure_session: SecureSession) -> None:
    points_ND = domains(16)
    run(secure_session, replace(JOB, evaluate=False), points_ND)
    job = replace(WARM, evaluate=False, warm_iterations=1)
    ledger = run(secure_session, job, points_ND).ledger
    assert [(entry.to, entry.what) for entry in ledger] == [
        ("each client", "own cluster's sum and size")
    ]


def test_a_refused_job_leaves_what_is_kept(own_session: Session) -> None:
    points_ND = domains(16)
    run(own_session, JOB, points_ND)
    with pytest.raises(InputError):
        run(own_session, replace(JOB, k=17), points_ND)
    assert run(own_session, WARM, points_ND).start == "warm"


def test_a_copied_twin_has_kept_nothing(plain: PlainSession) -> None:
    """Nor does it change an object that others hold, such as an estimator's parameter."""
    run(plain, JOB, domains(16))
    assert run(copy.deepcopy(plain), WARM, domains(16)).start == "fresh"
    assert run(plain, WARM, domains(16)).start == "warm"
