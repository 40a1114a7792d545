"""Random rows as first centres: the draws are public, the best start goes on, the twin agrees."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from mpc import ClusterJob, ClusterResult, PlainSession, SecureSession
from mpc.clustering.pipeline import by_gram_alone
from mpc.jobs.job import REVEAL_POLICIES, RevealPolicy, open_blocks
from mpc.ring.fixedpoint import FloatArray, Int64Array
from mpc.ring.public_draws import first_rows, public_rows
from tests.mpc.opened_labels import labels_of

Session = PlainSession | SecureSession
N, K = 20, 5
JOB = ClusterJob(k=K, init="random", restarts=64, min_cluster_size=1, evaluate=True)
DIMS = {"by gram": 16, "by rows": 6}
dims = pytest.mark.parametrize("dim", DIMS.values(), ids=DIMS)


def domains(
    *, dim: int = 16, noise: float = 0.2, seed: int = 0, n: int = N
) -> tuple[FloatArray, Int64Array]:
    """Rows around K corners, in any order, and the corner of each."""
    rng = np.random.default_rng(seed)
    truth_N = rng.permutation(np.arange(n) % K)
    return np.eye(K, dim)[truth_N] + noise * rng.normal(size=(n, dim)) / np.sqrt(dim), truth_N


def same_clusters(labels_N: Int64Array, truth_N: Int64Array) -> bool:
    pairs = set(zip(labels_N.tolist(), truth_N.tolist(), strict=True))
    return len(pairs) == len(np.unique(labels_N)) == len(np.unique(truth_N))


def assert_equal(found: ClusterResult, twin: ClusterResult) -> None:
    assert np.array_equal(labels_of(found), labels_of(twin))
    assert np.array_equal(found.sizes_N, twin.sizes_N)
    assert (found.start, found.iterations) == (twin.start, twin.iterations)
    assert np.array_equal(found.means_NM, twin.means_NM, equal_nan=True)


@pytest.mark.slow
@dims
@pytest.mark.parametrize("reveal", REVEAL_POLICIES)
def test_many_starts_find_the_domains(session: Session, reveal: RevealPolicy, dim: int) -> None:
    points_ND, truth_N = domains(dim=dim)
    result = session.cluster(replace(JOB, reveal=reveal), points_ND, points_ND)
    assert same_clusters(labels_of(result), truth_N)


@pytest.mark.slow
@dims
def test_one_start_is_that_of_the_drawn_rows(session: Session, dim: int) -> None:
    points_ND, _ = domains(dim=dim, noise=1.5)
    for seed in range(2):
        drawn = replace(JOB, restarts=1, seed=seed)
        (rows_K,) = public_rows(seed, N, 1, K).tolist()
        given = replace(JOB, restarts=1, init="farthest-first", init_rows=tuple(rows_K))
        found, same = (session.cluster(job, points_ND, points_ND) for job in (drawn, given))
        assert np.array_equal(labels_of(found), labels_of(same))


def first_assignment(points_ND: FloatArray, rows_K: Int64Array) -> Int64Array:
    apart_NK = ((points_ND[:, None] - points_ND[rows_K][None]) ** 2).sum(axis=2)
    return np.asarray(apart_NK.argmin(axis=1), dtype=np.int64)


def inertia(points_ND: FloatArray, labels_N: Int64Array) -> float:
    means_ND = np.stack([points_ND[labels_N == label].mean(axis=0) for label in labels_N])
    return float(((points_ND - means_ND) ** 2).sum())


@dims
@pytest.mark.parametrize("iterations", [1, 2])
def test_the_start_with_least_inertia_goes_on(session: Session, dim: int, iterations: int) -> None:
    """In float64, from the definition; the best start is chosen by its first assignment."""
    points_ND, _ = domains(dim=dim, noise=2.0, seed=4)
    job = replace(JOB, restarts=40, iterations=iterations, seed=1)
    starts = [first_assignment(points_ND, rows_K) for rows_K in public_rows(1, N, 40, K)]
    labels_N = min(starts, key=lambda labels_N: inertia(points_ND, labels_N))
    if iterations == 2:
        means_KD = np.stack([points_ND[labels_N == label].mean(axis=0) for label in range(K)])
        apart_NK = ((points_ND[:, None] - means_KD[None]) ** 2).sum(axis=2)
        labels_N = np.asarray(apart_NK.argmin(axis=1), dtype=np.int64)
    found_N = labels_of(session.cluster(job, points_ND, points_ND))
    assert np.array_equal(found_N, labels_N)


def random_job(rng: np.random.Generator) -> tuple[ClusterJob, FloatArray, list[int]]:
    """Some points are over the bound, some are equal, and clusters are fewer than starts."""
    n = int(rng.integers(6, 40))
    k, dim = int(rng.integers(1, 6)), int(rng.integers(1, 30))
    is_open = bool(rng.random() < 0.3)
    points_ND = rng.normal(size=(n, dim))
    if rng.random() < 0.3:
        points_ND = points_ND[rng.integers(n // 2, size=n)]
    norms_N = np.linalg.norm(points_ND - points_ND.mean(axis=0), axis=1)
    job = ClusterJob(
        k=None if is_open else k,
        k_max=k + 1,
        init="random",
        restarts=int(rng.choice([1, 2, 7, 32 if is_open else 64])),
        reveal=REVEAL_POLICIES[rng.integers(2)],
        iterations=int(rng.integers(1 + is_open, 8)),
        min_cluster_size=int(rng.integers(1, 4)),
        norm_bound=float(np.quantile(norms_N, rng.choice([0.5, 0.9, 1.0])) * 1.01),
        seed=int(rng.integers(1 << 20)),
        evaluate=True,
    )
    return job, points_ND, rng.integers(0, n, size=n).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 10, pytest.param(20, marks=pytest.mark.slow)])
def test_random_jobs_are_the_twin_s(secure_session: SecureSession, first: int) -> None:
    seen: set[object] = set()
    for seed in range(first, first + 10):
        job, points_ND, owners = random_job(np.random.default_rng(seed))
        found = secure_session.cluster(job, points_ND, points_ND, owners)
        assert_equal(found, PlainSession().cluster(job, points_ND, points_ND, owners))
        seen.add(by_gram_alone(job, *points_ND.shape))
        seen.add("k chosen" if job.k is None else "k given")
        seen.add("some rejected" if found.rejected_N.any() else "none rejected")
    assert len(seen) == 6


@pytest.mark.slow
@dims
@pytest.mark.parametrize("reveal", REVEAL_POLICIES)
@pytest.mark.parametrize("domain_count", [1, 3])
def test_the_number_of_clusters_is_found(
    session: Session, reveal: RevealPolicy, dim: int, domain_count: int
) -> None:
    rng = np.random.default_rng(domain_count)
    truth_N = rng.permutation(np.arange(N) % domain_count)
    points_ND = np.eye(K, dim)[truth_N] + 0.1 * rng.normal(size=(N, dim)) / np.sqrt(dim)
    job = replace(JOB, k=None, restarts=24, reveal=reveal)
    result = session.cluster(job, points_ND, points_ND)
    assert result.k == domain_count
    assert same_clusters(labels_of(result), truth_N)
    assert_equal(result, PlainSession().cluster(job, points_ND, points_ND))


@dims
def test_drawn_rows_may_all_be_rejected(session: Session, dim: int) -> None:
    """All centres are then at the origin, and ties go to the first cluster."""
    points_ND, _ = domains(dim=dim)
    drawn_K = public_rows(3, N, 1, K)[0]
    points_ND[drawn_K] *= 50.0
    job = replace(JOB, restarts=1, seed=3, norm_bound=32.0)
    result = session.cluster(job, points_ND, points_ND)
    assert sorted(np.flatnonzero(result.rejected_N)) == sorted(drawn_K)
    assert set(labels_of(result).tolist()) == {0}


class TestDraws:
    def test_starts_of_a_size_are_those_of_a_given_k(self) -> None:
        blocks = open_blocks(20, 4)
        assert blocks == (1, *[2] * 9, *[3] * 17, *[4] * 20)
        parts = np.split(first_rows(7, N, blocks), np.cumsum(blocks)[:-1])
        for size, number in Counter(blocks).items():
            group, parts = parts[:number], parts[number:]
            assert np.array_equal(np.stack(group), public_rows(7, N, number, size))

    def test_rows_of_a_start_are_distinct(self) -> None:
        for n, k in ((1, 1), (5, 5), (20, 5), (300, 16)):
            rows_BK = public_rows(7, n, 30, k)
            assert rows_BK.shape == (30, k)
            assert all(len(set(rows)) == k for rows in rows_BK.tolist())
            assert set(rows_BK.ravel().tolist()) <= set(range(n))

    def test_the_seed_decides_and_more_starts_do_not_change_the_first(self) -> None:
        rows = public_rows(1, N, 64, K)
        assert np.array_equal(public_rows(1, N, 8, K), rows[:8])
        assert not np.array_equal(public_rows(2, N, 64, K), rows)

    def test_all_rows_are_drawn_equally_often(self) -> None:
        """Each 2000 times of 8000; the standard deviation is 39."""
        counts_N = np.bincount(public_rows(5, N, 8000, K).ravel(), minlength=N)
        assert abs(counts_N - 8000 * K / N).max() < 5 * 39


def outliers(seed: int) -> tuple[FloatArray, Int64Array]:
    """Three rows are farther from their own domain than domains are from one another."""
    rng = np.random.default_rng(seed)
    truth_N = rng.permutation(np.arange(N) % K)
    noise_ND = rng.normal(size=(N, 64))
    noise_ND /= np.linalg.norm(noise_ND, axis=1, keepdims=True)
    squared_N = np.full(N, 0.4)
    squared_N[rng.choice(N, 3, replace=False)] = 2.4
    return np.eye(K, 64)[truth_N] + np.sqrt(squared_N)[:, None] * noise_ND, truth_N


def recovered(init: str, restarts: int) -> int:
    """Return how often of 60 times the true domains are found beside outliers."""
    found = 0
    for seed in range(60):
        points_ND, truth_N = outliers(seed)
        job = replace(JOB, init=init, restarts=restarts, seed=seed)  # type: ignore[arg-type]
        labels_N = labels_of(PlainSession().cluster(job, points_ND, points_ND))
        found += same_clusters(labels_N, truth_N)
    return found


@pytest.mark.slow
def test_more_starts_are_better_and_outliers_mislead_leaders() -> None:
    few, many = recovered("random", 16), recovered("random", 64)
    assert recovered("leaders", 4) < few < many
    assert many >= 45
