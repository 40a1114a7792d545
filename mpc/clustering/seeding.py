"""First centres: distances of all points to K centres, secret-shared or given as public rows.

Shape letters: N points, K clusters, B restarts, C = B K columns.
"""

from collections.abc import Sequence

import numpy as np
import torch

from mpc.clustering.inner_products import InnerProducts, Points, ShareInnerProducts
from mpc.engine.context import SharedTensor
from mpc.engine.openings import Masked, masked, multiply, open_batch, open_now
from mpc.protocols.argmin import one_hot_min
from mpc.protocols.comparison import less_than_zero, local
from mpc.ring.fixedpoint import EXACT_BITS, GRAM_BITS, Int64Array
from mpc.ring.public_draws import draw_bits


def given_rows(
    points: Points, inner: InnerProducts[Masked] | ShareInnerProducts, rows: tuple[int, ...]
) -> SharedTensor:
    """Return shares of squared distances to public rows minus each point's squared norm, (N, K).

    The centre of a rejected row is the origin.

    Notes
    -----
    Cost: none with a Gram matrix; else one round, 8 D K bytes. Leakage: none.
    """
    sqnorms = local(points.sqnorms_enc_N, lambda n: n[list(rows)])
    return sqnorms - local(inner.with_rows(rows), lambda u: 2 * u)


def farthest_first(points: Points, inner: InnerProducts[Masked], k: int) -> SharedTensor:
    """Return shares of squared distances to k chosen points, (N, K), `GRAM_BITS` bits.

    The first is the first valid point; each further one is the point farthest from those chosen.
    Ties go to the lowest index.

    Notes
    -----
    Cost, with g = 0 rounds for a Gram matrix and 1 for rows: 1 + R_lt (or 2) to find the first
    point, 2 + g to set out from it, then k - 1 times A_N + 1 + g and k - 2 times R_lt + 1.
    Leakage: none.
    """
    first_enc_N1 = local(_first_valid(points.valid), lambda f: f[:, None])
    sqnorms, first = open_batch(masked(points.sqnorms_enc_N), masked(first_enc_N1))
    sqdist_enc_N1 = _distances(points, inner, sqnorms, first)
    chosen = [sqdist_enc_N1.share]
    # One unit more than the distance; 0 for a rejected point.
    nearest_enc_N1 = _weighted(points.valid, sqdist_enc_N1 + 1)
    while len(chosen) < k:
        nearness_enc_1N = local(nearest_enc_N1, lambda d: -d.t()) + (4 << GRAM_BITS)
        farthest_enc_1N = one_hot_min(nearness_enc_1N, EXACT_BITS)
        pick = open_now(masked(local(farthest_enc_1N, lambda e: e.t().contiguous())))
        sqdist_enc_N1 = _distances(points, inner, sqnorms, pick)
        chosen.append(sqdist_enc_N1.share)
        if len(chosen) < k:
            nearest_enc_N1 = _minimum(nearest_enc_N1, sqdist_enc_N1 + 1)
    return sqdist_enc_N1.like(torch.cat(chosen, dim=1))


