"""What a shard leaves for the second level: sums and sizes of its clusters, which stay shares.

Shape letters: N points, K clusters, D dimensions of a point, M of a payload.
"""

from dataclasses import dataclass, field

import torch

from mpc.clustering.inner_products import Points
from mpc.engine.context import SharedTensor
from mpc.engine.openings import masked, multiply, open_now
from mpc.protocols.comparison import local


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ShardSums:
    """Shares of a shard's result; exact integers, zero for empty clusters."""

    points_enc_KD: SharedTensor = field(repr=False)
    """Sums of the points of each cluster, `POINT_BITS` fractional bits."""
    payload_enc_KM: SharedTensor = field(repr=False)
    """Sums of their payloads and, in a last column, their number, (K, M + 1)."""
    origin_enc_D: SharedTensor | None = field(repr=False)
    """What points were measured from; None if they were not centred."""


def shard_sums(assignment_enc_NK: SharedTensor, points: Points) -> ShardSums:
    """Add up points and payloads in every cluster.

    Parameters
    ----------
    assignment_enc_NK : SharedTensor, (N, K)
        Rows one-hot, or zero for rejected points.
    points : Points

    Notes
    -----
    Cost: one round, 8 N K bytes from each party to each other. Leakage: none.
    """
    assignment = open_now(masked(assignment_enc_NK))
    counts_enc_K1 = local(assignment_enc_NK, lambda p: p.sum(0)[:, None])
    payload_enc_KM = multiply("id,ik->dk", assignment, points.payload)
    both = torch.cat([payload_enc_KM.share, counts_enc_K1.share], dim=1)
    return ShardSums(
        points_enc_KD=multiply("id,ik->dk", assignment, points.rows),
        payload_enc_KM=payload_enc_KM.like(both),
        origin_enc_D=points.origin_enc_D,
    )
