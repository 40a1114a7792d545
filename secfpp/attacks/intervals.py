"""Estimates with confidence intervals of 95 per cent.

Rates of independent trials have exact binomial intervals, everything else is bootstrapped over
targets. A target is what the attack chose afresh: a client, with all that belongs to it.

References
----------
C. Clopper and E. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
binomial" (Biometrika 26, 1934). B. Efron, "Bootstrap Methods: Another Look at the Jackknife"
(Annals of Statistics 7, 1979), percentile intervals.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from secfpp.learning.prompts import FloatArray

__all__ = ["CONFIDENCE", "Interval", "bootstrap", "clopper_pearson", "mean_over"]

CONFIDENCE: Final = 0.95
DRAWS: Final = 1000
"""Bootstrap samples of an interval."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate and its confidence interval."""

    value: float
    low: float
    high: float

    def overlaps(self, other: "Interval") -> bool:
        """Tell whether two intervals have a number in common."""
        return self.low <= other.high and other.low <= self.high


def clopper_pearson(hits: int, trials: int) -> Interval:
    """Return a rate and its exact binomial interval.

    Parameters
    ----------
    hits : int
        Successes, 0 to `trials`.
    trials : int
        Independent trials, at least 1.
    """
    from scipy.stats import beta  # type: ignore[import-untyped]

    tail = (1 - CONFIDENCE) / 2
    low = float(beta.ppf(tail, hits, trials - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, trials - hits)) if hits < trials else 1.0
    return Interval(value=hits / trials, low=low, high=high)


def bootstrap(
    num_targets: int,
    statistic: Callable[[npt.NDArray[np.int64]], float],
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> Interval:
    """Return a statistic of all targets and its percentile interval.

    Parameters
    ----------
    num_targets : int
    statistic : callable
        From targets, (num_targets,), some of them more than once, to a number.
    rng : numpy.random.Generator
    draws : int
        Samples with replacement.
    """
    tail = (1 - CONFIDENCE) / 2
    samples = rng.integers(num_targets, size=(draws, num_targets))
    found = np.array([statistic(targets) for targets in samples])
    low, high = np.quantile(found[np.isfinite(found)], [tail, 1 - tail])
    value = statistic(np.arange(num_targets))
    return Interval(value=value, low=min(float(low), value), high=max(float(high), value))


def mean_over(values_n: FloatArray, rng: np.random.Generator) -> Interval:
    """Return the mean over targets and its bootstrapped interval; NaN values are left out."""
    known_n = np.asarray(values_n, dtype=np.float64)
    known_n = known_n[np.isfinite(known_n)]
    return bootstrap(len(known_n), lambda targets: float(known_n[targets].mean()), rng)
