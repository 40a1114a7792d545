"""The default start is as good as scikit-learn's, in few rounds."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn import datasets
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from mpc import ClusterJob, PlainSession, SecureKMeans, SecureSession
from mpc.costs.job_cost import total
from mpc.gates.comparison_choice import Comparing
from mpc.jobs.bounds import with_bounds
from mpc.jobs.default_start import Start, default_restarts, start_of
from mpc.ring.fixedpoint import FloatArray
from tests.mpc.costs.closed_forms import closed_form_of
from tests.mpc.costs.operation_costs import Sizes

SETS: dict[str, Callable[[], Any]] = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "diabetes": datasets.load_diabetes,
}
SLOW = ("digits", "breast cancer", "diabetes", "wine")
CLUSTERS = (2, 3, 5, 8, 12)
SEEDS = range(300, 310)
"""Fresh: none of them was looked at while the default was chosen."""


def rows_of(name: str, standardised: bool) -> FloatArray:
    given = np.asarray(SETS[name]().data, dtype=np.float64)
    return np.asarray(StandardScaler().fit_transform(given) if standardised else given)


@pytest.mark.slow
@pytest.mark.parametrize(
    "standardised",
    [pytest.param(False, marks=pytest.mark.slow), True],
    ids=["raw", "standardised"],
)
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in SETS]
)
def test_inertia_is_scikit_learns_within_two_per_cent(name: str, standardised: bool) -> None:
    points = rows_of(name, standardised)
    for k in CLUSTERS:
        ratios = []
        for seed in SEEDS:
            model = SecureKMeans(
                k, reveal="assignments", session=PlainSession(), random_state=seed
            ).fit(points)
            theirs = KMeans(k, n_init=10, random_state=seed).fit(points)
            ratios.append(model.inertia_ / theirs.inertia_)
        assert np.mean(ratios) <= 1.02, (k, ratios)


@pytest.mark.parametrize("standardised", [False, True], ids=["raw", "standardised"])
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in SETS]
)
def test_rounds_are_at_most_one_and_a_half_times_those_of_one_start(
    name: str, standardised: bool
) -> None:
    """By the closed forms, which real jobs are held to; all that is allowed is counted."""
    points = rows_of(name, standardised)
    centred = points - points.mean(axis=0)
    n, d = points.shape
    sizes = Sizes(num_points=n, dim=d, payload=d, parties=Comparing(2))
    for k in CLUSTERS:
        once = with_bounds(ClusterJob(k=k), centred, centred)
        done = PlainSession().cluster(once, centred, centred).iterations
        before = closed_form_of(once, sizes, iterations=done, converged=done < once.iterations)
        start = start_of(n, k)
        job = replace(once, init=start.init, restarts=start.restarts, iterations=start.iterations)
        now = closed_form_of(job, sizes, iterations=start.iterations, converged=False)
        assert total(now.values()).rounds <= 1.5 * total(before.values()).rounds, k


@pytest.mark.slow
def test_the_default_under_sharing_is_the_twin_s(secure_session: SecureSession) -> None:
    points = rows_of("iris", standardised=True)
    found, twin = (
        SecureKMeans(5, reveal="assignments", session=session, random_state=300).fit(points)
        for session in (secure_session, PlainSession())
    )
    assert np.array_equal(found.labels_, twin.labels_)


@pytest.mark.parametrize(
    ("n", "k", "restarts"), [(150, 2, 12), (150, 12, 32), (8191, 12, 7), (8191, 16, 4), (9, 1, 10)]
)
def test_fewer_starts_for_many_points(n: int, k: int, restarts: int) -> None:
    assert default_restarts(n, k) == restarts


def test_what_is_said_is_kept() -> None:
    said = start_of(100, 4, init="k-means++", restarts=3, iterations=7)
    assert (said.init, said.restarts, said.iterations) == ("k-means++", 3, 7)
    assert start_of(100, 4, restarts=3).iterations == 20
    assert start_of(100, 4, init="farthest-first").restarts == 1
    assert [start_of(50, k, init="leaders").restarts for k in (1, 3, 9)] == [1, 3, 4]
    assert start_of(50, 9, init="leaders", restarts=2).iterations == 20
    assert [start_of(50, k, init="random").restarts for k in (1, 5, 16)] == [1, 64, 63]
    assert start_of(8191, 16, init="random").restarts == 3
    assert start_of(50, 9, init="random", restarts=2) == Start(
        init="random", restarts=2, iterations=20
    )
    assert start_of(100, None).init == "farthest-first"
    assert start_of(100, None, init="random").restarts == 32
    assert start_of(100, None, init="random", k_max=3).restarts == 64
    assert start_of(8191, None, init="random").restarts == 5
    assert start_of(8191, None, init="random", k_max=16).restarts == 1
    assert start_of(100, 0).restarts == 1  # for the job to refuse
    assert start_of(100, 4, rows_given=True).restarts == 1
