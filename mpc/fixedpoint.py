"""Fixed-point numbers in the ring of integers mod 2^64, and how many bits a job may spend.

A real x is held as round(x * 2^f) in two's complement. Sums and products in the ring are exact as
long as the true result stays below 2^63 in magnitude, so a budget of bits is all there is to check.
This module needs neither torch nor CrypTen: a data owner uses it.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.errors import BudgetError, InputError

RING_BITS: Final = 64
POINT_BITS: Final = 22
"""Fractional bits of a point whose norm was scaled to at most 1; its Gram matrix has twice as many."""
PAYLOAD_BITS: Final = 24
"""Fractional bits of a payload entry."""

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Precision:
    """How the bits of a k-means job over N points are spent; see `precision_for`."""

    gram_bits: int
    """Fractional bits of the Gram matrix, after its one truncation."""
    table_bits: int
    """Fractional bits of the table of 1/c, c = 1 .. N."""

    @property
    def distance_bits(self) -> int:
        """Fractional bits of the distances that are compared."""
        return self.gram_bits + self.table_bits


def precision_for(num_points: int) -> Precision:
    """Split the ring's bits between Gram matrix and table of reciprocals.

    The largest intermediate is (sum over a cluster of inner products) / c <= N at
    `gram_bits + table_bits` fractional bits, points having norm at most 1; it must stay below 2^62.
    Fewer than 8 points count as 8, which leaves room for a difference of two distances (<= 8).

    Parameters
    ----------
    num_points : int
        N >= 1.

    Returns
    -------
    Precision

    Raises
    ------
    BudgetError
        More points than leave 16 bits to each of the two.
    """
    budget = 62 - max(3, math.ceil(math.log2(num_points + 1)))
    table_bits = budget // 2
    if table_bits < 16:
        raise BudgetError(
            f"{num_points} points leave {table_bits} bits to the table; 16 are needed"
        )
    return Precision(gram_bits=budget - table_bits, table_bits=table_bits)


def encode(values: FloatArray, *, bits: int, terms: int = 1) -> Int64Array:
    """Round reals into the ring.

    Parameters
    ----------
    values : ndarray of float64, any shape
    bits : int
        Fractional bits f.
    terms : int
        How many such values will be added up; the sum, too, must fit.

    Returns
    -------
    ndarray of int64, same shape

    Raises
    ------
    InputError
        NaN or infinity.
    BudgetError
        A value whose sum over `terms` could reach 2^62.
    """
    if not np.isfinite(values).all():
        raise InputError("values contain NaN or infinity; clean them before sharing")
    limit = 2.0 ** (RING_BITS - 2 - bits) / terms
    largest = float(np.abs(values).max(initial=0.0))
    if largest >= limit:
        raise BudgetError(
            f"a value of {largest:.4g} is over the limit of {limit:.4g} "
            f"({bits} fractional bits, sums of {terms}); scale the values down"
        )
    return np.rint(values * 2.0**bits).astype(np.int64)


def decode(ring: Int64Array, *, bits: int) -> FloatArray:
    """Return the reals that ring elements with `bits` fractional bits stand for."""
    return ring.astype(np.float64) / 2.0**bits
