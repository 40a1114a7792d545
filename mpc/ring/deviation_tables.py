"""Standard deviations of features in integer arithmetic: look-up tables and plaintext reference.

See `mpc.clustering.standardizing` for the protocol.

Shape letters: N points, D dimensions, J powers of 4.
"""

import math
from typing import Final

import numpy as np

from mpc.errors import BudgetError
from mpc.ring.fixedpoint import POINT_BITS, FloatArray, Int64Array, binary_scale

_MOST_BITS: Final = 23
"""Most bits of the number of coordinates: each square is below 2^37."""
_SQUARES_BITS: Final = 63
TOP: Final = 29
"""Sums of squares are below 4^(TOP + 1)."""
INDEX_BITS: Final = 14
"""Bits of a sum of squares used as look-up index: relative error at most 2^-14."""
INDEX_SHIFT: Final = 2 * TOP + 2 - INDEX_BITS
FACTOR_BITS: Final = 32
"""Fractional bits of the table."""
SUM_BITS: Final = 2 * TOP + 4
"""Bits of a sum of squares minus a power of 4."""


def least_power(num_points: int) -> int:
    """Return the least j with 4^j >= 16 N: the sum of squares for a deviation of 4 units."""
    return math.ceil(math.log2(16 * num_points) / 2)


def root_bits(num_points: int) -> int:
    """Return c with 2^(c - 1) < sqrt(N) <= 2^c."""
    return ((num_points - 1).bit_length() + 1) // 2


def factors(num_points: int) -> Int64Array:
    """Return sqrt(N) 2^(`FACTOR_BITS` - c) over the square roots of t 2^-12, t = 2^12 .. 2^14 - 1.

    Entries below t = 2^12 are 0; only sums of squares below the least power have such an index.
    """
    t = np.arange(1 << INDEX_BITS)
    root = math.sqrt(num_points) * 2.0 ** (FACTOR_BITS - root_bits(num_points))
    values = root / np.sqrt((t + 0.5) * 2.0 ** (2 - INDEX_BITS))
    return np.where(t < 1 << (INDEX_BITS - 2), 0, np.rint(values)).astype(np.int64)


def result_shift(norm_bound: float, num_points: int) -> int:
    """Return the number of bits that truncation drops from a feature times its factor."""
    scale_bits = round(math.log2(binary_scale(norm_bound)))
    return FACTOR_BITS + TOP + scale_bits - root_bits(num_points) - POINT_BITS


def check_standardized(num_points: int, dim: int, norm_bound: float) -> None:
    """Reject a shape or norm bound that does not fit the ring.

    Raises
    ------
    BudgetError
        Too many coordinates, or a norm bound too small or too large for standardised rows.
    """
    if num_points * dim >= 1 << _MOST_BITS:
        raise BudgetError(
            f"{num_points} points of {dim} numbers are too many to be standardised: less than "
            f"2^{_MOST_BITS} numbers are possible"
        )
    shift = result_shift(norm_bound, num_points)
    if not 61 - (_SQUARES_BITS - dim.bit_length()) // 2 <= shift <= 62:
        raise BudgetError(
            f"norm_bound={norm_bound:.3g} does not fit standardised rows of {dim} numbers, whose "
            "norms are some square root of that"
        )


def standardized_rows(centred_ND: FloatArray, norm_bound: float) -> FloatArray:
    """Return standardised rows as the parties compute them, (N, D), rounded down.

    Parameters
    ----------
    centred_ND : ndarray of float64, (N, D)
        Integers in units of 2^-18 of the features' scales; zeros for rejected rows.
    norm_bound : float
    """
    n = len(centred_ND)
    whole_ND = centred_ND.astype(np.int64)
    squares_D = (whole_ND**2).sum(axis=0)
    power_D = np.zeros(len(squares_D), dtype=np.int64)
    reached_D = np.zeros(len(squares_D), dtype=np.bool_)
    for power in range(least_power(n), TOP + 1):
        at_least_D = squares_D >= 1 << (2 * power)
        power_D[at_least_D] = power
        reached_D |= at_least_D
    index_D = np.where(reached_D, squares_D << (2 * (TOP - power_D)) >> INDEX_SHIFT, 0)
    factor_D = factors(n)[index_D] << (TOP - power_D)
    rows_ND = whole_ND * np.where(reached_D, factor_D, 0) >> result_shift(norm_bound, n)
    return rows_ND.astype(np.float64)
