"""Comparisons, argmin and exact truncation on secret-shared ring integers.

All tensors here are ring integers (CrypTen scale 1): the caller keeps track of fractional bits.
With two parties and a dealer a comparison is one round: open x + r, then evaluate the dealer's keys
there (`mpc.fss`). Otherwise comparisons are circuits on packed bits, see `mpc.boolean`. R_lt, the
rounds of one batch of comparisons, is 1 with two parties and 9, 10, 11 with three, four, five (6
with two and CrypTen's own provider); R_eq, of equality tests on 64 bits, is 6 and 8, 9, 10. A
caller who knows that its numbers are short says so, and pays one round where a look-up in a table
of all their values is small enough (`mpc.lookup`). Ties go to the lowest index, always.

Shape letters: B batch, L candidates, n comparisons.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, Literal

import numpy as np
import torch

from mpc import boolean, lookup
from mpc._crypten import from_share, open_masked, provider, rank_and_parties, share_of
from mpc.fixedpoint import Int64Array
from mpc.fss.words import RingArray
from mpc.provider import TruncationSource

ALL_PAIRS_MAX: Final = 1 << 18
"""Compare all pairs at once up to this many comparisons; beyond it, run a tournament."""
KEYED_PAIRS_MAX: Final = 1 << 14
"""The same where comparisons are by keys, a kilobyte each from the dealer to both parties."""
GROUP: Final = 8
"""Candidates in one group of a tournament."""
KEYED_GROUP: Final = 16
"""Candidates whose pairs are all compared by keys, however many rows there are."""
_FAR: Final = 1 << 62
_MOST_WINS: Final = 255
"""Wins are counted mod 256."""


def local(x_enc: Any, linear: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """Apply a linear map to each party's own share: no communication."""
    return from_share(linear(x_enc.share))


def is_zero(x_enc: Any, bit_length: int = 64) -> Any:
    """Return shares of [x == 0] as integers 0 or 1, same shape.

    Parameters
    ----------
    x_enc : MPCTensor
    bit_length : int
        |x| < 2^bit_length, 1 to 64: the fewer, the fewer rounds and bytes.

    Notes
    -----
    Cost: R_eq(bit_length) rounds. Leakage: none.
    """
    if lookup.pays(x_enc.nelement(), bit_length):
        return lookup.equals_zero(x_enc, bit_length)
    share = share_of(x_enc)
    plane = boolean.zero(share.reshape(-1), bit_length)
    return _from_bits(boolean.unpack(plane, share.size), share.shape)


def less_than_zero(x_enc: Any, bit_length: int = 64) -> Any:
    """Return shares of [x < 0] as integers 0 or 1, same shape.

    Parameters
    ----------
    x_enc : MPCTensor
    bit_length : int
        |x| < 2^(bit_length - 1), 2 to 64: the fewer, the fewer rounds and bytes.

    Notes
    -----
    Cost: R_lt(bit_length) rounds. Leakage: none.
    """
    if lookup.pays(x_enc.nelement(), bit_length):
        return lookup.is_negative(x_enc, bit_length)
    if provider().has_signs:
        signs = _signs(x_enc, bit_length, 64)
        return from_share(signs.view(np.int64).reshape(tuple(x_enc.size())))
    share = share_of(x_enc)
    plane = boolean.negative(share.reshape(-1), bit_length)
    return _from_bits(boolean.unpack(plane, share.size), share.shape)


def _signs(x_enc: Any, bit_length: int, ring_bits: Literal[8, 64]) -> RingArray:
    """Open x + r and evaluate the dealer's keys there: flat shares of [x < 0], mod 2^ring_bits.

    Cost: one round, 8 bytes a number from each party to each other. Leakage: none.
    """
    flat_enc = local(x_enc, lambda x: x.reshape(-1))
    keys = provider().signs(flat_enc.nelement(), bit_length, ring_bits)
    opened = open_masked(flat_enc, from_share(keys.masks))
    signs: RingArray = keys.evaluate(opened.numpy())
    return signs


