"""Random jobs give the twin's labels, means and sizes, and scikit-learn's clusters."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

from mpc import ClusterJob, ClusterResult, PlainSession, SecureSession
from mpc.jobs.job import REVEAL_POLICIES
from mpc.ring.fixedpoint import FloatArray
from tests.mpc.opened_labels import labels_of

CHUNK = 10


def random_job(seed: int) -> tuple[ClusterJob, FloatArray, FloatArray, list[int]]:
    """Return a job, points of any scale with duplicates or on a grid, payload and owners."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(3, 300)), int(rng.integers(1, 64))
    k = int(rng.integers(1, min(12, n) + 1))
    points = rng.normal(size=(k, d))[rng.integers(0, k, size=n)] * 3 + rng.normal(size=(n, d))
    kind = rng.integers(0, 3)
    if kind == 1:
        points = points[rng.integers(0, n, size=n)]
    if kind == 2:
        points = np.rint(points)
    points *= 10.0 ** float(rng.integers(-6, 7))
    longest = float(np.linalg.norm(points, axis=1).max()) or 1.0
    drawn = bool(rng.integers(0, 2))
    job = ClusterJob(
        k=k,
        reveal=REVEAL_POLICIES[rng.integers(0, 3)],
        init="k-means++" if drawn else "farthest-first",
        restarts=int(rng.integers(1, 4)) if drawn else 1,
        seed=seed,
        norm_bound=longest * float(rng.uniform(1.0, 3.0)),
        min_cluster_size=int(rng.integers(1, 5)),
        iterations=int(rng.integers(1, 25)),
        evaluate=True,
    )
    owners = rng.integers(0, 12, size=n).tolist()
    return job, points, rng.normal(size=(n, 2)), owners


def opened_labels(result: ClusterResult) -> list[int] | None:
    return None if result.labels_N is None else result.labels_N.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 3 * CHUNK, CHUNK))
def test_random_jobs_are_the_twin_s(secure_session: SecureSession, first: int) -> None:
    for seed in range(first, first + CHUNK):
        job, points, payload, owners = random_job(seed)
        found = secure_session.cluster(job, points, payload, owners)
        twin = PlainSession().cluster(job, points, payload, owners)
        assert opened_labels(found) == opened_labels(twin), (seed, job)
        assert found.iterations == twin.iterations, (seed, job)
        assert np.array_equal(found.sizes_N, twin.sizes_N), (seed, job)
        assert np.array_equal(found.means_NM, twin.means_NM, equal_nan=True), (seed, job)


@pytest.mark.slow
@pytest.mark.parametrize("reveal", REVEAL_POLICIES)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3, 1e4, 1e6])
def test_blobs_of_any_scale(
    session: PlainSession | SecureSession, reveal: str, scale: float
) -> None:
    """Opened distances were taken for squared bounds before: 1e4 gave one cluster."""
    rng = np.random.default_rng(0)
    truth = np.arange(24) % 4
    points = scale * (np.eye(4)[truth] + 0.05 * rng.normal(size=(24, 4)))
    for k in (4, None):
        job = ClusterJob(k=k, reveal=reveal, norm_bound=1.3 * scale, evaluate=True)  # type: ignore[arg-type]
        labels = session.cluster(job, points, points).labels_N
        assert labels is not None
        assert len(set(zip(labels.tolist(), truth.tolist(), strict=True))) == 4


@pytest.mark.parametrize("reveal", REVEAL_POLICIES)
@pytest.mark.parametrize("bound", [7.0, 11.3, 2048.0])
def test_whole_numbers_stay_whole_whatever_the_bound(
    session: PlainSession | SecureSession, reveal: str, bound: float
) -> None:
    """From the same start, labels are those of float64 Lloyd, whose ties go to the lowest index."""
    grid = np.array([[x, y] for x in range(4) for y in range(4)], dtype=np.float64)
    rows = (0, 5, 15)
    job = ClusterJob(k=3, reveal=reveal, init_rows=rows, norm_bound=bound, evaluate=True)  # type: ignore[arg-type]
    theirs = KMeans(3, init=grid[list(rows)], n_init=1, tol=0).fit(grid)
    assert np.array_equal(labels_of(session.cluster(job, grid, grid)), theirs.labels_)


def test_rows_that_are_one_apart_are_told_apart(session: PlainSession | SecureSession) -> None:
    """Nine distinct rows among seventeen, under a bound of 2048: nothing is left to explain."""
    points = np.concatenate([np.arange(9.0), np.arange(8.0)])[:, None]
    job = ClusterJob(k=9, norm_bound=2048.0, evaluate=True)
    labels = session.cluster(job, points, points).labels_N
    assert labels is not None
    assert len(set(zip(labels.tolist(), points.ravel().tolist(), strict=True))) == 9
