"""The second level of a sharded clustering: k-means of the clusters of all shards, by weight.

Cluster j of all shards has a sum of points s_j and a size c_j, which are shares. Its point is x_j =
s_j / c_j, and its weight w_j is c_j, or a public multiple of c_j, rounded, if there are more points
than a job holds. Distances are those of a job on points x_j; sums and counts of clusters are
weighted. An empty cluster has weight 0 and is in no cluster, like a rejected point.

Shape letters: J clusters of all shards, K clusters of the second level, C columns of its starts, D
dimensions of a point, M of a payload, N points and W owners of one shard, k clusters of one shard.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

import numpy as np
import torch

from mpc.clustering import restarts, seeding
from mpc.clustering.centring import high_part
from mpc.clustering.cluster_sums import by_owner, num_owners_and_most, own_rows, withheld
from mpc.clustering.distances import comparable
from mpc.clustering.inner_products import Points, RowInnerProducts
from mpc.clustering.lloyd import Weights, lloyd_secret_labels
from mpc.engine.context import SharedTensor
from mpc.engine.openings import Masked, masked, multiply, open_batch, open_now
from mpc.engine.reveal import Revealer
from mpc.engine.steps import Steps
from mpc.jobs.job import ClusterJob
from mpc.jobs.sharding import most_weight, weights_of_sizes
from mpc.protocols.comparison import less_than_zero, local
from mpc.protocols.division import split
from mpc.protocols.lookup import equals_zero, look_up
from mpc.ring.fixedpoint import GRAM_BITS, Int64Array
from mpc.ring.public_draws import public_draws
from mpc.ring.quotient_tables import MEAN_SHIFT, mean_reciprocals


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ShardShares:
    """A party's shares of a shard's result."""

    points_enc_KD: SharedTensor = field(repr=False)
    payload_enc_KM: SharedTensor = field(repr=False)
    """(k, M + 1); see `mpc.clustering.shard_sums.ShardSums`."""
    assignment_enc_NK: SharedTensor = field(repr=False)
    owner_of_N: Sequence[int]

    @property
    def num_points(self) -> int:
        """N."""
        return self.assignment_enc_NK.size(0)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SecondLevel:
    """The result of the second level."""

    iterations: int
    results: tuple[SharedTensor, ...] = field(repr=False)
    """For each shard, what owners of each of its clusters receive, (k, M + 1): the sum and the size
    of its cluster of the second level, or zeros and `TOO_SMALL`."""


def second_level(
    job: ClusterJob, shards: Sequence[ShardShares], *, revealer: Revealer, meter: Steps
) -> SecondLevel:
    """Cluster the clusters of all shards, and add up payloads.

    Parameters
    ----------
    job : ClusterJob
        From `mpc.jobs.sharding.final_job`.
    shards : sequence of ShardShares
    revealer : Revealer
        Opens whether an iteration changed nothing.
    meter : Steps

    Notes
    -----
    Cost: see `mpc.costs.sharded_cost`. Leakage: one bit an iteration, from the third on.
    """
    k, blocks = job.k or 1, job.blocks(job.k or 1)
    with meter.step("norms"):
        points, inner, weights = _weighted_points(shards)
    with meter.step("start"):
        draws_BK = public_draws(job.seed, points.num_points, job.restarts, k)
        sqdist_enc_JC = seeding.plus_plus(points, RowInnerProducts(points.rows), k, draws_BK)
        start = comparable(sqdist_enc_JC, GRAM_BITS, blocks, weights.most)
    found = lloyd_secret_labels(
        points.valid.secret,
        inner,
        start,
        blocks,
        job.iterations,
        revealer,
        meter,
        weights=weights,
    )
    with meter.step("choice"):
        best_enc_JK = _best(inner, found.assignment_enc_NK, weights, blocks)
    with meter.step("means"):
        results_enc = _results(best_enc_JK, shards, job.min_cluster_size)
    sizes = [shard.points_enc_KD.size(0) for shard in shards]
    parts = torch.split(results_enc.share, sizes)
    return SecondLevel(
        iterations=found.iterations,
        results=tuple(results_enc.like(part.clone()) for part in parts),
    )


def hand_back(assignment_enc_NK: SharedTensor, results_enc_KM: SharedTensor) -> SharedTensor:
    """Return shares of what each point's owner receives, (N, M + 1).

    Parameters
    ----------
    assignment_enc_NK : SharedTensor, (N, k)
        Of a shard; rows one-hot, or zero for rejected points.
    results_enc_KM : SharedTensor, (k, M + 1)
        From `second_level`.

    Notes
    -----
    Cost: one round, 8 (N k + k (M + 1)) bytes from each party to each other. Leakage: none.
    """
    assignment, results = open_batch(masked(assignment_enc_NK), masked(results_enc_KM))
    return multiply("ij,jk->ik", assignment, results)


def _weighted_points(
    shards: Sequence[ShardShares],
) -> tuple[Points, RowInnerProducts, Weights]:
    """Return points x_j, their inner products with weighted sums, and their weights.

    Notes
    -----
    Cost: 5 rounds, J look-ups; 8 (4 J D + 4 J) bytes from each party to each other. Leakage: none.
    """
    sums_enc_JD = _joined([shard.points_enc_KD for shard in shards])
    payload_enc_JM = _joined([shard.payload_enc_KM for shard in shards])
    sizes = tuple(shard.num_points for shard in shards)
    counts_enc_J = local(payload_enc_JM, lambda z: z[:, -1].clone())
    tables = _tables(max(sizes), sum(sizes), counts_enc_J.size(0))
    entries = open_now(look_up(counts_enc_J, tables))
    sums, reciprocals, weights, valid = open_batch(masked(sums_enc_JD), *map(masked, entries))
    scaled_enc_JD = multiply("i,id->id", reciprocals, sums)
    rows_enc_JD = high_part(open_now(split(scaled_enc_JD, signed=True, shift=MEAN_SHIFT)))
    rows, payload = open_batch(masked(rows_enc_JD), masked(payload_enc_JM))
    weighted = open_now(masked(multiply("i,id->id", weights, rows)))
    points = Points(
        rows=rows,
        sqnorms_enc_N=multiply("id,id->i", rows, rows),
        valid=valid,
        payload=payload,
    )
    inner = RowInnerProducts(rows, weighted)
    return points, inner, Weights(of=weights, most=most_weight(sum(sizes)))


@lru_cache(maxsize=4)
def _tables(most: int, num_points: int, num_clusters: int) -> tuple[Int64Array, ...]:
    """Return tables over a cluster's size: its reciprocal, its weight, and [it has points]."""
    weights = weights_of_sizes(most, num_points, num_clusters)
    return mean_reciprocals(most), weights, (weights > 0).astype(np.int64)


