"""Rounds of messages of a federation's round, step by step: 20 clients, 5 clusters."""

from dataclasses import replace

import pytest

from mpc.costs.job_cost import job_cost
from mpc.jobs.job import ClusterJob
from mpc.roles.dry_run import JobShape

FRESH = ClusterJob(
    k=5,
    init="leaders",
    restarts=4,
    centre=False,
    norm_bound=1.0,
    value_bound=1.0,
    payload_bound=1.0,
)
JOBS = {
    "fresh": (FRESH, 2),
    "both": (replace(FRESH, start="both"), 2),
    "warm": (replace(FRESH, start="warm", iterations=1), 1),
}
"""Jobs, and iterations; the last of more than one changes nothing."""
ROUNDS = {
    ("fresh", 2): {"norms": 4, "start": 8, "iteration 1": 3, "iteration 2": 7, "iteration 3": 3},
    ("both", 2): {"norms": 4, "start": 10, "iteration 1": 3, "iteration 2": 7, "iteration 3": 3},
    ("warm", 2): {"norms": 4, "start": 2, "iteration 1": 5},
    ("fresh", 3): {"norms": 12, "start": 8, "iteration 1": 3, "iteration 2": 7, "iteration 3": 3},
    ("both", 3): {"norms": 12, "start": 10, "iteration 1": 3, "iteration 2": 7, "iteration 3": 3},
    ("warm", 3): {"norms": 12, "start": 2, "iteration 1": 5},
}
MEANS = {"means": 3}


@pytest.mark.parametrize("parties", [2, 3])
@pytest.mark.parametrize("name", JOBS)
def test_rounds_by_step(name: str, parties: int) -> None:
    job, iterations = JOBS[name]
    shape = JobShape(job=job, num_points=20, dim=1280, payload=768, num_parties=parties)
    steps = job_cost(shape, iterations=iterations, converged=iterations < job.iterations)
    rounds = {step: cost.rounds for step, cost in steps.items()}
    assert rounds == ROUNDS[name, parties] | MEANS


def test_totals_between_two_parties() -> None:
    totals = {name: sum(ROUNDS[name, 2].values()) + MEANS["means"] for name in JOBS}
    assert totals == {"fresh": 28, "both": 30, "warm": 14}
