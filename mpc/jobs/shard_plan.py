"""Which points are clustered in which shard, and the job of the shards.

Shape letters: N points, D dimensions of a point, M of a payload, R points of a shard.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from mpc.errors import InputError
from mpc.jobs.arrays import check_arrays
from mpc.jobs.bounds import public_bound, with_bounds
from mpc.jobs.encoding import check_bounds
from mpc.jobs.job import MAX_COLUMNS, MAX_POINTS, ClusterJob
from mpc.jobs.job_numbers import integer_of
from mpc.jobs.order import rows_by_owner
from mpc.jobs.rows import encode_payload, encode_point
from mpc.jobs.sharding import drawn_order
from mpc.ring.fixedpoint import FloatArray

SHARD_SIZE: Final = 8000
"""Default most points of a shard."""
_AT_ONCE: Final = 16
"""Most clusters whose distances are all compared with one another; more take more rounds."""
_NEAR: Final = 1e-6
"""Rounding error of a sum of sizes."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Shard:
    """The points of one shard."""

    number: int
    """1, 2, ..."""
    rows: list[int] = field(repr=False)
    """Among all N points, (R,)."""
    owners: list[int] = field(repr=False)
    """Number of each row's owner, (R,)."""
    owner_names: Mapping[str, list[int]] = field(repr=False)
    """The same: the rows of each owner by its role, `client:0` .."""


def planned_shards(
    job: ClusterJob,
    points_ND: FloatArray,
    payload_NM: FloatArray,
    owners: Sequence[int] | None,
    *,
    shard_size: int = SHARD_SIZE,
    shard_k: int | None = None,
) -> tuple[ClusterJob, list[Shard]]:
    """Return the job of the first shard with all its bounds, and the points of all shards.

    Parameters
    ----------
    job : ClusterJob
        What is asked of all points.
    points_ND, payload_NM, owners, shard_size, shard_k
        As `mpc.session.sharded.cluster_in_shards` has them.

    Raises
    ------
    InputError, BudgetError
        The shards are too large, too small or too many, the job cannot be sharded, or a row is over
        a bound that its owner can test.
    """
    check_arrays(points_ND, payload_NM)
    shard_size = integer_of("shard_size", shard_size)
    if not 1 <= shard_size <= MAX_POINTS:
        raise InputError(f"shard_size={shard_size} but a shard has 1 to {MAX_POINTS} points")
    if job.k is None or job.is_shard:
        raise InputError("a sharded clustering needs a job with k given that is no shard itself")
    num_points = len(points_ND)
    shards = cut_in_shards(rows_by_owner(owners, num_points), shard_size, job.seed)
    if len(shards) < 2:
        raise InputError(
            f"{num_points} points fit one shard of {shard_size}; use a job without shards"
        )
    clusters = shard_clusters(job.k) if shard_k is None else integer_of("shard_k", shard_k)
    fewest = min(len(shard.rows) for shard in shards)
    if clusters > fewest:
        raise InputError(
            f"shard_k={clusters} but a shard has only {fewest} points; lower it, or raise "
            "shard_size"
        )
    starts = max(1, min(job.final_restarts, MAX_COLUMNS // job.k))
    job = replace(job, k=clusters, final_k=job.k, final_restarts=starts, shards=len(shards))
    job = _with_bounds(job, points_ND, payload_NM, shards[0].rows)
    for size in {len(shard.rows) for shard in shards}:
        job.check_shapes(size, points_ND.shape[1], payload_NM.shape[1])
        check_bounds(job, size, points_ND.shape[1])
    encode_point(points_ND, job)
    encode_payload(payload_NM, job)
    return job, shards


def shard_clusters(k: int) -> int:
    """Return the default number of clusters of each shard for k clusters of all points.

    It is 2 k, but not more than `mpc.protocols.argmin` compares at once, unless k is.
    """
    return max(k, min(2 * k, _AT_ONCE))


def cut_in_shards(rows: Mapping[str, Sequence[int]], shard_size: int, seed: int) -> list[Shard]:
    """Cut owners, in a public order that is drawn, into shards of about the same size.

    Parameters
    ----------
    rows : mapping of str to sequence of int
        The rows of each owner.
    shard_size : int
        Most points of a shard.
    seed : int

    Raises
    ------
    InputError
        An owner has more rows than a shard has points.
    """
    num_points = sum(map(len, rows.values()))
    for name, held in rows.items():
        if len(held) > shard_size:
            raise InputError(
                f"{name} has {len(held)} rows, but a shard, which has all rows of an owner, has "
                f"{shard_size} at most; raise shard_size"
            )
    target = num_points / math.ceil(num_points / shard_size)
    parts = _parts(rows, drawn_order(seed, list(rows)), target, shard_size)
    return [_shard(at, {name: rows[name] for name in of}) for at, of in enumerate(parts, 1)]


def _parts(
    rows: Mapping[str, Sequence[int]], order: Sequence[str], target: float, most: int
) -> list[list[str]]:
    """Cut owners into parts of about `target` rows each, and no more than `most`."""
    parts: list[list[str]] = []
    done = held = 0
    for name in order:
        count = len(rows[name])
        if done >= len(parts) * target - _NEAR or held + count > most:
            parts.append([])
            held = 0
        parts[-1].append(name)
        held, done = held + count, done + count
    return parts


def _shard(number: int, held: Mapping[str, Sequence[int]]) -> Shard:
    return Shard(
        number=number,
        rows=[row for of in held.values() for row in of],
        owners=[int(name.removeprefix("client:")) for name, of in held.items() for _ in of],
        owner_names={name: list(of) for name, of in held.items()},
    )


def _with_bounds(
    job: ClusterJob, points_ND: FloatArray, payload_NM: FloatArray, first: Sequence[int]
) -> ClusterJob:
    """Return the job with missing bounds; centred points are measured from the first shard's mean.

    Notes
    -----
    Leakage: the parties and the server learn the bounds, each a power of two.
    """
    if job.centre and job.norm_bound is None:
        origin_D = points_ND[first].mean(axis=0)
        job = replace(job, norm_bound=public_bound(points_ND - origin_D))
    return with_bounds(job, points_ND, payload_NM)
