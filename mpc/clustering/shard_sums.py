"""What a shard leaves for the second level and what follows it, all of which stays shares.

Shape letters: N points, K clusters, D dimensions of a point, M of a payload.
"""

from dataclasses import dataclass, field

import torch

from mpc.clustering.inner_products import Points
from mpc.engine.context import SharedTensor
from mpc.engine.openings import masked, multiply, open_now
from mpc.protocols.comparison import local


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ShardRows:
    """Shares of a shard's points and payloads, kept for their reassignment."""

    points_enc_ND: SharedTensor = field(repr=False)
    """Within the bound; rejected points are at the origin."""
    valid_enc_N: SharedTensor = field(repr=False)
    """1 for valid points, 0 for rejected ones."""
    payload_enc_NM: SharedTensor = field(repr=False)
    """Those of rejected points are unchanged."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ShardSums:
    """Shares of a shard's result; exact integers, zero for empty clusters."""

    points_enc_KD: SharedTensor = field(repr=False)
    """Sums of the points of each cluster, `POINT_BITS` fractional bits."""
    payload_enc_KM: SharedTensor = field(repr=False)
    """Sums of their payloads and, in a last column, their number, (K, M + 1)."""
    origin_enc_D: SharedTensor | None = field(repr=False)
    """What points were measured from; None if they were not centred."""
    rows: ShardRows | None = field(repr=False)
    """None if points are not reassigned."""


def shard_sums(
    assignment_enc_NK: SharedTensor, points: Points, *, keep_rows: bool = False
) -> ShardSums:
    """Add up points and payloads in every cluster.

    Parameters
    ----------
    assignment_enc_NK : SharedTensor, (N, K)
        Rows one-hot, or zero for rejected points.
    points : Points
    keep_rows : bool
        Whether points and payloads are needed again.

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
        rows=_rows_of(points) if keep_rows else None,
    )


def _rows_of(points: Points) -> ShardRows:
    return ShardRows(
        points_enc_ND=points.rows.secret,
        valid_enc_N=points.valid.secret,
        payload_enc_NM=points.payload.secret,
    )
