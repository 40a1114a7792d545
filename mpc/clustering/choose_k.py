"""Choice of the number of clusters under sharing, by the rule of `mpc.reference.separation`.

All candidates k = 1, 2, ... are clustered in one batch. Candidate k is legal if none of its
clusters is empty and every two of their means are farther apart than their spread explains. Only
the largest legal k is opened.

Shape letters: N points, K clusters of a candidate, C columns of all candidates, E pairs of all
candidates, G candidates.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import torch

from mpc.clustering.inner_products import InnerProducts, Points
from mpc.engine.context import SharedTensor
from mpc.engine.openings import Masked, masked, open_batch, open_now
from mpc.engine.reveal import CHOSEN_K, Revealer
from mpc.gates.pairs import pairs_of
from mpc.protocols import division
from mpc.protocols.comparison import less_than_zero, local, truncate_local
from mpc.protocols.lookup import equals_zero, look_up
from mpc.reference.separation import RESOLUTION, pair_allowance, size_allowances
from mpc.ring.fixedpoint import GRAM_BITS, FloatArray, Int64Array
from mpc.ring.quotient_tables import HIGHER_SHIFT, counts_up_to, of_counts, tables_of

_SHARE_BITS: Final = 44
"""Fractional bits of the inner product of a sum and a mean, at most N in magnitude."""
_MEAN_BITS: Final = 54
"""Fractional bits of the inner product of two means, and of margins, at most 2^7 in magnitude."""
_MARGIN_FRACTION: Final = 30
"""Fractional bits of a margin after truncation, when it is compared."""
MARGIN_BITS: Final = _MARGIN_FRACTION + 9


def chosen_k(
    points: Points, inner: InnerProducts[Masked], assignment: Masked, k_max: int, revealer: Revealer
) -> int:
    """Open the largest legal number of clusters.

    Parameters
    ----------
    points : Points
    inner : InnerProducts
    assignment : Masked, (N, C)
        Columns of the candidates 1 .. k_max.
    k_max : int
        1 .. 16.
    revealer : Revealer

    Notes
    -----
    The inner product of means i and j is X_ij / (c_i c_j), with X = S^T G S. The within-cluster sum
    of squares is the sum of squared norms of valid points minus the sum of X_ii / c_i.

    Cost: 7 + R_lt rounds; E comparisons of `MARGIN_BITS` bits. Leakage: the number.
    """
    if k_max == 1:
        return 1
    blocks = tuple(range(1, k_max + 1))
    low, high = pairs_of(blocks)
    counts_enc_C = local(assignment.secret, lambda p: p.sum(0))
    num_points, dim = points.rows.share.shape
    between_enc_CC, of_counts_enc = open_batch(
        inner.between_sums(assignment), look_up(counts_enc_C, list(_tables(num_points, dim, k_max)))
    )
    by_one, by_other, allowances, empty_enc_C = _by_kind(of_counts_enc)
    # One element X_ij / c_i for each pair (i, j), then one for each cluster (i, i).
    rows, columns = _with_diagonal(low, high, sum(blocks))
    x_enc = local(between_enc_CC, lambda x: x[rows, columns])
    shares_enc = _divided(x_enc, by_one, rows)
    within_enc_G = _within(points, shares_enc, blocks)
    means_enc, spreads_enc_C = _second_division(
        shares_enc, within_enc_G, by_other, allowances, columns, blocks
    )
    margins_enc_E = _margins(means_enc, spreads_enc_C, low, high)
    failed_enc_E = less_than_zero(margins_enc_E, MARGIN_BITS)
    legal_enc_G = _legal(failed_enc_E, empty_enc_C, blocks)
    return _opened(legal_enc_G, revealer)


Pair = tuple[SharedTensor, SharedTensor]


def _by_kind(of_counts_enc: Sequence[SharedTensor]) -> tuple[Pair, Pair, Pair, SharedTensor]:
    """Group the table entries of counts: 1/c at two scales, allowances, and [c = 0]."""
    a, b, c, d, e, f, empty_enc_C = of_counts_enc
    return (a, b), (c, d), (e, f), empty_enc_C


@lru_cache(maxsize=4)
def _tables(num_points: int, dim: int, k_max: int) -> tuple[Int64Array, ...]:
    """Return public tables over counts, (2^d,), and tables of allowances, (C, 2^d)."""
    by_one = tables_of(
        of_counts(num_points, lambda c: 2.0 ** (_SHARE_BITS - GRAM_BITS) / c), HIGHER_SHIFT
    )
    scale = 2.0 ** (_MEAN_BITS - _SHARE_BITS)
    by_other = tables_of(of_counts(num_points, lambda c: scale / c), HIGHER_SHIFT)
    allowances = tables_of(scale * _allowances(num_points, dim, k_max), HIGHER_SHIFT)
    empty = (counts_up_to(num_points) == 0).astype(np.int64)
    return (
        *(by_one.low, by_one.rest),
        *(by_other.low, by_other.rest),
        *(allowances.low, allowances.rest),
        empty,
    )


def _allowances(num_points: int, dim: int, k_max: int) -> FloatArray:
    """Return half the allowance of two clusters of size c, divided by N - k, (C, 2^d)."""
    of_sizes = np.zeros(len(counts_up_to(num_points)))
    of_sizes[: num_points + 1] = size_allowances(num_points)
    halves = of_sizes + pair_allowance(dim) / 2
    candidates = np.repeat(np.arange(1, k_max + 1), np.arange(1, k_max + 1))
    return np.asarray(halves / (num_points - candidates)[:, None], dtype=np.float64)


def _with_diagonal(
    low: Int64Array, high: Int64Array, columns: int
) -> tuple[Int64Array, Int64Array]:
    diagonal = np.arange(columns)
    return np.concatenate([low, diagonal]), np.concatenate([high, diagonal])


def _divided(x_enc: SharedTensor, by: Pair, at: Int64Array) -> SharedTensor:
    """Return shares of x / c, where c is the count at each element's column; one round."""
    low_enc, rest_enc = (local(of, lambda t: t[at]) for of in by)
    low, rest, x = open_batch(
        masked(low_enc),
        masked(rest_enc),
        division.split(x_enc, signed=True, shift=HIGHER_SHIFT),
    )
    return division.quotients(x, low, rest)


