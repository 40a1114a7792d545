"""Fixed-point numbers in the ring of integers mod 2^64, and how many bits a job may spend.

A real x is held as round(x * 2^f) in two's complement. Sums and products in the ring are exact as
long as the true result stays below 2^63 in magnitude, so a budget of bits is all there is to check.
This module needs neither torch nor CrypTen: a data owner uses it.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.errors import BudgetError, InputError

RING_BITS: Final = 64
POINT_BITS: Final = 18
"""Fractional bits of a point of norm at most 1."""
GRAM_BITS: Final = 2 * POINT_BITS
"""Fractional bits of the Gram matrix: an exact product, never truncated."""
TABLE_BITS: Final = 24
"""Fractional bits of the table of 1/c, c = 1 .. N."""
DISTANCE_BITS: Final = GRAM_BITS + TABLE_BITS
"""Fractional bits of distances to means; two of them differ by less than 8 * 2^60 = 2^63."""
COMPARED_FRACTION: Final = 28
"""Fractional bits that are left of a distance to a mean when it is compared."""
COMPARED_BITS: Final = COMPARED_FRACTION + 4
"""Bits of a compared difference, which is less than 8 in magnitude: half the ring, so that keys can
give a number and a bit in one ring element; see `mpc.pairs`."""
EXACT_BITS: Final = GRAM_BITS + 4
"""Bits of a compared difference of squared distances of points, which are exact."""
TIE_BITS: Final = 24
"""A later candidate must be nearer by more than 2^-24 for each place that it stands behind, so that
what is equally far but for rounding (less than 2^-25) goes to the lowest index, always."""
INERTIA_BITS: Final = 36
"""Bits of compared inertias of restarts."""
INERTIA_TIE_BITS: Final = 28
"""The same of restarts' inertias, in N squared bounds."""
PAYLOAD_BITS: Final = 24
"""Fractional bits of a payload entry."""

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


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


def squared_norm_limit(dim: int) -> int:
    """Return the largest squared norm of an encoded point that is kept, in ring units.

    Parameters
    ----------
    dim : int
        D, number of coordinates.

    Returns
    -------
    int
        ceil((2^18 (1 + 2^-28) + sqrt(D) / 2)^2), at `GRAM_BITS` fractional bits.

    Notes
    -----
    Rounding moves each of D coordinates by at most half a unit of 2^-18, so the whole point by at
    most sqrt(D) / 2 units; 2^-28 is for the data owner's own float64 test of its norm
    (`mpc.sharing.encode_point` allows 1e-9). A point at the bound is therefore never left out, and
    one over (1 + 2^-28 + sqrt(D) / 2^18) times the bound always is: 1 + 1.4e-4 at D = 1280.
    """
    return math.ceil((2.0**POINT_BITS * (1 + 2.0**-28) + math.sqrt(dim) / 2) ** 2)
