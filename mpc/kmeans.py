"""Lloyd's iteration on secret-shared assignments; the twin of the functions in `mpc.plain`.

Assignments S are one-hot rows, secret-shared or, when the policy opens them, a public tensor. Only
kept points count: members P are the rows of S times the secret bits b of `mpc.norms`. With G the
Gram matrix and c the column sums of P, the squared distance of point i to the mean of cluster k, up
to a term without k, is V_k / c_k^2 - 2 U_ik / c_k, where U = G P and V_k = sum_i P_ik U_ik. No
centre is ever formed.

An empty cluster gets a distance beyond all others: it captures nothing and stays empty.

Shape letters: N points, K clusters, M of a payload. R_lt(b) and R_eq(b) are the rounds of one batch
of comparisons and of equality tests on b bits, see `mpc.compare`; n is the bit length of N + 1.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import torch

from mpc._crypten import from_share
from mpc.compare import is_zero, less_than_zero, local, one_hot_min, truncate
from mpc.distance import squared_distances
from mpc.fixedpoint import DISTANCE_BITS, GRAM_BITS, TABLE_BITS
from mpc.lookup import look_up
from mpc.provider import TruncationSource

_GAIN_BITS: Final = GRAM_BITS + 4
"""Two squared distances of kept points, at most 4 but for rounding, differ by less than 2^3."""


def _bits_of_counts(num_points: int) -> int:
    """Return n: differences of counts, or of a count and N + 1, are below 2^n."""
    return (num_points + 1).bit_length()


def rows_as_centres(rows: Sequence[int], num_points: int) -> torch.Tensor:
    """Return the public one-hot start (N, K) whose clusters hold one given point each."""
    onehot_NK = torch.zeros(num_points, len(rows), dtype=torch.int64)
    onehot_NK[list(rows), range(len(rows))] = 1
    return onehot_NK


def farthest_first(gram_enc_NN: Any, k: int) -> Any:
    """Choose k points as first centres: point 0, then always the one farthest from those chosen.

    Returns
    -------
    MPCTensor, (N, K)
        One-hot columns; which points were chosen stays secret.

    Notes
    -----
    Cost: (k - 1) times an argmin over N, and (k - 2) times 2 + R_lt(40)
    rounds. Leakage: none.
    """
    dist_enc_NN = squared_distances(gram_enc_NN)
    num_points = dist_enc_NN.size(0)
    first = torch.zeros(1, num_points, dtype=torch.int64)
    first[0, 0] = 1
    chosen = [from_share(torch.zeros_like(first)) + first]
    nearest_enc_1N = local(dist_enc_NN, lambda d: d[:1].clone())
    while len(chosen) < k:
        chosen.append(one_hot_min(-nearest_enc_1N))
        if len(chosen) < k:
            gain_enc_1N = chosen[-1].matmul(dist_enc_NN) - nearest_enc_1N
            nearest_enc_1N = nearest_enc_1N + less_than_zero(gain_enc_1N, _GAIN_BITS) * gain_enc_1N
    return from_share(torch.cat([row_enc.share for row_enc in chosen]).t().contiguous())


def reciprocals(counts_enc_K: Any, num_points: int) -> tuple[Any, Any]:
    """Look up 1/c for secret counts c in 0..N, and whether c is 0.

    Returns
    -------
    reciprocal_enc_K : MPCTensor, (K,)
        1/c with `TABLE_BITS` fractional bits; 0 where c is 0.
    empty_enc_K : MPCTensor, (K,)
        1 where c is 0, else 0.

    Notes
    -----
    Cost: one round, K look-ups. Leakage: none.
    """
    values = torch.arange(1 << _bits_of_counts(num_points), dtype=torch.int64)
    table = torch.round(2.0**TABLE_BITS / values.clamp(min=1).double()).long()
    table[0] = 0
    empty = (values == 0).long()
    reciprocal_enc_K, empty_enc_K = look_up(counts_enc_K, [table.numpy(), empty.numpy()])
    return reciprocal_enc_K, empty_enc_K


def start_distances(gram_enc_NN: Any, start_NK: Any) -> Any:
    """Return shares of squared distances to first centres, (N, K), `GRAM_BITS` bits; exact.

    Parameters
    ----------
    gram_enc_NN : MPCTensor, (N, N)
        `GRAM_BITS` fractional bits.
    start_NK : MPCTensor or Tensor of int64, (N, K)
        One-hot columns, secret-shared or public: which points are the first centres.

    Notes
    -----
    Cost: one round with a secret start, none with a public one. Leakage: none.
    """
    return squared_distances(gram_enc_NN).matmul(start_NK)


def centre_distances(gram_enc_NN: Any, members_enc_NK: Any, source: TruncationSource) -> Any:
    """Return shares of squared distances to cluster means, less each point's own squared norm.

    Parameters
    ----------
    gram_enc_NN : MPCTensor, (N, N)
        `GRAM_BITS` fractional bits, norms at most 1 but for rounding.
    members_enc_NK : MPCTensor, (N, K)
        Rows one-hot, or zero for points that do not count.
    source : TruncationSource

    Returns
    -------
    MPCTensor, (N, K)
        `DISTANCE_BITS` fractional bits, between -1 and 3 but for rounding; 4 for an empty cluster.

    Notes
    -----
    The same rounded reciprocal multiplies both terms, so its error moves a centre along its own
    direction and leaves comparisons nearly untouched.

    Cost: 7 rounds. Leakage: none.
    """
    num_points = gram_enc_NN.size(0)
    u_enc_NK = gram_enc_NN.matmul(members_enc_NK)
    v_enc_1K = (u_enc_NK * members_enc_NK).sum(0, keepdim=True)
    recip_enc_K, empty_enc_K = reciprocals(members_enc_NK.sum(0), num_points)
    # V <= c^2: cut log2(N) bits so that V / c fits, restore the scale, divide again. Half the range
    # is taken off meanwhile: with 8191 points and rounding, V may be just over 2^62.
    spare_bits = math.ceil(math.log2(num_points + 1))
    v_enc_1K = truncate(v_enc_1K - (1 << 61), spare_bits, source) + (1 << (61 - spare_bits))
    # Both terms over c in one product: a round less.
    over_c_enc = from_share(torch.cat([v_enc_1K.share, u_enc_NK.share])) * recip_enc_K
    v_over_c_enc_1K = local(over_c_enc, lambda x: x[:1].clone())
    v_over_c_enc_1K = truncate(v_over_c_enc_1K, TABLE_BITS - spare_bits, source)
    twice_u_over_c_enc_NK = local(over_c_enc, lambda x: 2 * x[1:])
    dist_enc_NK = v_over_c_enc_1K * recip_enc_K - twice_u_over_c_enc_NK
    return dist_enc_NK + empty_enc_K * (4 << DISTANCE_BITS)


def members_of(onehot_NK: Any, kept_enc_N: Any) -> Any:
    """Return shares of assignments with the rows of left-out points set to zero, (N, K).

    Notes
    -----
    Cost: one round with secret assignments, none with public ones. Leakage: none.
    """
    return local(kept_enc_N, lambda b: b[:, None]) * onehot_NK


def members_and_agreement(
    onehot_enc_NK: Any, members_before_enc_NK: Any, kept_enc_N: Any
) -> tuple[Any, Any]:
    """Return members of new assignments, and whether every kept point stayed where it was.

    Returns
    -------
    members_enc_NK : MPCTensor, (N, K)
    same_enc_1 : MPCTensor, (1,)
        1 if no kept point moved, else 0.

    Notes
    -----
    Cost: 1 + R_eq(n) rounds. Leakage: none.
    """
    clusters = onehot_enc_NK.size(1)
    kept_NK = kept_enc_N.share[:, None].expand(-1, clusters)
    both_enc_2NK = from_share(torch.stack([kept_NK, members_before_enc_NK.share]))
    both_enc_2NK = both_enc_2NK * local(onehot_enc_NK, lambda s: s[None])
    members_enc_NK = local(both_enc_2NK, lambda x: x[0].clone())
    moved_enc_1 = local(both_enc_2NK, lambda x: -x[1].sum().reshape(1)) + kept_enc_N.sum()
    return members_enc_NK, is_zero(moved_enc_1, _bits_of_counts(onehot_enc_NK.size(0)))


def averaging_groups(members_enc_NK: Any, min_cluster_size: int) -> Any:
    """Return who is averaged with whom, (N, N) of 0 or 1: own cluster, or all when it is too small.

    Parameters
    ----------
    members_enc_NK : MPCTensor, (N, K)
        Rows one-hot, or zero for points that do not count: their row and column become zero.
    min_cluster_size : int

    Notes
    -----
    Cost: 1 round, and with a minimum size above 1 another 1 + R_lt(n + 1). Leakage: none.
    """
    reach_enc_NK = members_enc_NK  # the clusters that each point is averaged over
    if min_cluster_size > 1:
        num_points = members_enc_NK.size(0)
        minimum = min(min_cluster_size, num_points + 1)  # more makes every cluster small, too
        excess_enc_K = members_enc_NK.sum(0) - minimum
        small_enc_K = less_than_zero(excess_enc_K, _bits_of_counts(num_points) + 1)
        in_small_enc_NK = members_enc_NK * small_enc_K
        others_enc_NK = local(in_small_enc_NK, lambda s: s.sum(1, keepdim=True) - s)
        reach_enc_NK = members_enc_NK + others_enc_NK
    return reach_enc_NK.matmul(local(members_enc_NK, lambda p: p.t().contiguous()))


def group_sums(groups_enc_NN: Any, payload_enc_NM: Any) -> Any:
    """Return shares of each point's group sum and size side by side, (N, M + 1).

    Notes
    -----
    Cost: 1 round. Leakage: none.
    """
    sums_enc_NM = groups_enc_NN.matmul(payload_enc_NM)
    sizes_enc_N1 = groups_enc_NN.sum(1, keepdim=True)
    return from_share(torch.cat([sums_enc_NM.share, sizes_enc_N1.share], dim=1))
