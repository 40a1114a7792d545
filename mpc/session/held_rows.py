"""Clusterings of rows that one process holds: in one job, or in shards.

Shape letters: N rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mpc.errors import BudgetError, InputError
from mpc.jobs.bounds import Prepared, with_bounds
from mpc.jobs.job import MAX_POINTS, ClusterJob
from mpc.jobs.job_numbers import integer_of
from mpc.jobs.result import ClusterResult, Session
from mpc.jobs.shard_plan import planned_shards, shard_clusters
from mpc.reference.session import PlainSession
from mpc.session.session import SecureSession
from mpc.session.sharded import cluster_in_shards


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardSizes:
    """How large shards are."""

    size: int
    """Most rows of a shard."""
    k: int
    """Clusters of each shard."""


def shard_sizes(k: int | None, shard_size: int | None, shard_k: int | None) -> ShardSizes | None:
    """Return how large shards are; None if all rows are to be one job.

    Parameters
    ----------
    k : int or None
        Clusters of all rows.
    shard_size : int, optional
        Most rows of a shard; None: no shards.
    shard_k : int, optional
        Clusters of a shard; None: see `mpc.jobs.shard_plan.shard_clusters`.

    Raises
    ------
    InputError
        Shards have clusters but no size, or k is left open.
    """
    if shard_size is None:
        if shard_k is not None:
            raise InputError(f"shard_k={shard_k} but shard_size is not given")
        return None
    if k is None:
        raise InputError("a sharded clustering needs a number of clusters; it cannot choose one")
    clusters = shard_clusters(k) if shard_k is None else integer_of("shard_k", shard_k)
    return ShardSizes(size=integer_of("shard_size", shard_size), k=clusters)


def bounded_job(
    job: ClusterJob, given: Prepared, owners: Sequence[int] | None, shards: ShardSizes | None
) -> ClusterJob:
    """Return the job of all rows with its bounds; refuse rows that do not fit it.

    Raises
    ------
    InputError, BudgetError
    """
    if shards is None:
        if len(given.points_ND) > MAX_POINTS:
            raise BudgetError(
                f"{len(given.points_ND)} rows, but at most {MAX_POINTS} fit a job; give a "
                "shard_size, such as 8000, to cluster them in shards"
            )
        job.check_points(given.points_ND, given.payload_ND)
        return with_bounds(job, given.points_ND, given.payload_ND)
    if job.is_private:
        raise InputError("a guarantee is for rows of one job; leave shard_size out")
    of_shard, _ = planned_shards(
        job, given.points_ND, given.payload_ND, owners, shard_size=shards.size, shard_k=shards.k
    )
    return replace(
        job,
        norm_bound=of_shard.norm_bound,
        value_bound=of_shard.value_bound,
        payload_bound=of_shard.payload_bound,
    )


def cluster_rows(
    session: Session,
    job: ClusterJob,
    given: Prepared,
    owners: Sequence[int] | None,
    shards: ShardSizes | None,
) -> ClusterResult:
    """Cluster rows in a session, in one job or in shards; raises as `SecureSession.cluster`."""
    if shards is None:
        return session.cluster(job, given.points_ND, given.payload_ND, owners)
    if not isinstance(session, SecureSession | PlainSession):
        raise InputError(f"a {type(session).__name__} cannot cluster in shards")
    return cluster_in_shards(
        session,
        job,
        given.points_ND,
        given.payload_ND,
        owners,
        shard_size=shards.size,
        shard_k=shards.k,
    )
