"""Fixed-point numbers in the ring of integers mod 2^64, and the bit budget of a job.

A real x is represented as round(x * 2^f) in two's complement. Sums and products in the ring are
exact while the true result is below 2^63 in magnitude, so only the bit budget needs checking. This
module needs neither torch nor CrypTen: data owners use it.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

RING_BITS: Final = 64
POINT_BITS: Final = 18
"""Fractional bits of a point of norm at most 1."""
GRAM_BITS: Final = 2 * POINT_BITS
"""Fractional bits of the Gram matrix, an exact product without truncation."""
TABLE_BITS: Final = 24
"""Fractional bits of the table of 1/c, c = 1 .. N."""
DISTANCE_BITS: Final = GRAM_BITS + TABLE_BITS
"""Fractional bits of squared distances to means, which differ by less than 8 * 2^60 = 2^63."""
COMPARED_FRACTION: Final = GRAM_BITS
"""Fractional bits of a squared distance to a mean in comparisons. Squared distances between points
have as many, so comparisons in the first iteration drop no bits."""
COMPARED_BITS: Final = COMPARED_FRACTION + 4
"""Bits of a compared difference, which is below 8 in magnitude."""
EXACT_BITS: Final = GRAM_BITS + 4
"""Bits of a compared difference of exact squared distances between points."""
FAR_CENTRE: Final = 3.5
"""Compared distance to a centre that is not there, in squared bounds; all others are at most 3."""
INERTIA_BITS: Final = 40
"""Bits of compared inertias of restarts."""
BETWEEN_BITS: Final = 62
"""Most bits of a between-cluster sum of squares."""
INERTIA_DROPPED_BITS: Final = BETWEEN_BITS + 2 - INERTIA_BITS
"""Bits that truncation drops from such a sum before a comparison."""
INERTIA_TIE_BITS: Final = 32
"""-log2 of the tie tolerance between restarts' inertias, in N squared bounds."""
PAYLOAD_BITS: Final = 24
"""Most fractional bits of a payload entry; see `mpc.jobs.encoding.payload_bits`."""

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def tie_units(num_points: int) -> int:
    """Return the tie penalty per index: candidate j is penalised by j times it.

    Parameters
    ----------
    num_points : int
        N, the largest size of a cluster.

    Returns
    -------
    int
        In units of 2^-`COMPARED_FRACTION` squared bounds: 89 (about 2^-29.5), and more for many
        points, whose distances have larger rounding errors (2^-53 N^2). Ties up to rounding
        thus go to the lowest index. It is odd, so integers rarely equal it exactly.
    """
    return 89 + 2 * (num_points**2 >> 16)


def binary_scale(bound: float) -> float:
    """Return the smallest power of two that is at least a positive bound.

    Numbers are divided by it before rounding, so numbers on a grid of powers of two stay on it for
    any bound.
    """
    mantissa, exponent = math.frexp(bound)
    return math.ldexp(1.0, exponent - (mantissa == 0.5))
