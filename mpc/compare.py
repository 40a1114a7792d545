"""Comparisons of secret-shared ring integers with zero.

All tensors here are ring integers (CrypTen scale 1): the caller keeps track of fractional bits.
With two parties and a dealer a comparison is one round: open x + r, then evaluate the dealer's keys
there (`mpc.fss`). Otherwise comparisons are circuits on packed bits, see `mpc.boolean`. R_lt, the
rounds of one batch of comparisons, is 1 with two parties; by circuits it is 5, 8, 9, 10 with two,
three, four, five parties for 32 bits, and one more for 36 to 64. A caller who knows that its
numbers are short says so: keys are as long as the numbers, and a look-up in a table of all their
values is one round for anybody where it is small enough (`mpc.lookup`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from mpc import boolean, lookup
from mpc._crypten import from_share, open_masked, provider, share_of
from mpc.duels import differences
from mpc.fixedpoint import Int64Array
from mpc.fss.words import RingArray
from mpc.masked import Pending, now


def local(x_enc: Any, linear: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """Apply a linear map to each party's own share: no communication."""
    return from_share(linear(x_enc.share))


def floored(x_enc: Any, bits: int) -> Any:
    """Divide by 2^bits, dropping bits of each party's share: no communication.

    Notes
    -----
    Of P parties' shares the result is floor(x / 2^bits) less 0 .. P - 1, and right mod
    2^(64 - bits) only: what is done with it must look at 64 - bits bits.
    """
    return local(x_enc, lambda x: x >> bits)


def is_zero(x_enc: Any, bit_length: int = 64) -> Any:
    """Return shares of [x == 0] as integers 0 or 1, same shape.

    Parameters
    ----------
    x_enc : MPCTensor
    bit_length : int
        |x| < 2^bit_length, 1 to 64: the fewer, the fewer rounds and bytes.

    Notes
    -----
    Cost: one round where a look-up pays, else those of `mpc.boolean.zero` and one. Leakage: none.
    """
    if lookup.pays(x_enc.nelement(), bit_length):
        return now(lookup.equals_zero(x_enc, bit_length))
    share = share_of(x_enc)
    plane = boolean.zero(share.reshape(-1), bit_length)
    return _from_bits(boolean.unpack(plane, share.size), share.shape)


def less_than_zero(x_enc: Any, bit_length: int = 64) -> Any:
    """Return shares of [x < 0] as integers 0 or 1, same shape.

    Parameters
    ----------
    x_enc : MPCTensor
        Taken mod 2^bit_length, in two's complement.
    bit_length : int
        2 to 64: the fewer, the fewer rounds and bytes.

    Notes
    -----
    Cost: R_lt rounds, or one where a look-up pays. Leakage: none.
    """
    if lookup.pays(x_enc.nelement(), bit_length):
        return now(lookup.is_negative(x_enc, bit_length))
    share = x_enc.share.reshape(-1)
    if not provider().has_signs:
        return from_share(negative_by_circuit(share.numpy(), bit_length).reshape(x_enc.size()))
    keys = provider().signs(share.numel(), bit_length)
    opened = open_masked([share + torch.from_numpy(keys.masks)])[0]
    signs = keys.evaluate(opened.numpy()).view(np.int64)
    return from_share(signs.reshape(tuple(x_enc.size())))


def later_wins(x_enc_BL: Any, groups: tuple[int, ...], bit_length: int) -> RingArray:
    """Return shares of [higher < lower] of all pairs inside groups, (B, E).

    Parameters
    ----------
    x_enc_BL : MPCTensor, (B, L)
        Candidates of all groups side by side; any two of a group differ by less than half the range
        of their bits.
    groups : tuple of int
    bit_length : int

    Returns
    -------
    uint8 array where by keys, whose shares are mod 256, else uint64 array, mod 2^64

    Notes
    -----
    Cost: by keys one round, 8 B L bytes from each party to each other, since a pair is compared at
    the difference of two masked candidates. Else R_lt rounds, a circuit on the differences.
    Leakage: none.
    """
    share_BL = x_enc_BL.share
    batch = len(share_BL)
    if not provider().has_signs:
        flat = differences(share_BL.numpy(), groups)
        return negative_by_circuit(flat, bit_length).view(np.uint64).reshape(batch, -1)
    return now(later_wins_by_keys(share_BL, groups, bit_length))


def later_wins_by_keys(
    share_BL: torch.Tensor, groups: tuple[int, ...], bit_length: int
) -> Pending[RingArray]:
    """Return the same of shares, where there are keys, before anything is opened."""
    keys = provider().duels(len(share_BL), groups, bit_length)
    return Pending(
        masked=share_BL + torch.from_numpy(keys.masks),
        settle=lambda opened: keys.evaluate(opened.numpy()).reshape(len(share_BL), -1),
    )


def negative_by_circuit(share: Int64Array, bit_length: int) -> Int64Array:
    """Return shares mod 2^64 of [x < 0] of flat numbers; see `mpc.boolean` for rounds and bytes."""
    plane = boolean.negative(share, bit_length)
    return boolean.to_ring(boolean.unpack(plane, share.size))


def _from_bits(bits: boolean.Bits, shape: Sequence[int]) -> Any:
    return from_share(boolean.to_ring(bits.reshape(-1)).reshape(tuple(shape)))
