"""Paired tests of two methods on their differences, one for each seed.

On one seed both methods have the same clients, images and participants, so their difference varies
less than either. With n seeds, the sign-flip test cannot go below 2 / 2^n: 0.25 for three
seeds, 0.0625 for five.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr  # type: ignore[import-untyped]

__all__ = ["MOST_FLIPPED", "PairedTest", "holm", "paired_test"]

MOST_FLIPPED = 20
"""The most seeds for which all 2^n signs are tried."""
_TIE = 1e-9  # sums that differ by less than this fraction of the greatest are equal up to rounding


@dataclass(frozen=True, kw_only=True)
class PairedTest:
    """Mean of n paired differences, with tests of its sign."""

    mean: float
    standard_error: float | None
    """Sample standard deviation over the root of n; None with one pair."""
    p_t: float | None
    """Two-sided p of the paired t-test; None with one pair, or if all differences are equal."""
    p_sign_flip: float | None
    """Two-sided p of the exact permutation test; None with one pair, or more than
    `MOST_FLIPPED`."""
    num_seeds: int
    p_holm: float | None = None
    """`p_t` corrected for the number of tests that are made together; None if not corrected."""


def paired_test(differences: Sequence[float]) -> PairedTest:
    """Test whether the mean of paired differences is zero.

    Parameters
    ----------
    differences : sequence of float, at least one
        One method minus the other, one number for each seed.

    Returns
    -------
    PairedTest

    References
    ----------
    Student's t with n - 1 degrees of freedom; R. A. Fisher, The Design of Experiments (1935),
    section 21, for the test by signs. If neither method is better, each difference has either sign
    with the same probability.
    """
    number = len(differences)
    mean = statistics.fmean(differences)
    if number < 2:
        return PairedTest(
            mean=mean, standard_error=None, p_t=None, p_sign_flip=None, num_seeds=number
        )
    error = statistics.stdev(differences) / math.sqrt(number)
    return PairedTest(
        mean=mean,
        standard_error=error,
        p_t=float(2 * stdtr(number - 1, -abs(mean) / error)) if error > 0 else None,
        p_sign_flip=_sign_flip(differences) if number <= MOST_FLIPPED else None,
        num_seeds=number,
    )


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Correct p values of tests that are made together.

    If the tests with corrected values below 0.05 are taken for effects, the probability that one
    of them or more is none is at most 0.05, however the tests depend on one another.

    Parameters
    ----------
    p_values : sequence of float

    Returns
    -------
    tuple of float
        In the same order; each at least as great as the value given, and at most 1.

    References
    ----------
    S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
    Statistics 6 (1979).
    """
    number = len(p_values)
    corrected = [0.0] * number
    highest = 0.0
    for rank, index in enumerate(sorted(range(number), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (number - rank) * p_values[index]))
        corrected[index] = highest
    return tuple(corrected)


def _sign_flip(differences: Sequence[float]) -> float:
    """Return the fraction of signs whose sum is at least as far from zero as the observed one."""
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate((sums + difference, sums - difference))
    slack = _TIE * float(np.abs(sums).max())
    return float(np.mean(np.abs(sums) >= abs(math.fsum(differences)) - slack))
