"""Comparisons, argmin and exact truncation on secret-shared ring integers.

All tensors here are ring integers (CrypTen scale 1): the caller keeps track of fractional bits.
Comparisons are CrypTen's: additive to xor shares, a carry tree, and the sign bit back to additive
shares. R_lt, the rounds of one batch of comparisons, is 8 with two parties and 15 with three or
four; R_eq, of equality tests, is 7 and 15. Ties go to the lowest index, always.

Shape letters: B batch, L candidates.
"""

import math
from collections.abc import Callable
from typing import Any, Final

import torch

from mpc._crypten import from_share, open_masked
from mpc.provider import TruncationSource

ALL_PAIRS_MAX: Final = 1 << 18
"""Compare all pairs at once up to this many comparisons; beyond it, run a tournament."""
GROUP: Final = 8
"""Candidates in one group of a tournament."""
_FAR: Final = 1 << 62


def local(x_enc: Any, linear: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """Apply a linear map to each party's own share: no communication."""
    return from_share(linear(x_enc.share))


def is_zero(x_enc: Any) -> Any:
    """Return shares of [x == 0] as integers 0 or 1, same shape.

    Notes
    -----
    Cost: R_eq rounds. Leakage: none.
    """
    return x_enc.eq(0)


def less_than_zero(x_enc: Any) -> Any:
    """Return shares of [x < 0] as integers 0 or 1, same shape; |x| < 2^63.

    Notes
    -----
    Cost: R_lt rounds. Leakage: none.
    """
    return x_enc < 0


def truncate(x_enc: Any, shift: int, source: TruncationSource) -> Any:
    """Divide by 2^shift, off by at most one unit in the last place, never by more.

    Parameters
    ----------
    x_enc : MPCTensor
        |x| < 2^62.
    shift : int
        1..62.
    source : TruncationSource

    Notes
    -----
    With x' = x + 2^62 in (0, 2^63) and a uniform r, z = x' + r mod 2^64 is opened. It wrapped if
    and only if r's top bit is 1 and z's is 0, so that x' >> m = (z >> m) - (r >> m)
    + wrapped * 2^(64 - m), less a borrow of 0 or 1. Unlike CrypTen's truncation it cannot be off by
    2^(64 - m).

    Cost: one round, 8 bytes an element from each party to each other. Leakage: none (z is uniform).

    References
    ----------
    Dalskov, Escudero, Keller: Fantastic Four, USENIX Security 2021, section 5 (probabilistic
    truncation with a known top bit).
    """
    r_enc, shifted_enc, top_enc = source.truncation(tuple(x_enc.size()), shift)
    z = open_masked(x_enc + (1 << 62), r_enc)
    z_shifted = (z >> shift) & ((1 << (64 - shift)) - 1)
    may_wrap = 1 - ((z >> 63) & 1)
    wrapped = from_share(top_enc.share * may_wrap * (1 << (64 - shift)))
    return wrapped - from_share(shifted_enc.share) + (z_shifted - (1 << (62 - shift)))


def one_hot_min(x_enc_BL: Any) -> Any:
    """Return shares of the one-hot row of the smallest candidate, lowest index on ties.

    Parameters
    ----------
    x_enc_BL : MPCTensor, (B, L)
        Between -2^61 and 2^62, so that any two differ by less than 2^63.

    Returns
    -------
    MPCTensor, (B, L)
        Integers 0 or 1, one 1 in each row.

    Notes
    -----
    Cost: all pairs at once take R_lt + ceil(log2(L - 1)) rounds and B L (L - 1) / 2 comparisons; a
    tournament multiplies the rounds by about log_8(L). Leakage: none.
    """
    batch, candidates = x_enc_BL.size()
    if candidates == 1:
        return from_share(torch.zeros(batch, 1, dtype=torch.int64)) + 1
    if candidates <= GROUP or batch * candidates * (candidates - 1) // 2 <= ALL_PAIRS_MAX:
        return _one_hot_min_all_pairs(x_enc_BL)
    return _one_hot_min_tournament(x_enc_BL)


def _one_hot_min_all_pairs(x_enc_BL: Any) -> Any:
    candidates = x_enc_BL.size(1)
    low, high = torch.triu_indices(candidates, candidates, offset=1)
    high_wins_enc = less_than_zero(local(x_enc_BL, lambda x: x[:, high] - x[:, low]))
    low_wins_enc = 1 - high_wins_enc
    duels = torch.zeros(candidates, candidates, dtype=torch.int64)
    duels[low, high] = torch.arange(len(low))
    duels[high, low] = torch.arange(len(low)) + len(low)
    opponents = ~torch.eye(candidates, dtype=torch.bool)
    order_LO = duels[opponents].reshape(candidates, candidates - 1)
    both = torch.cat([low_wins_enc.share, high_wins_enc.share], dim=1)
    return _product_over_last(from_share(both[:, order_LO]))


def _product_over_last(bits_enc: Any) -> Any:
    """Multiply along the last axis by a tree of Beaver products."""
    while (length := bits_enc.size(-1)) > 1:
        half = length // 2
        left, right, rest = torch.split(bits_enc.share, [half, half, length % 2], dim=-1)
        product_enc = from_share(left.contiguous()) * from_share(right.contiguous())
        bits_enc = from_share(torch.cat([product_enc.share, rest], dim=-1))
    return local(bits_enc, lambda x: x[..., 0].clone())


def _one_hot_min_tournament(x_enc_BL: Any) -> Any:
    batch, candidates = x_enc_BL.size()
    groups = math.ceil(candidates / GROUP)
    missing = groups * GROUP - candidates
    padded = torch.nn.functional.pad(x_enc_BL.share, (0, missing))
    far = torch.zeros(groups * GROUP, dtype=torch.int64)
    far[candidates:] = _FAR
    x_enc = from_share(padded) + far
    x_enc = local(x_enc, lambda x: x.reshape(batch * groups, GROUP))
    inside_enc = _one_hot_min_all_pairs(x_enc)
    best_enc = local((inside_enc * x_enc).sum(1), lambda x: x.reshape(batch, groups))
    group_enc = local(one_hot_min(best_enc), lambda x: x.reshape(batch * groups, 1))
    winner_enc = inside_enc * group_enc
    return local(winner_enc, lambda x: x.reshape(batch, groups * GROUP)[:, :candidates].clone())
