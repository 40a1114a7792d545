"""Comparisons of secret-shared ring integers with zero.

All tensors here are ring integers (CrypTen scale 1): the caller keeps track of fractional bits.
With two parties and a dealer a comparison is one round: open x + r, then evaluate the dealer's keys
there (`mpc.fss`). Otherwise comparisons are circuits on packed bits, see `mpc.boolean`. R_lt, the
rounds of one batch of comparisons, is 1 with two parties; with three, four, five it is 8, 9, 10 for
40 bits and one more for 64 (6 and 6 with two and CrypTen's own provider). A caller who knows that
its numbers are short says so: keys are as long as the numbers, and a look-up in a table of all
their values is one round for anybody where it is small enough (`mpc.lookup`).
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch

from mpc import boolean, lookup
from mpc._crypten import from_share, open_masked, provider, share_of
from mpc.fss.words import RingArray
from mpc.masked import now


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
    signs = negative_signs(x_enc, bit_length, 64)
    return from_share(signs.view(np.int64).reshape(tuple(x_enc.size())))


def negative_signs(x_enc: Any, bit_length: int, ring_bits: Literal[8, 64]) -> RingArray:
    """Return flat shares of [x < 0], mod 2^ring_bits where by keys, else mod 2^64.

    Notes
    -----
    Cost: by keys one round, 8 bytes a number from each party to each other, and keys from the
    dealer to both parties (`mpc.fss.sign_layout`). Else see `mpc.boolean`. Leakage: none.
    """
    if not provider().has_signs:
        share = share_of(x_enc).reshape(-1)
        plane = boolean.negative(share, bit_length)
        ring = boolean.to_ring(boolean.unpack(plane, share.size))
        return np.asarray(ring.view(np.uint64))
    flat = x_enc.share.reshape(-1)
    keys = provider().signs(flat.numel(), bit_length, ring_bits)
    opened = open_masked([flat + torch.from_numpy(keys.masks)])[0]
    signs: RingArray = keys.evaluate(opened.numpy())
    return signs


def _from_bits(bits: boolean.Bits, shape: Sequence[int]) -> Any:
    return from_share(boolean.to_ring(bits.reshape(-1)).reshape(tuple(shape)))