def _within(points: Points, shares_enc: SharedTensor, blocks: tuple[int, ...]) -> SharedTensor:
    """Return shares of within-cluster sums of squares, (G,), with `_SHARE_BITS`."""
    columns = sum(blocks)

    def less(shares: torch.Tensor) -> torch.Tensor:
        total = points.sqnorms_enc_N.share.sum() << (_SHARE_BITS - GRAM_BITS)
        between_squares = torch.split(shares[-columns:], list(blocks))
        within: torch.Tensor = total - torch.stack([part.sum() for part in between_squares])
        return within

    return local(shares_enc, less)


def _second_division(
    shares_enc: SharedTensor,
    within_enc_G: SharedTensor,
    by_other: Pair,
    allowances: Pair,
    columns: Int64Array,
    blocks: tuple[int, ...],
) -> tuple[SharedTensor, SharedTensor]:
    """Divide by the other count, and multiply spreads by allowances: (E + C,), (C,); one round."""
    candidate_of = np.repeat(np.arange(len(blocks)), blocks)
    pairs = len(columns)
    x_enc = shares_enc.like(torch.cat([shares_enc.share, within_enc_G.share[candidate_of]]))
    factors = [
        of.like(torch.cat([of.share[columns], by.share]))
        for of, by in zip(by_other, allowances, strict=True)
    ]
    low, rest, x = open_batch(
        masked(factors[0]),
        masked(factors[1]),
        division.split(x_enc, signed=True, shift=HIGHER_SHIFT),
    )
    both_enc = division.quotients(x, low, rest)
    return (
        local(both_enc, lambda q: q[:pairs].clone()),
        local(both_enc, lambda q: q[pairs:].clone()),
    )


def _margins(
    means_enc: SharedTensor, spreads_enc_C: SharedTensor, low: Int64Array, high: Int64Array
) -> SharedTensor:
    """Return shares of the distances of pairs beyond their allowances, (E,); no round."""
    num_pairs = len(low)
    resolution = round(RESOLUTION * 2.0**_MARGIN_FRACTION)

    def margin(means: torch.Tensor) -> torch.Tensor:
        own = means[num_pairs:]
        between = own[low] + own[high] - 2 * means[:num_pairs]
        spread = spreads_enc_C.share
        margins: torch.Tensor = between - spread[low] - spread[high]
        return margins

    return truncate_local(local(means_enc, margin), _MEAN_BITS - _MARGIN_FRACTION) - resolution


def _legal(
    failed_enc_E: SharedTensor, empty_enc_C: SharedTensor, blocks: tuple[int, ...]
) -> SharedTensor:
    """Return shares of [no pair fails and no cluster is empty] per candidate, (G,); one round."""
    pairs = [size * (size - 1) // 2 for size in blocks]

    def per_block(failed: torch.Tensor) -> torch.Tensor:
        fails = [part.sum() for part in torch.split(failed, pairs)]
        empties = [part.sum() for part in torch.split(empty_enc_C.share, list(blocks))]
        return torch.stack([a + b for a, b in zip(fails, empties, strict=True)])

    most = pairs[-1] + blocks[-1]
    return open_now(equals_zero(local(failed_enc_E, per_block), most.bit_length()))


def _opened(legal_enc_G: SharedTensor, revealer: Revealer) -> int:
    """Open the largest legal candidate; 1 is always legal. Two rounds."""
    num_candidates = legal_enc_G.size(0) - 1
    index_enc_1 = local(legal_enc_G, lambda b: (b[1:] << torch.arange(num_candidates)).sum()[None])
    largest = [1] + [value.bit_length() + 1 for value in range(1, 1 << num_candidates)]
    (k_enc_1,) = open_now(look_up(index_enc_1, [np.array(largest, dtype=np.int64)]))
    opened = open_now(revealer.reveal(k_enc_1, CHOSEN_K, why="k chosen under sharing"))
    return max(1, int(opened[0])) if opened is not None else 1