def plus_plus(
    points: Points, inner: InnerProducts[Masked], k: int, draws_BK: Int64Array
) -> SharedTensor:
    """Return shares of squared distances to k points for each of B restarts, (N, C).

    K-means++: the first point is drawn uniformly, each further one with probability proportional to
    its squared distance to the nearest point drawn before. The draws are public; the drawn points
    are secret.

    Parameters
    ----------
    draws_BK : ndarray of int64, (B, K)
        1 .. 2^q - 1 with q = `draw_bits(N)`.

    Notes
    -----
    The j-th cumulative sum of weights is compared with a public fraction of their total; the first
    that reaches it is drawn. Cost, with g as for `farthest_first`: k times R_lt + 1 + g rounds, one
    more to set out and k - 1 times R_lt + 1, less one; B N comparisons of 64 bits and B N of
    `EXACT_BITS`. Leakage: none.

    References
    ----------
    Arthur, Vassilvitskii: k-means++: the advantages of careful seeding, SODA 2007.
    """
    sqnorms = open_now(masked(points.sqnorms_enc_N))
    restarts = len(draws_BK)
    weights_enc_NB = local(points.valid.secret, lambda b: b[:, None].expand(-1, restarts))
    columns: list[torch.Tensor] = []
    for index in range(k):
        drawn_enc_NB = _drawn(weights_enc_NB, draws_BK[:, index])
        pick = open_now(masked(drawn_enc_NB))
        sqdist_enc_NB = _distances(points, inner, sqnorms, pick)
        columns.append(sqdist_enc_NB.share)
        if index == 0:
            weights_enc_NB = _weighted(points.valid, sqdist_enc_NB)
        elif index < k - 1:
            weights_enc_NB = _minimum(weights_enc_NB, sqdist_enc_NB)
    dist_NBK = torch.stack(columns, dim=2)
    return sqdist_enc_NB.like(dist_NBK.reshape(len(dist_NBK), -1))


def _first_valid(valid: Masked) -> SharedTensor:
    """Return shares of the one-hot row of the first valid point, (N,); zeros if there is none."""
    num_points = len(valid.share)
    so_far_enc_N = local(valid.secret, lambda b: b.cumsum(0))
    none_enc_N = less_than_zero(so_far_enc_N - 1, (num_points + 1).bit_length() + 1)
    return local(none_enc_N, _minus_steps) + _unit(num_points)


def _minus_steps(none_so_far: torch.Tensor) -> torch.Tensor:
    """Return q_(j-1) - q_j, with q_(-1) = 0, of a row q that falls from 1 to 0 once."""
    return -none_so_far.diff(prepend=none_so_far.new_zeros(1))


def _unit(num_points: int) -> torch.Tensor:
    unit = torch.zeros(num_points, dtype=torch.int64)
    unit[0] = 1
    return unit


def _drawn(weights_enc_NB: SharedTensor, draws_B: Int64Array) -> SharedTensor:
    """Return shares of the one-hot columns of the drawn points, (N, B)."""
    bits = draw_bits(weights_enc_NB.size(0))
    fraction = torch.from_numpy(np.asarray(draws_B))

    def behind(weights: torch.Tensor) -> torch.Tensor:
        reached = weights.cumsum(0)
        return fraction * reached[-1] - (reached << bits)

    reached_enc_NB = less_than_zero(local(weights_enc_NB, behind) - 1, 64)
    zeros = torch.zeros(1, len(draws_B), dtype=torch.int64)
    return local(reached_enc_NB, lambda r: r.diff(dim=0, prepend=zeros))


def _distances(
    points: Points, inner: InnerProducts[Masked], sqnorms: Masked, pick: Masked
) -> SharedTensor:
    """Return shares of squared distances to the points of one-hot columns, (N, B)."""
    u_enc_NB = inner.with_sums(pick)
    picked_enc_B = multiply("i,ik->k", sqnorms, pick)
    own_enc_N1 = local(points.sqnorms_enc_N, lambda n: n[:, None])
    return own_enc_N1 + picked_enc_B - local(u_enc_NB, lambda x: 2 * x)


def _weighted(valid: Masked, sqdist_enc_NB: SharedTensor) -> SharedTensor:
    """Return shares of distances, zero for rejected points; one round."""
    dist = open_now(masked(sqdist_enc_NB))
    return multiply("i,id->id", valid, dist)


def _minimum(x_enc: SharedTensor, y_enc: SharedTensor) -> SharedTensor:
    """Return shares of the elementwise minimum; R_lt + 1 rounds."""
    gain_enc = y_enc - x_enc
    return x_enc + less_than_zero(gain_enc, EXACT_BITS) * gain_enc


def columns_of(sqdist_enc_NK: SharedTensor, blocks: Sequence[int]) -> SharedTensor:
    """Return the first K_1, K_2, ... columns side by side: a start for every block."""
    return local(sqdist_enc_NK, lambda d: torch.cat([d[:, :size] for size in blocks], dim=1))
