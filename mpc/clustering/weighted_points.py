"""Clusters of shards as points with weights.

Cluster j of all shards has a sum of points s_j and a size c_j, which are shares. Its point is x_j =
s_j / c_j, and its weight w_j is c_j, or a public multiple of c_j, rounded, if there are more points
than a job holds. An empty cluster has weight 0, and counts as a rejected point.

Shape letters: J clusters of all shards, D dimensions of a point, M of a payload, N points of one
shard, k clusters of one shard.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch

from mpc.clustering.centring import high_part
from mpc.clustering.inner_products import Points
from mpc.clustering.lloyd import Weights
from mpc.engine.context import SharedTensor
from mpc.engine.openings import Masked, masked, multiply, open_batch, open_now
from mpc.jobs.sharding import most_weight, weights_of_sizes
from mpc.protocols.comparison import local
from mpc.protocols.division import split
from mpc.protocols.lookup import look_up
from mpc.ring.fixedpoint import Int64Array
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


def weighted_points(
    shards: Sequence[ShardShares],
) -> tuple[Points, Masked, Weights]:
    """Return points x_j, points times their weights, (J, D), and their weights.

    Notes
    -----
    Cost: 5 rounds, J look-ups; 8 (4 J D + 4 J) bytes from each party to each other. Leakage: none.
    """
    sums_enc_JD = joined([shard.points_enc_KD for shard in shards])
    payload_enc_JM = joined([shard.payload_enc_KM for shard in shards])
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
    return points, weighted, Weights(of=weights, most=most_weight(sum(sizes)))


@lru_cache(maxsize=4)
def _tables(most: int, num_points: int, num_clusters: int) -> tuple[Int64Array, ...]:
    """Return tables over a cluster's size: its reciprocal, its weight, and [it has points]."""
    weights = weights_of_sizes(most, num_points, num_clusters)
    return mean_reciprocals(most), weights, (weights > 0).astype(np.int64)


def joined(parts: Sequence[SharedTensor]) -> SharedTensor:
    """Put the rows of several tensors below one another."""
    return parts[0].like(torch.cat([part.share for part in parts]))