def _best(
    inner: RowInnerProducts,
    assignment_enc_JC: SharedTensor,
    weights: Weights,
    blocks: Sequence[int],
) -> SharedTensor:
    """Return the start with least inertia, (J, K)."""
    assignment = open_now(masked(assignment_enc_JC))
    if len(blocks) == 1:
        return assignment_enc_JC
    counts_enc_C = multiply("i,ik->k", weights.of, assignment)
    of_weights = open_now(restarts.look_up_for_between(counts_enc_C, weights.most))
    between_enc_B = restarts.between_squares(inner, assignment, of_weights, blocks)
    return restarts.best_of(between_enc_B, assignment, blocks[0])


def _results(
    assignment_enc_JK: SharedTensor, shards: Sequence[ShardShares], min_cluster_size: int
) -> SharedTensor:
    """Return what owners of each cluster of each shard receive, (J, M + 1).

    Notes
    -----
    Cost: 2 rounds, with a minimum size above 1 one more and R_lt, and one more where an owner holds
    several points. Leakage: none.
    """
    payload_enc_JM = _joined([shard.payload_enc_KM for shard in shards])
    assignment, payload = open_batch(masked(assignment_enc_JK), masked(payload_enc_JM))
    sums_enc_KM = multiply("id,ik->dk", assignment, payload)
    if min_cluster_size > 1:
        owners_enc_K = _owners_in_clusters(assignment, sums_enc_KM, shards)
        most = sum(shard.num_points for shard in shards)
        bits = max(most, min_cluster_size).bit_length() + 1
        small_enc_K = less_than_zero(owners_enc_K - min_cluster_size, bits)
        sums_enc_KM = withheld(sums_enc_KM, small_enc_K)
    return own_rows(assignment, sums_enc_KM)


def _owners_in_clusters(
    assignment: Masked, sums_enc_KM: SharedTensor, shards: Sequence[ShardShares]
) -> SharedTensor:
    """Return shares of the number of owners with a point in each cluster, (K,)."""
    counted = [num_owners_and_most(shard.owner_of_N) for shard in shards]
    most = max(of_one for _, of_one in counted)
    if most == 1:
        return local(sums_enc_KM, lambda z: z[:, -1].clone())
    sizes = [shard.points_enc_KD.size(0) for shard in shards]
    held = [local(shard.assignment_enc_NK, partial(_held, shard.owner_of_N)) for shard in shards]
    maps = [assignment.party.holds(part.clone()) for part in torch.split(assignment.share, sizes)]
    opened = open_batch(*map(masked, [*held, *maps]))
    pairs = zip(opened[: len(held)], opened[len(held) :], strict=True)
    held_enc_WK = _joined([multiply("ij,jk->ik", *pair) for pair in pairs])
    absent_enc_WK = open_now(equals_zero(held_enc_WK, most.bit_length()))
    return local(absent_enc_WK, lambda absent: -absent.sum(0)) + held_enc_WK.size(0)


def _held(owner_of_N: Sequence[int], assignment_NK: torch.Tensor) -> torch.Tensor:  # noqa: N803
    """Return the number of each owner's points in each cluster, (W, k)."""
    owners = np.asarray(owner_of_N)
    return by_owner(assignment_NK, owners, num_owners_and_most(owners)[0])


def _joined(parts: Sequence[SharedTensor]) -> SharedTensor:
    """Put the rows of several tensors below one another."""
    return parts[0].like(torch.cat([part.share for part in parts]))
