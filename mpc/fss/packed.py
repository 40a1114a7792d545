"""A sign and its product with its own mask, in one element of Z_2^64.

The lesser of two numbers is x + b (y - x) with b = [y < x]. Where y - x is open as z, masked by r,
that is x + b z - b r, so that shares of b and of b r are all that it takes, and both are known from
one tree whose payload is the weight

    w = 1 + 2^32 r.

Shares of b w mod 2^64 are shares of b mod 2^32 in their low halves. Those add up to b + 2^32, so
that the high halves add up to b r - 1 mod 2^32, unless they do not wrap around: both are zero, or
one of them 1. Low halves look uniform, so this happens once in 2^31 signs, and the product is then
wrong by one: a unit of the last place of a number that was rounded to 32 bits before.

References
----------
Boyle, Chandran, Gilboa, Gupta, Ishai, Kumar, Rathee, Eurocrypt 2021 (eprint 2020/1392), on gates
whose payload holds the mask of the input (ReLU and splines); the packing is our own.
"""

from typing import Final

import numpy as np

from mpc.fixedpoint import Int64Array
from mpc.fss.prg import Words

PACKED_BITS: Final = 32
"""Bits of the numbers, and of either half."""
_SHIFT: Final = np.uint64(PACKED_BITS)


def weights_of(masks: Words) -> Words:
    """Return w for each mask, as the dealer; uint64 arrays (B,)."""
    return (masks << _SHIFT) + np.uint64(1)


def weight_shares(party: int, masks: Words) -> Words:
    """Return a party's additive shares of w from its additive shares of masks, (B,)."""
    return (masks << _SHIFT) + np.uint64(party == 0)


def unpack(party: int, shares: Words) -> tuple[Int64Array, Int64Array]:
    """Return a party's additive shares of b and of b r, both right mod 2^32, int64 (B,).

    The lowest bits of the first are shares of b under xor.
    """
    products = (shares >> _SHIFT) + np.uint64(party == 0)
    return shares.view(np.int64), products.view(np.int64)
