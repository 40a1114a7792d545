"""K-means++ with restarts under sharing: the twin's labels, scikit-learn's inertia."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_blobs
from sklearn.preprocessing import StandardScaler

from mpc import ClusterJob, ClusterResult, PlainSession, SecureSession
from mpc.jobs.job import RevealPolicy
from mpc.ring.fixedpoint import FloatArray
from mpc.ring.public_draws import public_draws
from tests.mpc.opened_labels import labels_of

Session = PlainSession | SecureSession
WITHIN = 1.01
"""Of the inertia that scikit-learn reaches with ten restarts."""


def standardised(load: Callable[[], Any]) -> FloatArray:
    return np.asarray(StandardScaler().fit_transform(load().data))


def blobs() -> FloatArray:
    made = make_blobs(300, centers=8, n_features=6, cluster_std=2.0, random_state=0)
    return np.asarray(made[0])


DATA: dict[str, tuple[Callable[[], FloatArray], int, int]] = {
    "iris": (lambda: load_iris().data, 3, 2),
    "wine": (lambda: standardised(load_wine), 3, 2),
    "breast cancer": (lambda: standardised(load_breast_cancer), 2, 2),
    "blobs": (blobs, 8, 4),
}
"""Points, K, and as many restarts as reach the inertia with seed 0."""


@cache
def data_of(name: str) -> FloatArray:
    points: FloatArray = np.ascontiguousarray(DATA[name][0](), dtype=np.float64)
    return points


def inertia(points: FloatArray, result: ClusterResult) -> float:
    """Sum of squared distances to the means of opened labels."""
    labels_N = labels_of(result)
    parts = [points[labels_N == label] for label in np.unique(labels_N)]
    return float(sum(((part - part.mean(axis=0)) ** 2).sum() for part in parts))


def job_of(points: FloatArray, k: int, **given: object) -> ClusterJob:
    settings = {
        "k": k,
        "init": "k-means++",
        "iterations": 100,
        "norm_bound": float(np.linalg.norm(points, axis=1).max()),
        "centre": False,
        "min_cluster_size": 1,
        "evaluate": True,
    }
    return ClusterJob(**{**settings, **given})  # type: ignore[arg-type]


def run(session: Session, job: ClusterJob, points: FloatArray) -> ClusterResult:
    assert isinstance(job.norm_bound, float)
    return session.cluster(job, points, points / job.norm_bound, owners=[0] * len(points))


def assert_twins(result: ClusterResult, twin: ClusterResult) -> None:
    assert np.array_equal(labels_of(result), labels_of(twin))
    assert np.array_equal(result.sizes_N, twin.sizes_N)
    assert result.iterations == twin.iterations
    assert np.abs(result.means_NM - twin.means_NM).max() < 2.0**-24


@pytest.mark.slow
@pytest.mark.parametrize("name", DATA)
def test_labels_are_the_twin_s_and_inertia_is_scikit_learn_s(
    secure_session: SecureSession, name: str
) -> None:
    points, (_, k, restarts) = data_of(name), DATA[name]
    job = job_of(points, k, restarts=restarts)
    result = run(secure_session, job, points)
    assert_twins(result, run(PlainSession(), job, points))
    theirs = KMeans(k, n_init=10, random_state=0).fit(points).inertia_
    assert inertia(points, result) < WITHIN * theirs


@pytest.mark.slow
def test_handwritten_digits(opened: Callable[[int], SecureSession]) -> None:
    """1797 points, 10 clusters; a single start by this seed is as good as scikit-learn's ten."""
    points = load_digits().data
    job = job_of(points, 10, seed=2)
    result = run(opened(2), job, points)
    assert_twins(result, run(PlainSession(), job, points))
    theirs = KMeans(10, n_init=10, random_state=0).fit(points).inertia_
    assert inertia(points, result) < WITHIN * theirs


def cloud(seed: int = 0) -> FloatArray:
    """Five overlapping clouds, so that starts end in different places."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(5, 3))[np.arange(40) % 5] + 0.4 * rng.normal(size=(40, 3))
    return np.asarray(points / np.linalg.norm(points, axis=1).max())


@pytest.mark.slow
@pytest.mark.parametrize("reveal", ["own-mean", "assignments", "distances"])
def test_any_number_of_restarts_under_every_policy(session: Session, reveal: RevealPolicy) -> None:
    points = cloud()
    for restarts in (1, 4):
        job = job_of(points, 5, restarts=restarts, reveal=reveal, seed=4)
        assert_twins(run(session, job, points), run(PlainSession(), job, points))


@pytest.mark.slow
def test_the_best_of_restarts_is_taken_wherever_it_stands(session: Session) -> None:
    """A restart's draws are the same however many there are, so that more are never worse."""
    points, places = cloud(1), set()
    for seed in (0, 1, 2):
        draws = public_draws(seed, len(points), 4, 5)
        assert np.array_equal(draws[:2], public_draws(seed, len(points), 2, 5))
        reached = [
            inertia(points, run(session, job_of(points, 5, restarts=b, seed=seed), points))
            for b in (1, 2, 4)
        ]
        assert all(more <= few + 1e-5 for few, more in zip(reached, reached[1:], strict=False))
        places.add(int(np.argmin(np.round(reached, 6))))
    assert len(places) > 1


def test_another_seed_starts_elsewhere_and_the_same_does_not(session: Session) -> None:
    points = cloud(2)
    jobs = [job_of(points, 5, seed=seed, iterations=1) for seed in (0, 0, 1, 2, 3)]
    labels = [tuple(labels_of(run(session, job, points)).tolist()) for job in jobs]
    assert labels[0] == labels[1]
    assert len(set(labels)) == 4


def test_seeds_larger_than_64_bits_are_public_draws_too(session: Session) -> None:
    points = cloud(3)
    job = job_of(points, 3, seed=1 << 200, restarts=2)
    assert_twins(run(session, job, points), run(PlainSession(), job, points))


@pytest.mark.slow
def test_many_restarts_are_a_tournament(opened: Callable[[int], SecureSession]) -> None:
    points = cloud(4)[:12]
    job = job_of(points, 2, restarts=100, iterations=3)
    assert_twins(run(opened(2), job, points), run(PlainSession(), job, points))


@pytest.mark.slow
def test_all_restarts_go_on_until_the_last_is_done(session: Session) -> None:
    points = cloud(5)
    alone = [run(session, job_of(points, 5, seed=0, restarts=b), points) for b in (1, 2, 4, 6)]
    iterations = [result.iterations for result in alone]
    assert iterations == sorted(iterations)
    assert iterations[-1] > iterations[0]
