"""Public bounds and the origin of rows, taken by a process that holds all of them.

Shape letters: N points, D dimensions.
"""

import math
from typing import Final

import numpy as np

from mpc.errors import BudgetError
from mpc.fixedpoint import FloatArray, binary_scale

_ORIGIN_BITS: Final = 10
"""Bits of the origin below the spread of the rows: it need not be the mean exactly."""


def origin_of(points_ND: FloatArray) -> FloatArray:
    """Return the mean row, (D,), from which rows are measured before they are shared.

    Of an exact grid it is rounded to a power of two well below the rows' spread, so that rows that
    are equally far from one another stay so.
    """
    first_D = points_ND[0]
    with np.errstate(over="ignore", invalid="ignore"):
        offset_D = (points_ND - first_D).mean(axis=0)
        largest = float(np.abs(points_ND - first_D).max())
    if not (np.isfinite(largest) and largest > 0):
        return first_D if np.isfinite(largest) else np.zeros_like(first_D)
    step = 2.0 ** (math.frexp(largest)[1] - _ORIGIN_BITS)
    origin_D: FloatArray = first_D + np.rint(offset_D / step) * step
    return origin_D


def public_bound(points_ND: FloatArray) -> float:
    """Return the smallest power of two that no row's length exceeds; 1 for rows of zeros.

    Raises
    ------
    BudgetError
        A length does not fit float64.

    Notes
    -----
    Leakage: whoever learns the bound learns the longest row's length to within a factor of two.
    """
    with np.errstate(over="ignore"):
        longest = float(np.linalg.norm(points_ND, axis=1).max())
    if not math.isfinite(longest):
        raise BudgetError("rows too long for float64: scale them down")
    return binary_scale(longest) if longest > 0 else 1.0
