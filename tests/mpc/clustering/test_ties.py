"""Exact ties: the lowest index wins, in every run and for any number of parties."""

from itertools import product

import numpy as np
import pytest

from mpc import ClusterJob, ClusterResult, PlainSession, SecureSession
from mpc.jobs.job import RevealPolicy
from mpc.ring.fixedpoint import FloatArray

Session = PlainSession | SecureSession
RUNS = 10
LATTICES: dict[str, FloatArray] = {
    "line": np.arange(-8, 8)[:, None] / 8.0,
    "square": np.array(list(product(range(4), repeat=2))) / 8.0,
    "cube": np.array(list(product((0.0, 0.5), repeat=3))),
    "cross": np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]]) / 2.0,
    "duplicates": np.repeat(np.array([[0, 1], [1, 0], [-1, 0], [0, -1]]) / 2.0, 3, axis=0),
    "thirds": np.array([[0], [2], [5], [5]]) / 16.0,
    "all the same": np.full((6, 3), 0.25),
}
SLOW = {"square", "cube", "cross"}
JOBS = {
    "4 clusters": ClusterJob(k=4),
    "assignments": ClusterJob(k=3, reveal="assignments"),
    "restarts": ClusterJob(k=3, init="k-means++", restarts=3),
    "given rows": ClusterJob(k=2, init_rows=(0, 1)),
}


def run(session: Session, job: ClusterJob, points: FloatArray) -> ClusterResult:
    return session.cluster(replaced(job), points, points, owners=[0] * len(points))


def replaced(job: ClusterJob) -> ClusterJob:
    return ClusterJob.from_json({**job.as_json(), "min_cluster_size": 1, "evaluate": True})


def found(result: ClusterResult) -> tuple[list[int], int]:
    assert result.labels_N is not None
    return result.labels_N.tolist(), result.iterations


@pytest.mark.slow
@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
@pytest.mark.parametrize(
    "lattice",
    [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in LATTICES],
)
def test_ties_go_to_the_lowest_index(
    secure_session: SecureSession, lattice: str, job: ClusterJob
) -> None:
    points = LATTICES[lattice]
    assert found(run(secure_session, job, points)) == found(run(PlainSession(), job, points))


@pytest.mark.slow
@pytest.mark.parametrize("clusters", [2, 3, 5, 7])
def test_lines_of_all_lengths(secure_session: SecureSession, clusters: int) -> None:
    """Between means of threes, fives and sevens, whose reciprocals are rounded."""
    for length in range(clusters, 33, 3):
        points = (np.arange(length) - length // 2)[:, None] / 16.0
        job = ClusterJob(k=clusters)
        result, twin = run(secure_session, job, points), run(PlainSession(), job, points)
        assert found(result) == found(twin), length


@pytest.mark.slow
@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
@pytest.mark.parametrize("lattice", ["line", "duplicates", "thirds"])
def test_ties_are_decided_alike_every_time(
    secure_session: SecureSession, lattice: str, job: ClusterJob
) -> None:
    points = LATTICES[lattice]
    runs = [found(run(secure_session, job, points)) for _ in range(RUNS)]
    assert runs == runs[:1] * RUNS


@pytest.mark.parametrize("reveal", ["own-mean", "assignments", "distances"])
def test_an_empty_cluster_stays_empty_and_captures_nothing(
    session: Session, reveal: RevealPolicy
) -> None:
    """The second centre is a copy of the first, which takes both points and keeps them."""
    points = np.array([[0.0, 0.5], [0.0, 0.5], [0.5, 0.0], [-0.5, 0.0], [-0.5, 0.1], [0.1, -0.1]])
    job = ClusterJob(k=3, reveal=reveal, init_rows=(0, 1, 3))
    result = run(session, job, points)
    assert result.labels_N is not None
    assert set(result.labels_N.tolist()) == {0, 2}
    assert found(result) == found(run(PlainSession(), job, points))
    assert result.k == 3
    assert sorted(set(result.sizes_N.tolist())) == sorted(set(np.bincount(result.labels_N)) - {0})


@pytest.mark.parametrize("init", ["farthest-first", "k-means++"])
def test_fewer_distinct_points_than_clusters(session: Session, init: str) -> None:
    points = np.array([[0.5, 0.25], [-0.25, 0.125]])[np.arange(8) % 2]
    job = ClusterJob(k=5, init=init)  # type: ignore[arg-type]
    result = run(session, job, points)
    assert result.labels_N is not None
    assert len(set(result.labels_N.tolist())) == 2
    assert result.sizes_N.tolist() == [4] * 8
    assert np.abs(result.means_NM - points).max() < 2.0**-24
    assert found(result) == found(run(PlainSession(), job, points))


@pytest.mark.parametrize("reveal", ["own-mean", "assignments", "distances"])
def test_a_cluster_that_loses_all_its_points_gets_none_back(
    session: Session, reveal: RevealPolicy
) -> None:
    points = np.array([[-5, -5], [-1, -4], [5, -2], [1, 3], [8, -3]]) / 16.0
    rows = (4, 3, 2)
    once = run(session, ClusterJob(k=3, reveal=reveal, init_rows=rows, iterations=1), points)
    assert once.labels_N is not None
    assert once.labels_N.tolist() == [1, 2, 2, 1, 0]
    result = run(session, ClusterJob(k=3, reveal=reveal, init_rows=rows), points)
    assert found(result) == ([1, 1, 0, 1, 0], 3)
