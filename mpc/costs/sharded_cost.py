"""The exact cost of a sharded clustering: that of its shards, and of all that follows them.

Let J = S k be the clusters of S shards. The second level takes 5 rounds for points and weights, and
then the rounds of a job on J points with a k-means++ start. Its bytes depend on N by the size of
look-up tables only. A reassignment of a shard's points takes 3 rounds and those of
`mpc.protocols.argmin.nearest`; between two reassignments there are 6 rounds for means, and after
the last one those that withhold small clusters. Results of a shard of N points take one round, and
8 (N K + K (M + 1)) bytes from each party to each other.

Shape letters: N points of a shard, k clusters of a shard, K clusters of the second level, D
dimensions of a point, M of a payload.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from mpc.costs.job_cost import Cost, cost_of, job_steps, steps_done, total
from mpc.jobs.encoding import shape_of
from mpc.jobs.job import ClusterJob
from mpc.jobs.sharding import final_job
from mpc.roles.dry_run import JobShape, StepCounts
from mpc.roles.sharded_dry_run import (
    SecondLevelShape,
    ShardShape,
    dry_hand_back,
    dry_join,
    dry_reassignment,
    dry_second_level,
)

Steps = Mapping[str, StepCounts]
"""Counts of the steps of one job, by name, in the order in which they are done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardedShape:
    """The public shape of a sharded clustering."""

    job: ClusterJob
    """Of the first shard, with all its bounds; see `mpc.jobs.shard_plan.planned_shards`."""
    shards: tuple[ShardShape, ...]
    """Points of each shard, and whose they are."""
    dim: int
    payload: int
    num_parties: int

    @property
    def second_level(self) -> SecondLevelShape:
        """The shape of the second level."""
        return SecondLevelShape(
            job=shape_of(final_job(self.job)),
            shards=self.shards,
            clusters=self.job.k or 1,
            dim=self.dim,
            payload=self.payload,
            num_parties=self.num_parties,
        )

    def of_shard(self, number: int) -> JobShape:
        """Return the shape of the job of shard 1, 2, ..."""
        shard = self.shards[number - 1]
        return JobShape(
            job=shape_of(replace(self.job, shard=number)),
            num_points=shard.num_points,
            dim=self.dim,
            payload=self.payload,
            owner_of_N=shard.owner_of_N,
            num_parties=self.num_parties,
        )


def sharded_steps(
    shape: ShardedShape, *, iterations: Sequence[int] | None = None, final: int | None = None
) -> tuple[Steps, ...]:
    """Return the counts of every job of a sharded clustering, in the order of jobs.

    Parameters
    ----------
    shape : ShardedShape
    iterations : sequence of int, optional
        Reassignments done in each shard; None: as many as are possible. If they are fewer, the
        last one found that nothing changed, as in `mpc.costs.job_cost.job_cost`.
    final : int, optional
        The same for the second level.

    Returns
    -------
    tuple of mapping
        Of each shard; of the second level; for each reassignment of points, of every shard and of
        what joins them; and of handing results back to each shard.
    """
    most, last = shape.job.iterations, shape.job.final_iterations
    done = [most] * len(shape.shards) if iterations is None else iterations
    level = last if final is None else final
    shards = [
        _of_shard(shape.of_shard(number), of, converged=of < most)
        for number, of in enumerate(done, start=1)
    ]
    counted = partial(dry_second_level, shape.second_level)
    second = steps_done(counted, iterations=level, ends=level < last)
    again = shape.job.point_reassignments
    reassigned = [
        steps
        for number in range(1, again + 1)
        for steps in _of_reassignment(shape.second_level, last=number == again)
    ]
    clusters = (shape.job.final_k if again else shape.job.k) or 1
    results = [
        _of_results(shard.num_points, clusters, shape.payload, shape.num_parties)
        for shard in shape.shards
    ]
    return (*shards, second, *reassigned, *results)


def sharded_cost(
    shape: ShardedShape, *, iterations: Sequence[int] | None = None, final: int | None = None
) -> Cost:
    """Return the cost of all jobs of a sharded clustering; parameters are of `sharded_steps`.

    Notes
    -----
    The dealer deals all tuples of an iteration that is cut short; the cost includes only the
    requests that it reached.
    """
    jobs = sharded_steps(shape, iterations=iterations, final=final)
    return total(cost_of(counts) for steps in jobs for counts in steps.values())


@lru_cache(maxsize=4)
def _of_shard(shape: JobShape, iterations: int, *, converged: bool) -> Steps:
    """Return the counts of a shard's job; most shards have the same shape."""
    return job_steps(shape, iterations=iterations, converged=converged)


def _of_reassignment(shape: SecondLevelShape, *, last: bool) -> Iterator[Steps]:
    """Yield the counts of reassigning the points of every shard, and of what joins them."""
    for number in range(1, len(shape.shards) + 1):
        yield _of_points(shape.reassignment(number, last=last))
    yield dry_join(shape, last=last)


_of_points = lru_cache(maxsize=4)(dry_reassignment)
_of_results = lru_cache(maxsize=4)(dry_hand_back)
