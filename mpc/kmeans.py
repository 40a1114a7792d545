"""Lloyd's iteration on secret-shared assignments; the twin of the functions in `mpc.plain`.

Assignments S are one-hot rows, secret-shared or, when the policy opens them, a public tensor: the
same code runs on both, because a product with a public tensor is local. With G the Gram matrix and
c the counts, the squared distance of point i to the mean of cluster k, up to a term without k, is
V_k / c_k^2 - 2 U_ik / c_k, where U = G S and V_k = sum_i S_ik U_ik. No centre is ever formed.

An empty cluster gets a distance beyond all others: it captures nothing and stays empty.

Shape letters: N points, K clusters, M of a payload. R_lt and R_eq are the rounds of one batch of
comparisons and of equality tests, see `mpc.compare`.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch

from mpc._crypten import from_share
from mpc.compare import is_zero, less_than_zero, local, one_hot_min, truncate
from mpc.distance import squared_distances
from mpc.fixedpoint import DISTANCE_BITS, TABLE_BITS
from mpc.provider import TruncationSource


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
    Cost: (k - 1) times an argmin over N, one product with the distances, one comparison and one
    product. Leakage: none.
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
            nearest_enc_1N = nearest_enc_1N + less_than_zero(gain_enc_1N) * gain_enc_1N
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
    Cost: R_eq rounds and K (N + 1) equality tests. Leakage: none.
    """
    values = torch.arange(num_points + 1, dtype=torch.int64)
    table = torch.round(2.0**TABLE_BITS / values.clamp(min=1).double()).long()
    table[0] = 0
    hit_enc_KC = is_zero(local(counts_enc_K, lambda c: c[:, None].repeat(1, len(values))) - values)
    reciprocal_enc_K = local(hit_enc_KC, lambda hit: (hit * table).sum(1))
    return reciprocal_enc_K, local(hit_enc_KC, lambda hit: hit[:, 0].clone())


def centre_distances(gram_enc_NN: Any, onehot_NK: Any, source: TruncationSource) -> Any:
    """Return shares of squared distances to cluster means, less each point's own squared norm.

    Parameters
    ----------
    gram_enc_NN : MPCTensor, (N, N)
        `GRAM_BITS` fractional bits, norms at most 1.
    onehot_NK : MPCTensor or Tensor of int64, (N, K)
        Secret-shared or public assignments.
    source : TruncationSource

    Returns
    -------
    MPCTensor, (N, K)
        `DISTANCE_BITS` fractional bits, between -1 and 4; 4 for an empty cluster.

    Notes
    -----
    The same rounded reciprocal multiplies both terms, so its error moves a centre along its own
    direction and leaves comparisons nearly untouched.

    Cost: 7 + R_eq rounds with secret assignments, 2 with public ones. Leakage: none.
    """
    num_points = gram_enc_NN.size(0)
    u_enc_NK = gram_enc_NN.matmul(onehot_NK)
    v_enc_K = (u_enc_NK * onehot_NK).sum(0)
    counts_K = onehot_NK.sum(0)
    if isinstance(onehot_NK, torch.Tensor):
        recip_K = torch.round(2.0**TABLE_BITS / counts_K.clamp(min=1).double()).long()
        empty_K = (counts_K == 0).long()
        recip_K = recip_K * (1 - empty_K)
    else:
        recip_K, empty_K = reciprocals(counts_K, num_points)
    # V <= c^2: cut log2(N) bits so that V / c fits, restore the scale, divide again.
    spare_bits = math.ceil(math.log2(num_points + 1))
    v_over_c_enc_K = truncate(v_enc_K, spare_bits, source) * recip_K
    v_over_c_enc_K = truncate(v_over_c_enc_K, TABLE_BITS - spare_bits, source)
    dist_enc_NK = v_over_c_enc_K * recip_K - local(u_enc_NK * recip_K, lambda u: 2 * u)
    return dist_enc_NK + empty_K * (4 << DISTANCE_BITS)


def agreement(onehot_NK: Any, other_NK: Any) -> Any:
    """Return shares of [two assignments are equal], a 0 or 1 of shape (1,).

    Notes
    -----
    Cost: 1 + R_eq rounds. Leakage: none.
    """
    same_enc = (onehot_NK * other_NK).sum().share.reshape(1)
    return is_zero(from_share(same_enc) - onehot_NK.size(0))


def averaging_groups(onehot_NK: Any, min_cluster_size: int) -> Any:
    """Return who is averaged with whom, (N, N) of 0 or 1: own cluster, or all when it is too small.

    Notes
    -----
    Cost: 1 round, and with a minimum size above 1 another 1 + R_lt. Leakage: none.
    """
    if isinstance(onehot_NK, torch.Tensor):
        same_NN = onehot_NK @ onehot_NK.t()
        small_N = same_NN.sum(1) < min_cluster_size
        return torch.where(small_N[:, None], torch.ones_like(same_NN), same_NN)
    same_enc_NN = onehot_NK.matmul(local(onehot_NK, lambda s: s.t().contiguous()))
    if min_cluster_size == 1:
        return same_enc_NN
    small_enc_N = less_than_zero(same_enc_NN.sum(1) - min_cluster_size)
    small_enc_N1 = local(small_enc_N, lambda s: s[:, None])
    return same_enc_NN + (1 - same_enc_NN) * small_enc_N1


def group_sums(groups_NN: Any, payload_enc_NM: Any) -> Any:
    """Return shares of each point's group sum and size side by side, (N, M + 1).

    Notes
    -----
    Cost: 1 round with secret groups, none with public ones. Leakage: none.
    """
    if isinstance(groups_NN, torch.Tensor):
        sums_enc = local(payload_enc_NM, lambda p: groups_NN @ p)
        sizes_enc = from_share(torch.zeros(len(groups_NN), dtype=torch.int64)) + groups_NN.sum(1)
    else:
        sums_enc = groups_NN.matmul(payload_enc_NM)
        sizes_enc = groups_NN.sum(1)
    return from_share(torch.cat([sums_enc.share, sizes_enc.share[:, None]], dim=1))
