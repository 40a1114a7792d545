"""Linear systems mod 2^64: whether they have a solution, and what they say of a linear form.

Numbers are int64 arrays, which wrap. A pivot is always an entry with the fewest factors of two that
are left, so that it divides all that remains; a triangle of such rows loses nothing, although not
every number has an inverse.

Shape letters: E equations, U unknowns, R right-hand sides.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from mpc.ring.fixedpoint import Int64Array

RING_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Row:
    """2^twos (x_pivot + ...) = right; all coefficients have at least as many factors of two."""

    pivot: int
    twos: int
    coefficients_U: Int64Array
    right_R: Int64Array


@dataclass(frozen=True, slots=True)
class Known:
    """What all solutions agree on: a form's values mod 2^bits, the lowest bits of each."""

    values_R: Int64Array
    bits: int

    @property
    def signed_R(self) -> Int64Array:
        """The values, each the smallest of its residue class."""
        free = RING_BITS - self.bits
        return (self.values_R << free) >> free if self.bits else np.zeros_like(self.values_R)


class RingSystem:
    """Equations of one matrix and several right-hand sides.

    Parameters
    ----------
    matrix_EU, right_ER : ndarray of int64
    """

    def __init__(self, matrix_EU: Int64Array, right_ER: Int64Array) -> None:
        left, right = matrix_EU.copy(), right_ER.copy()
        self.num_unknowns = matrix_EU.shape[1]
        self.rows: list[Row] = []
        while left.any():
            twos = _twos(left)
            at, pivot = np.unravel_index(np.argmin(twos), twos.shape)
            row = _divided(left[at], right[at], int(pivot), int(twos[at, pivot]))
            self.rows.append(row)
            left, right = np.delete(left, at, axis=0), np.delete(right, at, axis=0)
            factors_E1 = (left[:, [pivot]].view(np.uint64) >> np.uint64(row.twos)).view(np.int64)
            left -= factors_E1 * row.coefficients_U
            right -= factors_E1 * row.right_R
        self._leftover = right

    @property
    def has_solution(self) -> bool:
        """Whether there is one for every right-hand side."""
        fit = all((_twos(row.right_R) >= row.twos).all() for row in self.rows)
        return fit and not self._leftover.any()

    def value(self, form_U: Int64Array) -> Known:
        """Return what the system says of a linear form of the unknowns."""
        form_U, right_R = form_U.copy(), np.zeros(self._leftover.shape[1], dtype=np.int64)
        lost = 0
        for row in self.rows:
            missing = max(0, row.twos - int(_twos(form_U[[row.pivot]])[0]))
            form_U, right_R, lost = form_U << missing, right_R << missing, lost + missing
            factor = (form_U[[row.pivot]].view(np.uint64) >> np.uint64(row.twos)).view(np.int64)
            form_U = form_U - factor * row.coefficients_U
            right_R = right_R + factor * row.right_R
        missing = RING_BITS - int(_twos(form_U).min())  # makes nothing of what is left
        if missing >= RING_BITS or lost + missing >= RING_BITS:
            return Known(np.zeros_like(right_R), 0)
        lost += missing
        right_R = right_R << missing
        return Known((right_R.view(np.uint64) >> np.uint64(lost)).view(np.int64), RING_BITS - lost)


def _divided(left_U: Int64Array, right_R: Int64Array, pivot: int, twos: int) -> Row:
    """Make of an equation one whose pivot is a power of two."""
    odd = (int(left_U[pivot]) % 2**RING_BITS) >> twos
    inverse = np.array([pow(odd, -1, 2**RING_BITS)], dtype=np.uint64).view(np.int64)
    return Row(pivot, twos, left_U * inverse, right_R * inverse)


def _twos(values: Int64Array) -> Int64Array:
    """Return how many factors of two each number has; 64 for zero."""
    lowest = (values & -values).view(np.uint64)
    found = np.full(values.shape, RING_BITS, dtype=np.int64)
    at = lowest != 0
    found[at] = np.log2(lowest[at].astype(np.float64)).astype(np.int64)
    return found
