"""What a clustering in shards will take: a plan for each of its kinds of jobs.

Shape letters: N points, D dimensions of a point, M of a payload, K clusters.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from mpc.costs.job_cost import steps_done
from mpc.costs.plan import JobPlan, as_done, plan_job, plan_of_steps
from mpc.costs.sharded_cost import ShardedShape, Steps
from mpc.jobs.job import MAX_COLUMNS
from mpc.jobs.shard_plan import SHARD_SIZE, shard_clusters
from mpc.roles.dry_run import JobShape
from mpc.roles.sharded_dry_run import (
    SecondLevelShape,
    ShardShape,
    dry_hand_back,
    dry_join,
    dry_reassignment,
    dry_second_level,
)

_ELEMENT_BYTES: Final = 8
_NAME_BYTES: Final = 300
"""About what it takes to keep which rows an owner has."""

ShardedPlan = tuple[tuple[str, int, JobPlan], ...]
"""The kinds of jobs, how often each is done, and its plan. Kinds are `shard`; `second level`;
`reassignment` and `join`; `last reassignment` and `last join`, in which payloads are added up in
place of points; and `results`."""


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
    clusters = k if job.point_reassignments else job.k or 1
    back = dry_hand_back(size, clusters, shape.payload, shape.num_parties)
    level = plan_of_steps(
        replace(of_shard, num_points=shards * (job.k or 1)),
        steps_done(counted, iterations=done, ends=True),
        steps_done(counted, iterations=done + 1, ends=False),
        meets_owners=False,
    )
    return (
        ("shard", shards, plan_job(of_shard, iterations=iterations)),
        ("second level", 1, level),
        *_reassignments(whole.second_level, of_shard),
        ("results", shards, _plan_after(of_shard, back)),
    )


def _reassignments(
    shape: SecondLevelShape, of_shard: JobShape
) -> Iterator[tuple[str, int, JobPlan]]:
    """Plan the reassignments of all points, of each shard and what joins them."""
    shards, again = len(shape.shards), shape.job.point_reassignments
    kinds = (("", again - 1, False), ("last ", 1, True)) if again else ()
    for name, times, last in kinds:
        if times:
            steps = dry_reassignment(shape.reassignment(1, last=last))
            yield f"{name}reassignment", times * shards, _plan_after(of_shard, steps)
            yield f"{name}join", times, _plan_after(of_shard, dry_join(shape, last=last))


def _plan_after(of_shard: JobShape, steps: Steps) -> JobPlan:
    """Plan a job that meets no owners, or whose owners are counted with their shard."""
    return plan_of_steps(of_shard, steps, steps, meets_owners=False)


def kept_bytes(shape: JobShape) -> int:
    """Return about what a party keeps of all shards: points, payloads, assignments, and names."""
    kept = shape.dim + shape.payload + 1 + shard_clusters(shape.job.k or 1)
    return _ELEMENT_BYTES * shape.num_points * kept + _NAME_BYTES * shape.num_owners