def _from_bits(bits: boolean.Bits, shape: Sequence[int]) -> Any:
    return from_share(boolean.to_ring(bits.reshape(-1)).reshape(tuple(shape)))


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
    Cost, A_L: all pairs at once are B L (L - 1) / 2 comparisons, in 2 rounds by keys, else in
    R_lt + ceil(log2(L - 1)); a tournament multiplies the rounds by about log_8(L), with a product a
    level. From the dealer to both parties, 1026 bytes a comparison by keys. Leakage: none.
    """
    batch, candidates = x_enc_BL.size()
    if candidates == 1:
        return from_share(torch.zeros(batch, 1, dtype=torch.int64)) + 1
    duels = batch * candidates * (candidates - 1) // 2
    by_keys = provider().has_signs and candidates <= _MOST_WINS
    if candidates <= (KEYED_GROUP if by_keys else GROUP) or duels <= (
        KEYED_PAIRS_MAX if by_keys else ALL_PAIRS_MAX
    ):
        return _one_hot_min_by_wins(x_enc_BL) if by_keys else _one_hot_min_all_pairs(x_enc_BL)
    return _one_hot_min_tournament(x_enc_BL)


def _one_hot_min_by_wins(x_enc_BL: Any) -> Any:
    """Count each candidate's wins, then look up who won all its duels: two rounds."""
    share_BL = share_of(x_enc_BL)
    batch, candidates = share_BL.shape
    low, high = np.triu_indices(candidates, k=1)
    differences_enc = from_share(share_BL[:, high] - share_BL[:, low])
    high_wins = _signs(differences_enc, 64, 8).reshape(batch, len(low))
    low_wins = np.uint8(rank_and_parties()[0] == 0) - high_wins
    both = np.concatenate([low_wins, high_wins], axis=1)
    wins_BL = both[:, _duels(candidates)].sum(axis=2, dtype=np.uint8)
    losses_enc_BL = (candidates - 1) - from_share(wins_BL.astype(np.int64))
    return lookup.equals_zero(losses_enc_BL, (candidates - 1).bit_length())


def _one_hot_min_all_pairs(x_enc_BL: Any) -> Any:
    """Win all duels: the bits stay xor shares until one is left a candidate."""
    share_BL = share_of(x_enc_BL)
    batch, candidates = share_BL.shape
    low, high = np.triu_indices(candidates, k=1)
    differences = share_BL[:, high] - share_BL[:, low]
    plane = boolean.negative(differences.reshape(-1), 64)
    high_wins = boolean.unpack(plane, differences.size).reshape(batch, len(low))
    low_wins = high_wins ^ 1 if rank_and_parties()[0] == 0 else high_wins
    both = np.concatenate([low_wins, high_wins], axis=1)
    wins_BLO = both[:, _duels(candidates)]
    planes_OW = boolean.pack(np.moveaxis(wins_BLO, 2, 0).reshape(candidates - 1, -1))
    won = boolean.unpack(boolean.all_of(planes_OW), share_BL.size)
    return _from_bits(won, share_BL.shape)


@lru_cache(maxsize=64)
def _duels(candidates: int) -> Int64Array:
    """Return (L, L - 1): where each candidate's duels are among low wins, then high wins."""
    low, high = np.triu_indices(candidates, k=1)
    duels = np.zeros((candidates, candidates), dtype=np.int64)
    duels[low, high] = np.arange(len(low))
    duels[high, low] = np.arange(len(low)) + len(low)
    return duels[~np.eye(candidates, dtype=np.bool_)].reshape(candidates, candidates - 1)


def _one_hot_min_tournament(x_enc_BL: Any) -> Any:
    batch, candidates = x_enc_BL.size()
    groups = math.ceil(candidates / GROUP)
    missing = groups * GROUP - candidates
    padded = torch.nn.functional.pad(x_enc_BL.share, (0, missing))
    far = torch.zeros(groups * GROUP, dtype=torch.int64)
    far[candidates:] = _FAR
    x_enc = from_share(padded) + far
    x_enc = local(x_enc, lambda x: x.reshape(batch * groups, GROUP))
    inside_enc = one_hot_min(x_enc)
    best_enc = local((inside_enc * x_enc).sum(1), lambda x: x.reshape(batch, groups))
    group_enc = local(one_hot_min(best_enc), lambda x: x.reshape(batch * groups, 1))
    winner_enc = inside_enc * group_enc
    return local(winner_enc, lambda x: x.reshape(batch, groups * GROUP)[:, :candidates].clone())
