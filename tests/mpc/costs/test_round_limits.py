"""Rounds of messages of a federation's round, step by step: 20 clients, 5 clusters."""

from dataclasses import replace

import pytest

from mpc.costs.job_cost import job_cost, total
from mpc.jobs.job import ClusterJob, Init
from mpc.roles.dry_run import JobShape

LEADERS = ClusterJob(
    k=5,
    init="leaders",
    restarts=4,
    centre=False,
    norm_bound=1.0,
    value_bound=1.0,
    payload_bound=1.0,
)
FRESH = replace(LEADERS, init="random", restarts=64)
JOBS = {
    "fresh": (FRESH, 2),
    "slow": (FRESH, 3),
    "both": (replace(FRESH, start="both"), 2),
    "warm": (replace(FRESH, start="warm", iterations=1), 1),
    "leaders": (LEADERS, 2),
    "beside leaders": (replace(LEADERS, start="both"), 2),
}
"""Jobs, and iterations; the last of more than one changes nothing."""
NORMS = {2: 4, 3: 12}
"""By number of parties; all further steps take the same rounds."""
CHOSEN = {"iteration 1": 3, "iteration 2": 7}
"""The first two iterations, after which only the best start goes on."""
ROUNDS = {
    "fresh": {"start": 2, **CHOSEN, "iteration 3": 3},
    "slow": {"start": 2, **CHOSEN, "iteration 3": 6, "iteration 4": 3},
    "both": {"start": 4, **CHOSEN, "iteration 3": 3},
    "warm": {"start": 2, "iteration 1": 5},
    "leaders": {"start": 8, **CHOSEN, "iteration 3": 3},
    "beside leaders": {"start": 10, **CHOSEN, "iteration 3": 3},
}
MEANS = {"means": 3}


@pytest.mark.parametrize("parties", [2, 3])
@pytest.mark.parametrize("name", JOBS)
def test_rounds_by_step(name: str, parties: int) -> None:
    job, iterations = JOBS[name]
    shape = JobShape(job=job, num_points=20, dim=1280, payload=1800, num_parties=parties)
    steps = job_cost(shape, iterations=iterations, converged=iterations < job.iterations)
    rounds = {step: cost.rounds for step, cost in steps.items()}
    assert rounds == {"norms": NORMS[parties]} | ROUNDS[name] | MEANS


def test_totals_between_two_parties() -> None:
    totals = {name: NORMS[2] + sum(ROUNDS[name].values()) + MEANS["means"] for name in JOBS}
    assert totals == {
        "fresh": 22,
        "slow": 28,
        "both": 24,
        "warm": 14,
        "leaders": 28,
        "beside leaders": 30,
    }


@pytest.mark.parametrize(
    ("init", "restarts", "start", "in_all"),
    [("farthest-first", 1, 43, 73), ("random", 32, 0, 31)],
)
def test_rounds_with_the_number_of_clusters_left_open(
    init: Init, restarts: int, start: int, in_all: int
) -> None:
    """Norms and the choice take more than with k given: the points themselves are needed."""
    job = replace(FRESH, k=None, init=init, restarts=restarts)
    shape = JobShape(job=job, num_points=20, dim=1280, payload=1800, num_parties=2)
    steps = job_cost(shape, iterations=2, converged=True)
    assert steps["start"].rounds == start
    cost = total(steps.values())
    assert cost.rounds == in_all
    assert cost.dealer_to_first + cost.dealer_to_others < 20e6


@pytest.mark.parametrize(("restarts", "megabytes"), [(32, 3.8), (64, 6.1), (128, 11.3)])
@pytest.mark.parametrize("parties", [2, 3])
def test_what_the_dealer_sends_for_random_rows(
    parties: int, restarts: int, megabytes: float
) -> None:
    job = replace(FRESH, restarts=restarts)
    shape = JobShape(job=job, num_points=20, dim=1280, payload=1800, num_parties=parties)
    cost = total(job_cost(shape, iterations=2, converged=True).values())
    sent = cost.dealer_to_first + (parties - 1) * cost.dealer_to_others
    assert 0.9 * megabytes < sent / 1e6 <= megabytes
    assert cost.online < 2e6
