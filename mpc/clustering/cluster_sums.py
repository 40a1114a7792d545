"""Averaging inside clusters: each point's secret-shared cluster sum and size.

Shape letters: N points, K clusters, M of a payload, W data owners.
"""

from collections.abc import Sequence

import numpy as np
import torch

from mpc.engine.context import SharedTensor
from mpc.engine.openings import DeferredOpening, Masked, masked, multiply, open_batch, open_now
from mpc.jobs.result import TOO_SMALL
from mpc.protocols.comparison import local
from mpc.protocols.lookup import equals_zero, look_up
from mpc.ring.fixedpoint import Int64Array


def cluster_sums(
    assignment_enc_NK: SharedTensor,
    payload: Masked,
    min_cluster_size: int,
    owner_of_N: Sequence[int] | None = None,
) -> SharedTensor:
    """Return shares of each point's cluster sum and size side by side, (N, M + 1).

    Points of a cluster with fewer owners than the minimum have sum 0 and size `TOO_SMALL`, so the
    cluster is not opened. Rejected points have sum 0 and size 0.

    Parameters
    ----------
    assignment_enc_NK : SharedTensor, (N, K)
        Rows one-hot, or zero for rejected points.
    payload : Masked, (N, M)
        Ring integers.
    min_cluster_size : int
        Least number of owners with a point in the cluster.
    owner_of_N : sequence of int, optional
        The owner of each point, 0 .. W - 1; public. None: each point has its own.

    Notes
    -----
    Let Z_k be the sum and size of cluster k, and s_k the secret bit that it is too small. Its
    points get Z_k - s_k Z_k. Clusters are disjoint, so two sums of one owner differ by two whole
    clusters, each of at least the minimum.

    Cost: 2 rounds, or 3 with a minimum size above 1, or 4 where an owner holds several points; 8 (N
    K + K (M + 1)) bytes from each party to each other, and 8 K (M + 3) more with a minimum,
    and 8 W K more where an owner holds several points. Leakage: none.
    """
    pending = masked(assignment_enc_NK)
    if min_cluster_size == 1:
        assignment = open_now(pending)
        return own_rows(assignment, _sums(assignment, payload))
    assignment, small_enc_K = _with_small(pending, assignment_enc_NK, min_cluster_size, owner_of_N)
    sums_enc = _sums(assignment, payload)
    return own_rows(assignment, withheld(sums_enc, small_enc_K))


def withheld(sums_enc: SharedTensor, small_enc_K: SharedTensor) -> SharedTensor:
    """Return sums and sizes, (K, M + 1), with zeros and `TOO_SMALL` for small clusters; one round.

    Parameters
    ----------
    sums_enc : SharedTensor, (K, M + 1)
    small_enc_K : SharedTensor, (K,)
        1 for a cluster that is too small, else 0.
    """
    small, sums = open_batch(masked(small_enc_K), masked(sums_enc))
    taken_enc = multiply("i,id->id", small, sums)
    opened = sums_enc.share - taken_enc.share
    opened[:, -1] += TOO_SMALL * small_enc_K.share
    return sums_enc.like(opened)


def own_rows(assignment: Masked, sums_enc: SharedTensor) -> SharedTensor:
    """Return each point's row of its cluster's sums."""
    return multiply("ij,jk->ik", assignment, open_now(masked(sums_enc)))


def _sums(assignment: Masked, payload: Masked) -> SharedTensor:
    """Return shares of every cluster's sum and number of points, (K, M + 1); no round."""
    sums_enc_KM = multiply("id,ik->dk", assignment, payload)
    counts_enc_K1 = local(assignment.secret, lambda p: p.sum(0)[:, None])
    return sums_enc_KM.like(torch.cat([sums_enc_KM.share, counts_enc_K1.share], dim=1))


def _with_small(
    pending: DeferredOpening[Masked],
    assignment_enc_NK: SharedTensor,
    min_cluster_size: int,
    owner_of_N: Sequence[int] | None,
) -> tuple[Masked, SharedTensor]:
    """Send an opening, and find in this or the next round which clusters have too few owners."""
    owners = np.arange(assignment_enc_NK.size(0)) if owner_of_N is None else np.asarray(owner_of_N)
    num_owners, most = num_owners_and_most(owners)
    if most == 1:
        counts_enc_K = local(assignment_enc_NK, lambda p: p.sum(0))
        opened, (small_enc_K,) = open_batch(
            pending, _look_up_small(counts_enc_K, num_owners, min_cluster_size)
        )
        return opened, small_enc_K
    held_enc_WK = local(assignment_enc_NK, lambda p: by_owner(p, owners, num_owners))
    opened, absent_enc_WK = open_batch(pending, equals_zero(held_enc_WK, most.bit_length()))
    present_enc_K = local(absent_enc_WK, lambda absent: -absent.sum(0)) + num_owners
    (small_enc_K,) = open_now(_look_up_small(present_enc_K, num_owners, min_cluster_size))
    return opened, small_enc_K


def num_owners_and_most(owner_of_N: Sequence[int] | Int64Array) -> tuple[int, int]:
    """Return the number of owners, and the largest number of points of one owner."""
    held_W = np.unique(np.asarray(owner_of_N), return_counts=True)[1]
    return len(held_W), int(held_W.max())


def _look_up_small(
    counts_enc_K: SharedTensor, most: int, min_cluster_size: int
) -> DeferredOpening[list[SharedTensor]]:
    too_small = np.arange(1 << most.bit_length()) < min_cluster_size
    return look_up(counts_enc_K, [too_small.astype(np.int64)])


def by_owner(assignment_NK: torch.Tensor, owners: Int64Array, num_owners: int) -> torch.Tensor:
    """Return the number of each owner's points in each cluster, (W, K)."""
    held = torch.zeros(num_owners, assignment_NK.shape[1], dtype=torch.int64)
    return held.index_add(0, torch.from_numpy(owners.astype(np.int64)), assignment_NK)
