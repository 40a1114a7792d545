"""Exact samples of the discrete Gaussian, for noise that differential privacy is promised of.

The distribution on the integers has the probability of n in proportion to exp(-n^2 / (2 s^2)). All
randomness comes from an `AesCtrStream`, and no probability is rounded: a Bernoulli trial with
probability exp(-g) compares a uniform number, whose bits are drawn as they are needed, with an
interval that is certain to contain exp(-g). Float64 gives the interval; the few trials that it
cannot decide, about one in 10^12, are decided with as many digits as they need.

References
----------
Canonne, Kamath, Steinke: The discrete Gaussian for differential privacy, NeurIPS 2020, algorithms 1
to 3.
"""

import decimal
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.ring.fixedpoint import FloatArray, Int64Array
from mpc.ring.randomness import AesCtrStream, new_key

MAX_STDDEV: Final = 2.0**48
"""Largest standard deviation: samples then stay exact in float64."""
_EXP_ERROR: Final = 2.0**-46
"""Bound on the relative error of NumPy's exp, which is a few units in 2^-53."""
_EXPONENT_ERROR: Final = 2.0**-48
"""Bound on the error of exponents, in units of (2 + |n| / s)^2; a few units in 2^-53, too."""
_WORD_BITS: Final = 64
_FLOAT_BITS: Final = 53
_CANDIDATES: Final = 2.6
"""Candidates for each sample that is still missing; about two of five are accepted."""
_DIGITS_PER_BIT: Final = 0.302
_SPARE_DIGITS: Final = 25

Bools = npt.NDArray[np.bool_]


