"""What a clustering in shards will take: a plan for each of its kinds of jobs.

Shape letters: N points, D dimensions of a point, M of a payload, K clusters.
"""

import math
from dataclasses import replace
from functools import partial

from mpc.costs.job_cost import steps_done
from mpc.costs.plan import JobPlan, as_done, plan_job, plan_of_steps
from mpc.costs.sharded_cost import ShardedShape
from mpc.jobs.job import MAX_COLUMNS
from mpc.jobs.shard_plan import SHARD_SIZE, shard_clusters
from mpc.roles.dry_run import JobShape
from mpc.roles.sharded_dry_run import ShardShape, dry_hand_back, dry_second_level

ShardedPlan = tuple[tuple[str, int, JobPlan], ...]
"""The kinds of jobs: `shard`, `second level` and `results`; how often each is done; its plan."""


def plan_shards(shape: JobShape, *, iterations: int, shard_size: int = SHARD_SIZE) -> ShardedPlan:
    """Count what a clustering in shards takes, in the order in which its jobs are done.

    Parameters
    ----------
    shape : JobShape
        Of all points as if they were one job, each point with an owner of its own.
    iterations : int
        Reassignments in each shard, and in the second level.
    shard_size : int
        Most points of a shard.

    Notes
    -----
    All shards are counted as large as the largest. Results are counted with the shards, whose
    owners receive them.
    """
    shards = math.ceil(shape.num_points / shard_size)
    size = math.ceil(shape.num_points / shards)
    k = shape.job.k or 1
    job = replace(
        as_done(shape.job),
        k=shard_clusters(k),
        final_k=k,
        final_restarts=max(1, min(shape.job.final_restarts, MAX_COLUMNS // k)),
        shards=shards,
    )
    shard = ShardShape(num_points=size, owner_of_N=tuple(range(size)))
    whole = ShardedShape(
        job=job,
        shards=(shard,) * shards,
        dim=shape.dim,
        payload=shape.payload,
        num_parties=shape.num_parties,
    )
    counted = partial(dry_second_level, whole.second_level)
    done = min(iterations, job.final_iterations - 1)
    of_shard = replace(shape, job=job, num_points=size)
    back = dry_hand_back(size, job.k or 1, shape.payload, shape.num_parties)
    level = plan_of_steps(
        replace(of_shard, num_points=shards * (job.k or 1)),
        steps_done(counted, iterations=done, ends=True),
        steps_done(counted, iterations=done + 1, ends=False),
        meets_owners=False,
    )
    return (
        ("shard", shards, plan_job(of_shard, iterations=iterations)),
        ("second level", 1, level),
        ("results", shards, plan_of_steps(of_shard, back, back, meets_owners=False)),
    )
