"""The number of clusters chosen under sharing is the twin's, and nothing else is opened."""

import numpy as np
import pytest

from mpc import ClusterJob, ClusterResult, PlainSession, SecureSession
from mpc.jobs.job import K_CANDIDATES_MAX, RevealPolicy
from mpc.ring.fixedpoint import FloatArray
from tests.mpc.opened_labels import labels_of

Session = PlainSession | SecureSession
DRAWS = [(1, 20, 2), (2, 50, 3), (3, 20, 64), (4, 40, 2), (5, 20, 128), (6, 50, 5), (8, 64, 3)]


def blobs(k: int, n: int, dim: int, seed: int = 0) -> FloatArray:
    """Clusters of unit variance an axis, whose centres are 8 apart at least."""
    rng = np.random.default_rng([seed, k, n, dim])
    centres = rng.uniform(-10, 10, (k, dim))
    while k > 1 and nearest_pair(centres) < 8:
        centres = rng.uniform(-10, 10, (k, dim))
    points = centres[np.arange(n) % k] + rng.normal(size=(n, dim))
    return np.asarray(points / np.linalg.norm(points, axis=1).max())


def nearest_pair(centres_KD: FloatArray) -> float:
    dist_KK = np.linalg.norm(centres_KD[:, None] - centres_KD[None, :], axis=2)
    return float(dist_KK[np.triu_indices(len(centres_KD), 1)].min())


def run(
    session: Session,
    points: FloatArray,
    *,
    reveal: RevealPolicy = "own-mean",
    k_max: int = K_CANDIDATES_MAX,
    evaluate: bool = True,
) -> ClusterResult:
    job = ClusterJob(k=None, min_cluster_size=1, reveal=reveal, k_max=k_max, evaluate=evaluate)
    owners = [row % 4 for row in range(len(points))]
    return session.cluster(job, points, points, owners=owners)


@pytest.mark.slow
@pytest.mark.parametrize(("k", "n", "dim"), DRAWS)
def test_the_true_number_is_found(session: Session, k: int, n: int, dim: int) -> None:
    points = blobs(k, n, dim)
    result, twin = run(session, points), run(PlainSession(), points)
    assert result.k == twin.k == k
    assert result.iterations == twin.iterations
    assert np.array_equal(labels_of(result), labels_of(twin))
    assert np.array_equal(result.sizes_N, twin.sizes_N)
    assert np.abs(result.means_NM - twin.means_NM).max() < 2.0**-23


@pytest.mark.slow
def test_it_is_the_twin_s_where_clusters_overlap(secure_session: SecureSession) -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        n, dim = int(rng.integers(4, 60)), int(rng.integers(1, 30))
        points = rng.normal(size=(n, dim)) + 3 * rng.normal(size=(4, dim))[np.arange(n) % 4]
        points /= np.linalg.norm(points, axis=1).max()
        result, twin = run(secure_session, points), run(PlainSession(), points)
        assert (result.k, result.iterations) == (twin.k, twin.iterations)
        assert np.array_equal(labels_of(result), labels_of(twin))


@pytest.mark.parametrize("reveal", ["own-mean", "assignments", "distances"])
def test_under_every_policy(session: Session, reveal: RevealPolicy) -> None:
    points = blobs(3, 24, 6)
    result = run(session, points, reveal=reveal)
    assert result.k == 3
    assert np.array_equal(labels_of(result), labels_of(run(PlainSession(), points)))


def test_all_alike(session: Session) -> None:
    for points in (np.full((9, 3), 0.5), np.zeros((5, 2)), np.ones((1, 1)), np.full((2, 2), 0.1)):
        assert run(session, points).k == 1


@pytest.mark.slow
def test_two_places(session: Session) -> None:
    points = np.repeat([[0.0, 0.9], [0.0, -0.9]], 5, axis=0)
    assert run(session, points).k == 2


@pytest.mark.slow
@pytest.mark.parametrize(("k_max", "k"), [(1, 1), (2, 2), (3, 3), (16, 3)])
def test_no_more_than_was_allowed(session: Session, k_max: int, k: int) -> None:
    found = run(session, blobs(3, 36, 4), k_max=k_max).k
    assert found == k or (k_max == 2 and found in (1, 2))


@pytest.mark.slow
def test_only_the_number_is_opened(secure_session: SecureSession) -> None:
    result = run(secure_session, blobs(3, 24, 6), evaluate=False)
    opened = [(e.what, e.shape) for e in result.ledger if e.to == "parties and server"]
    assert opened.count(("number of clusters", (1,))) == 1
    assert {what for what, _ in opened} == {"number of clusters", "one bit: assignments unchanged"}
    assert result.labels_N is None
