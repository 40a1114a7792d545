"""Arithmetic of a prime field on NumPy arrays.

An element is a uint64 below the prime. The protocol uses the Mersenne prime 2^61 - 1, whose
products are reduced by shifts; a prime below 2^31 is computed by remainders, so that a small field
can be enumerated in tests.

References
----------
Knuth: The Art of Computer Programming, volume 2, section 4.3.2 (moduli 2^e - 1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.errors import InputError
from mpc.ring.fixedpoint import Int64Array

Elements = npt.NDArray[np.uint64]
"""Elements of a field: uint64, each below the prime."""

MERSENNE_61: Final = (1 << 61) - 1
_BITS: Final = 61
_SMALL_BITS: Final = 31
"""Products of two elements of a smaller field fit uint64."""
_LIMB_BITS: Final = 21
_LIMBS: Final = 3
_TERMS: Final = 1 << 11
"""Products of limbs that are summed exactly: 2^11 of 2^42 are 2^53, the integers of a float64."""
_SMALL_TERMS: Final = 4
"""Products of a smaller field that are summed exactly in uint64: 4 of 2^62."""


def _u(value: int) -> np.uint64:
    return np.uint64(value)


@dataclass(frozen=True, slots=True)
class Field:
    """The integers modulo a prime, on arrays.

    Parameters
    ----------
    prime : int
        2^61 - 1, or a prime below 2^31.

    Raises
    ------
    InputError
        It is neither. Whether a small number is prime is left to the caller's tests.
    """

    prime: int = MERSENNE_61

    def __post_init__(self) -> None:
        if self.prime != MERSENNE_61 and not 2 <= self.prime < 1 << _SMALL_BITS:
            raise InputError(f"prime={self.prime}: 2^61 - 1 or a prime below 2^31 is needed")

    @property
    def is_mersenne(self) -> bool:
        """Whether the prime is 2^61 - 1."""
        return self.prime == MERSENNE_61

    def elements(self, values: Sequence[int] | Int64Array | npt.NDArray[np.object_]) -> Elements:
        """Return integers of any sign as elements."""
        whole = np.asarray(values)
        if whole.dtype != np.int64:
            return np.asarray(np.asarray(values, dtype=object) % self.prime, dtype=np.uint64)
        return np.asarray(np.mod(whole, np.int64(self.prime)).astype(np.uint64))

    def signed(self, x: Elements) -> Int64Array:
        """Return the integers of least magnitude that elements stand for, as int64."""
        whole = x.astype(np.int64)
        return np.where(whole > self.prime // 2, whole - np.int64(self.prime), whole)

    def add(self, x: Elements, y: Elements) -> Elements:
        """Return sums of elements."""
        return _below(x + y, self.prime)

    def sub(self, x: Elements, y: Elements) -> Elements:
        """Return differences of elements."""
        return _below(x + (_u(self.prime) - y), self.prime)

    def neg(self, x: Elements) -> Elements:
        """Return the negatives of elements."""
        return _below(_u(self.prime) - x, self.prime)

    def mul(self, x: Elements, y: Elements) -> Elements:
        """Return products of elements.

        Notes
        -----
        For 2^61 - 1 the product of 122 bits is formed by halves of 31 and 30 bits. As 2^61 is 1 and
        2^62 is 2 in the field, x1 y1 2^62 is 2 x1 y1, and the upper part of the middle term moves
        to the lowest bit. The sum of all parts is less than 2^64.
        """
        if not self.is_mersenne:
            return np.asarray(x * y % _u(self.prime))
        low = _u((1 << 31) - 1)
        x1, x0, y1, y0 = x >> _u(31), x & low, y >> _u(31), y & low
        middle = x1 * y0 + x0 * y1
        carried = ((middle & _u((1 << 30) - 1)) << _u(31)) + (middle >> _u(30))
        return self._reduced(((x1 * y1) << _u(1)) + carried + x0 * y0)

    def _reduced(self, x: Elements) -> Elements:
        """Return numbers below 2^64 modulo 2^61 - 1."""
        return _below((x & _u(MERSENNE_61)) + (x >> _u(_BITS)), MERSENNE_61)

    def power(self, x: Elements, exponent: int) -> Elements:
        """Return powers of elements; 0 to the power 0 is 1."""
        result, base = np.ones_like(x), x
        while exponent:
            if exponent & 1:
                result = self.mul(result, base)
            base, exponent = self.mul(base, base), exponent >> 1
        return result

    def inverse(self, x: Elements) -> Elements:
        """Return inverses of elements, by Fermat's little theorem.

        Raises
        ------
        ZeroDivisionError
            An element is 0.
        """
        if not np.all(x):
            raise ZeroDivisionError("0 has no inverse in a field")
        return self.power(x, self.prime - 2)

    def sum(self, x: Elements, axis: int) -> Elements:
        """Return sums along an axis, of at most 2^32 elements."""
        low = (x & _u(0xFFFFFFFF)).sum(axis=axis, dtype=np.uint64, keepdims=True)
        high = (x >> _u(32)).sum(axis=axis, dtype=np.uint64, keepdims=True)
        prime = _u(self.prime)
        shift = np.full_like(high, (1 << 32) % self.prime)
        return self.add(self.mul(high % prime, shift), low % prime).squeeze(axis)

    def matmul(self, x: Elements, y: Elements) -> Elements:
        """Return the matrix product of x, (A, B), and y, (B, C), as (A, C).

        Notes
        -----
        For 2^61 - 1 the factors are split into three limbs of 21 bits, whose products are float64
        matrix products of at most 2^11 terms: every sum is an integer of at most 53 bits, so it is
        exact in any order of summation.
        """
        if not self.is_mersenne:
            return self._matmul_small(x, y)
        result = np.zeros((len(x), y.shape[1]), dtype=np.uint64)
        for start in range(0, x.shape[1], _TERMS):
            some = slice(start, start + _TERMS)
            result = self.add(result, self._matmul_exact(x[:, some], y[some]))
        return result

    def _matmul_exact(self, x: Elements, y: Elements) -> Elements:
        """Return the matrix product if at most 2^11 terms are summed."""
        of_x, of_y = _limbs(x), _limbs(y)
        result = np.zeros((len(x), y.shape[1]), dtype=np.uint64)
        for place in range(2 * _LIMBS - 1):
            among = range(max(0, place - _LIMBS + 1), min(_LIMBS, place + 1))
            pairs = [(of_x[i], of_y[place - i]) for i in among if i in of_x and place - i in of_y]
            if not pairs:
                continue
            parts = [(one @ other).astype(np.uint64) for one, other in pairs]
            total = self._reduced(sum(parts[1:], start=parts[0]))
            result = self.add(result, self._shifted(total, _LIMB_BITS * place % _BITS))
        return result

    def _shifted(self, x: Elements, bits: int) -> Elements:
        """Return elements times 2^bits modulo 2^61 - 1: their bits, rotated."""
        if bits == 0:
            return x
        kept = x & _u((1 << (_BITS - bits)) - 1)
        return self._reduced((kept << _u(bits)) + (x >> _u(_BITS - bits)))

    def _matmul_small(self, x: Elements, y: Elements) -> Elements:
        result = np.zeros((len(x), y.shape[1]), dtype=np.uint64)
        for start in range(0, x.shape[1], _SMALL_TERMS):
            some = slice(start, start + _SMALL_TERMS)
            result = (result + x[:, some] @ y[some] % _u(self.prime)) % _u(self.prime)
        return result

    def solve(self, matrix: Elements, right: Elements) -> Elements | None:
        """Return a solution z of matrix z = right, or None if there is none.

        Parameters
        ----------
        matrix : ndarray of uint64, (A, B)
        right : ndarray of uint64, (A,)

        Returns
        -------
        ndarray of uint64, (B,), or None
            Unknowns that the equations leave free are 0.
        """
        rows = np.concatenate([matrix, right[:, None]], axis=1)
        num_unknowns, pivots = matrix.shape[1], list[int]()
        for column in range(num_unknowns):
            below = np.flatnonzero(rows[len(pivots) :][:, column])
            if not len(below):
                continue
            at, chosen = len(pivots), len(pivots) + int(below[0])
            rows[[at, chosen]] = rows[[chosen, at]]
            rows[at] = self.mul(rows[at], self.inverse(rows[at, column : column + 1]))
            factors = rows[:, column].copy()
            factors[at] = 0
            rows = self.sub(rows, self.mul(factors[:, None], rows[at][None, :]))
            pivots.append(column)
            if len(pivots) == len(rows):
                break
        if np.any(rows[len(pivots) :, -1]):
            return None
        solution = np.zeros(num_unknowns, dtype=np.uint64)
        solution[pivots] = rows[: len(pivots), -1]
        return solution


def _below(x: Elements, prime: int) -> Elements:
    """Subtract the prime from numbers that are not below it; less than it, they wrap around."""
    return np.asarray(np.minimum(x, x - _u(prime)))


def _limbs(x: Elements) -> dict[int, npt.NDArray[np.float64]]:
    """Return limbs of 21 bits by their places, as float64, without those that are 0 throughout."""
    low = _u((1 << _LIMB_BITS) - 1)
    places = range(-(-int(x.max(initial=0)).bit_length() // _LIMB_BITS))
    return {i: ((x >> _u(_LIMB_BITS * i)) & low).astype(np.float64) for i in places}
