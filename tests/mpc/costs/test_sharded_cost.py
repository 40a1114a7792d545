"""Rounds and payload bytes of a real sharded clustering are exactly those of its dry runs."""

from collections.abc import Sequence

import numpy as np
import pytest

from mpc import ClusterJob, SecureSession, cluster_in_shards
from mpc.costs.job_cost import cost_of, total
from mpc.costs.sharded_cost import ShardedShape, sharded_cost, sharded_steps
from mpc.jobs.shard_plan import Shard, planned_shards
from mpc.net.frames import HEADER_BYTES
from mpc.roles.sharded_dry_run import ShardShape
from mpc.traffic import StepCost, Traffic

RNG = np.random.default_rng(4)
POINTS, PAYLOAD = RNG.normal(size=(70, 6)), RNG.normal(size=(70, 3))
JOBS = {
    "restarts": ClusterJob(k=3, init="k-means++", restarts=2, iterations=5),
    "one start": ClusterJob(k=3, init="k-means++", iterations=4, final_restarts=1),
    "not centred": ClusterJob(k=2, centre=False, init="random", restarts=3, iterations=4),
    "no minimum": ClusterJob(k=2, iterations=4, min_cluster_size=1),
    "limit": ClusterJob(k=4, iterations=2, final_iterations=2, point_reassignments=3),
    "none again": ClusterJob(k=3, iterations=3, point_reassignments=0),
    "once": ClusterJob(k=3, iterations=3, point_reassignments=1, min_cluster_size=1),
}
OWNERS: dict[str, list[int] | None] = {
    "one row each": None,
    "pairs": [row // 2 for row in range(70)],
}


def shape_of(shards: Sequence[Shard], job: ClusterJob, num_parties: int) -> ShardedShape:
    """Return the public shape of a sharded clustering."""
    shapes = [
        ShardShape(
            num_points=len(each.rows),
            owner_of_N=tuple(np.unique(each.owners, return_inverse=True)[1].tolist()),
        )
        for each in shards
    ]
    return ShardedShape(job=job, shards=tuple(shapes), dim=6, payload=3, num_parties=num_parties)


def jobs_in(steps: Sequence[StepCost], num_shards: int, reassignments: int) -> list[list[StepCost]]:
    """Return the steps of each job; shards and the second level begin with norms."""
    one = ("distances", "assignments", "means")
    names = [
        [*[one] * num_shards, ("means",) if last else ("norms", "means")]
        for last in [False] * (reassignments - 1) + [True] * (reassignments > 0)
    ]
    rest = [*(job for each in names for job in each), *[("means",)] * num_shards]
    first = len(steps) - sum(map(len, rest))
    jobs: list[list[StepCost]] = []
    for step in steps[:first]:
        if step.name == "norms":
            jobs.append([])
        jobs[-1].append(step)
    for job in rest:
        jobs.append(list(steps[first : first + len(job)]))
        first += len(job)
    return jobs


def done(job: Sequence[StepCost], limit: int) -> int:
    """Return the reassignments of a job: one that only finds that nothing changed is none."""
    rounds = [step.rounds for step in job if step.name.startswith("iteration ")]
    return len(rounds) - (len(rounds) > 2 and rounds[-1] < rounds[1]) if limit else 0


def dealt(traffic: Traffic) -> int:
    """Return the payload bytes of tuples that the dealer sent, as it counted."""
    sent = [
        (entry.bytes_sent, entry.frames_sent)
        for entry in traffic.operations
        if entry.role == "dealer" and entry.operation.endswith("correction")
    ]
    return sum(n for n, _ in sent) - HEADER_BYTES * sum(frames for _, frames in sent)


@pytest.mark.parametrize("name", JOBS)
@pytest.mark.parametrize("owners", OWNERS)
def test_every_step_costs_what_its_dry_run_says(
    secure_session: SecureSession, name: str, owners: str
) -> None:
    others = secure_session.num_parties - 1
    first, shards = planned_shards(JOBS[name], POINTS, PAYLOAD, OWNERS[owners], shard_size=24)
    shape = shape_of(shards, first, secure_session.num_parties)
    result = cluster_in_shards(
        secure_session, JOBS[name], POINTS, PAYLOAD, OWNERS[owners], shard_size=24
    )
    found = jobs_in(result.traffic.steps, len(shards), first.point_reassignments)
    iterations = [done(job, first.iterations) for job in found[: len(shards)]]
    expected = sharded_steps(shape, iterations=iterations, final=result.iterations)
    assert [[(s.name, s.rounds, s.payload_sent) for s in job] for job in found] == [
        [(step, of.rounds, others * cost_of(of).online) for step, of in job.items()]
        for job in expected
    ]
    cost = sharded_cost(shape, iterations=iterations, final=result.iterations)
    assert cost == total(cost_of(of) for job in expected for of in job.values())
    assert cost.rounds == result.traffic.rounds_online


@pytest.mark.parametrize("owners", OWNERS)
def test_the_dealer_sends_what_dry_runs_say(secure_session: SecureSession, owners: str) -> None:
    """A job that reaches its limit in every shard and after them: nothing is dealt in vain."""
    job = ClusterJob(k=4, iterations=1, final_iterations=1)
    first, shards = planned_shards(job, POINTS, PAYLOAD, OWNERS[owners], shard_size=24)
    shape = shape_of(shards, first, secure_session.num_parties)
    result = cluster_in_shards(secure_session, job, POINTS, PAYLOAD, OWNERS[owners], shard_size=24)
    cost = sharded_cost(shape)
    sent = cost.dealer_to_first + (secure_session.num_parties - 1) * cost.dealer_to_others
    assert dealt(result.traffic) == sent
