"""Fixed-point numbers in the ring of integers mod 2^64, and how many bits a job may spend.

A real x is held as round(x * 2^f) in two's complement. Sums and products in the ring are exact as
long as the true result stays below 2^63 in magnitude, so a budget of bits is all there is to check.
This module needs neither torch nor CrypTen: a data owner uses it.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

RING_BITS: Final = 64
POINT_BITS: Final = 18
"""Fractional bits of a point of norm at most 1."""
GRAM_BITS: Final = 2 * POINT_BITS
"""Fractional bits of the Gram matrix: an exact product, never truncated."""
TABLE_BITS: Final = 24
"""Fractional bits of the table of 1/c, c = 1 .. N."""
DISTANCE_BITS: Final = GRAM_BITS + TABLE_BITS
"""Fractional bits of distances to means; two of them differ by less than 8 * 2^60 = 2^63."""
COMPARED_FRACTION: Final = GRAM_BITS
"""Fractional bits that are left of a distance to a mean when it is compared: those of a distance
between points, so that nothing is dropped of the first iteration's."""
COMPARED_BITS: Final = COMPARED_FRACTION + 4
"""Bits of a compared difference, which is less than 8 in magnitude."""
EXACT_BITS: Final = GRAM_BITS + 4
"""Bits of a compared difference of squared distances of points, which are exact."""
INERTIA_BITS: Final = 40
"""Bits of compared inertias of restarts."""
BETWEEN_BITS: Final = 62
"""What a sum over clusters of squared lengths over sizes may take of the ring."""
INERTIA_DROPPED_BITS: Final = BETWEEN_BITS + 2 - INERTIA_BITS
"""Bits that are dropped of such a sum before it is compared."""
INERTIA_TIE_BITS: Final = 32
"""The same of restarts' inertias, in N squared bounds."""
PAYLOAD_BITS: Final = 24
"""Most fractional bits of a payload entry; see `mpc.jobs.encoding.payload_bits`."""

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def tie_units(num_points: int) -> int:
    """Return by how much a later cluster must be nearer for each place that it stands behind.

    Parameters
    ----------
    num_points : int
        N, the largest size of a cluster.

    Returns
    -------
    int
        In units of 2^-`COMPARED_FRACTION` squared bounds: 89, some 2^-29.5, and more for many
        points, whose distances are rounded more (2^-53 N^2). What is equally far but for rounding
        thus goes to the lowest index. It is odd so that whole numbers do not meet it exactly.
    """
    return 89 + 2 * (num_points**2 >> 16)


def binary_scale(bound: float) -> float:
    """Return the smallest power of two that is at least a positive bound.

    Numbers are divided by it before they are rounded, so that numbers on a grid of powers of two
    stay on it, whatever the bound.
    """
    mantissa, exponent = math.frexp(bound)
    return math.ldexp(1.0, exponent - (mantissa == 0.5))