class PrivateNoise:
    """Discrete Gaussian noise under a key that nobody else knows.

    Parameters
    ----------
    key : bytes, optional
        For tests. None: a fresh key from the operating system.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._stream = AesCtrStream(new_key() if key is None else key)

    def draw(self, shape: Sequence[int], variance: Fraction) -> Int64Array:
        """Draw independent samples; zeros for a variance of 0."""
        if variance == 0:
            return np.zeros(tuple(shape), dtype=np.int64)
        return discrete_gaussian(self._stream, shape, variance)


def discrete_gaussian(
    stream: AesCtrStream, shape: Sequence[int], variance: Fraction | int
) -> Int64Array:
    """Draw independent samples.

    Parameters
    ----------
    stream : AesCtrStream
        Used for nothing else that others learn.
    shape : sequence of int
    variance : Fraction or int
        s^2, above 0, up to the square of `MAX_STDDEV`. Samples have this variance to within a
        relative exp(-15 s^2), and less than it if s is below 1.

    Returns
    -------
    ndarray of int64

    Raises
    ------
    ValueError
        The variance is out of range.
    """
    variance = Fraction(variance)
    if not 0 < variance <= Fraction(MAX_STDDEV) ** 2:
        raise ValueError(f"variance {float(variance):.6g} is not in (0, {MAX_STDDEV**2:.3g}]")
    count = math.prod(shape)
    parts, missing = [np.empty(0, dtype=np.int64)], count
    while missing > 0:
        parts.append(_accepted(stream, int(_CANDIDATES * missing) + 16, variance)[:missing])
        missing -= len(parts[-1])
    return np.concatenate(parts).reshape(shape)


def _accepted(stream: AesCtrStream, candidates: int, variance: Fraction) -> Int64Array:
    """Return the accepted ones of so many candidates from a discrete Laplace distribution."""
    scale = math.isqrt(math.floor(variance)) + 1
    laplace = _discrete_laplace(stream, candidates, scale)
    centre, magnitude = variance / scale, np.abs(laplace)
    exponent = (magnitude - float(centre)) ** 2 / (2 * float(variance))
    error = (2 + magnitude / math.sqrt(variance)) ** 2 * _EXPONENT_ERROR

    def exact(at: int) -> Fraction:
        return (int(magnitude[at]) - centre) ** 2 / (2 * variance)

    return laplace[bernoulli_exp(stream, exponent, error, exact)]


def _discrete_laplace(stream: AesCtrStream, candidates: int, scale: int) -> Int64Array:
    """Return samples with probabilities in proportion to exp(-|n| / scale), from candidates."""
    below = _uniform_below(stream, candidates, scale)
    kept = bernoulli_exp(
        stream,
        below / scale,
        np.full(candidates, _EXPONENT_ERROR),
        lambda at: Fraction(int(below[at]), scale),
    )
    below = below[kept]
    magnitude = below + scale * _geometric(stream, len(below))
    negative = stream.bits(below.shape, 1).astype(np.bool_)
    once = ~(negative & (magnitude == 0))  # zero has one sign only
    return np.asarray(np.where(negative, -magnitude, magnitude)[once])


def _geometric(stream: AesCtrStream, count: int) -> Int64Array:
    """Return how many trials of probability 1/e succeed before one fails, (count,)."""
    successes = np.zeros(count, dtype=np.int64)
    going_on = np.arange(count)
    while len(going_on):
        ones = np.ones(len(going_on))
        succeeded = bernoulli_exp(stream, ones, ones * _EXPONENT_ERROR, lambda at: Fraction(1))
        going_on = going_on[succeeded]
        successes[going_on] += 1
    return successes


def _uniform_below(stream: AesCtrStream, count: int, bound: int) -> Int64Array:
    """Return uniform integers in 0 .. bound - 1, (count,)."""
    bits = (bound - 1).bit_length()
    if bits == 0:
        return np.zeros(count, dtype=np.int64)
    parts, missing = [np.empty(0, dtype=np.int64)], count
    while missing > 0:
        drawn = stream.bits((2 * missing + 16,), bits)
        parts.append(drawn[drawn < bound][:missing])
        missing -= len(parts[-1])
    return np.concatenate(parts)


def bernoulli_exp(
    stream: AesCtrStream,
    exponent: FloatArray,
    error: FloatArray,
    exact: Callable[[int], Fraction],
) -> Bools:
    """Return independent trials that succeed with probability exp(-g), exactly.

    Parameters
    ----------
    stream : AesCtrStream
    exponent : ndarray of float64, (n,)
        g, at least 0, rounded.
    error : ndarray of float64, (n,)
        Bounds on its rounding errors.
    exact : callable
        Returns g of one trial without rounding.
    """
    words = stream.ring(exponent.shape).view(np.uint64)
    low = (words >> np.uint64(_WORD_BITS - _FLOAT_BITS)).astype(np.float64) * 2.0**-_FLOAT_BITS
    probability = np.exp(-exponent)
    slack = probability * (error + _EXP_ERROR)
    success = low + 2.0**-_FLOAT_BITS <= probability - slack
    undecided = ~success & (low < probability + slack) | ((low == 0) & ~success)
    for at in np.flatnonzero(undecided):
        success[at] = _decided(stream, int(words[at]), exact(int(at)))
    return np.asarray(success)


def _decided(stream: AesCtrStream, uniform: int, exponent: Fraction) -> bool:
    """Whether a uniform number with these first 64 bits is below exp(-g); draws further bits."""
    if exponent == 0:
        return True
    bits = _WORD_BITS
    while True:
        low, high = _exp_bounds(exponent, bits)
        if Fraction(uniform + 1, 1 << bits) <= low:
            return True
        if Fraction(uniform, 1 << bits) >= high:
            return False
        more = int(stream.ring((1,)).view(np.uint64)[0])
        uniform, bits = uniform << _WORD_BITS | more, bits + _WORD_BITS


def _exp_bounds(exponent: Fraction, bits: int) -> tuple[Fraction, Fraction]:
    """Return bounds on exp(-g) that are relatively nearer to one another than 2^-bits.

    The quotient and the exponential of `decimal` are rounded correctly, each with a relative error
    of less than 10^(1 - digits).
    """
    digits = _SPARE_DIGITS + math.ceil(_DIGITS_PER_BIT * bits)
    context = decimal.Context(prec=digits, rounding=decimal.ROUND_HALF_EVEN)
    quotient = context.divide(
        decimal.Decimal(-exponent.numerator), decimal.Decimal(exponent.denominator)
    )
    value = Fraction(context.exp(quotient))
    error = Fraction(math.ceil(exponent) + 2, 10 ** (digits - 1))
    return value * (1 - error), value * (1 + error)
