"""Lower bounds on epsilon from right and wrong guesses.

Three bounds, each valid at its own confidence:

* `one_run_epsilon` assumes nothing: it holds for all canaries of one run together, however the
  mechanism couples them. It cannot exceed what the number of canaries and delta allow.
* `error_rate_epsilon` takes every canary for a trial of its own. That is so for every mechanism
  that adds independent noise to each number, given orthogonal canaries.
* `noise_bound` also takes the mechanism for the Gaussian one that it claims to be, with unknown
  noise. It is the tightest.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from secfpp.attacks.audit.trials import Errors
from secfpp.privacy.accounting import delta_pld, epsilon_pld

__all__ = [
    "Rates",
    "error_rate_epsilon",
    "noise_bound",
    "one_run_epsilon",
    "one_run_p_value",
    "rates",
]

_LARGEST: Final = 64.0  # an epsilon that no audit reaches
_BISECTIONS: Final = 20
_COARSE_BISECTIONS: Final = 10
_MULTIPLIERS: Final = (0.1, 100.0)
"""Where the noise is looked for; the accountant does not credit sampling below the first."""
_LOSSES: Final = np.concatenate([np.arange(0.0, 4.0, 0.25), np.arange(4.0, 25.0, 0.5)])


def one_run_p_value(
    canaries: int, guesses: int, right: int, *, epsilon: float, delta: float
) -> float:
    """Bound the probability of so many right guesses under (epsilon, delta)-differential privacy.

    Parameters
    ----------
    canaries : int
        Canaries, each included by a fair coin of its own.
    guesses : int
        Canaries about which the auditor guessed; it may abstain from the others.
    right : int
        Right guesses.
    epsilon, delta : float
        The hypothesis.

    Returns
    -------
    float
        At most 1.

    Notes
    -----
    With W binomial of `guesses` trials, each right with probability 1 / (1 + exp(-epsilon)), it is
    P[W >= right] + 2 canaries delta max_i P[right > W >= right - i] / i.

    References
    ----------
    Steinke, Nasr and Jagielski (NeurIPS 2023), corollary 5.4 and appendix D.
    """
    binomial = stats.binom(guesses, 1 / (1 + math.exp(-epsilon)))
    tail = float(binomial.sf(right - 1))
    if delta == 0 or right == 0:
        return min(tail, 1.0)
    below = np.cumsum(binomial.pmf(np.arange(right - 1, -1, -1)))
    slope = float(np.max(below / np.arange(1, right + 1)))
    return min(tail + 2 * canaries * delta * slope, 1.0)


def one_run_epsilon(
    canaries: int, guesses: int, right: int, *, delta: float, confidence: float
) -> float:
    """Return the largest epsilon that right guesses refute; 0 if they refute none.

    Parameters are those of `one_run_p_value`; `confidence` is that of the bound, as 0.95.
    """

    def refuted(epsilon: float) -> bool:
        p = one_run_p_value(canaries, guesses, right, epsilon=epsilon, delta=delta)
        return p <= 1 - confidence

    above = 0.0
    while above < _LARGEST and refuted(above):
        above += 1.0
    if above == 0:
        return 0.0
    low, high = above - 1.0, above
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if refuted(middle) else (low, middle)
    return low


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Bounds on how well a threshold tells canaries that were in from those that were out."""

    hits: float
    """At least so many of those that were in are above the threshold."""
    false_alarms: float
    """At most so many of those that were out are."""


def rates(errors: Errors, *, confidence: float) -> Rates:
    """Return Clopper and Pearson's bounds, which hold together with the given confidence."""
    error = (1 - confidence) / 2
    hits, alarms = errors.hits, errors.false_alarms
    at_least = stats.beta.ppf(error, hits, errors.included - hits + 1) if hits else 0.0
    left = errors.excluded - alarms
    at_most = stats.beta.ppf(1 - error, alarms + 1, left) if left else 1.0
    return Rates(hits=float(at_least), false_alarms=float(at_most))


def error_rate_epsilon(found: Rates, *, delta: float) -> float:
    """Return the largest epsilon that hits and false alarms refute; 0 if they refute none.

    Under (epsilon, delta)-differential privacy hits <= exp(epsilon) false alarms + delta, and the
    same for misses and correct rejections (Kairouz, Oh and Viswanath, ICML 2015).
    """
    ways = (
        (found.hits - delta, found.false_alarms),
        (1 - found.false_alarms - delta, 1 - found.hits),
    )
    return max(0.0, *(math.log(up / down) for up, down in ways if up > 0 and down > 0))


def noise_bound(found: Rates, *, compositions: int, sample_rate: float, delta: float) -> float:
    """Return epsilon of the same Gaussian mechanism with the most noise that allows the rates.

    Parameters
    ----------
    found : Rates
    compositions : int
        Releases.
    sample_rate : float
        Probability with which a unit is in a release, drawn independently; 1 without sampling.
    delta : float

    Returns
    -------
    float
        0 if any noise allows them.

    Notes
    -----
    Without sampling the mechanism is mu-GDP, and mu is at least the difference of the normal
    quantiles of both rates (Nasr et al., USENIX Security 2023). With sampling the noise is found by
    bisection: hits may be at most min over e of exp(e) false alarms + delta(e), where delta(e) is
    the privacy profile of the composed mechanism.
    """
    mu = float(stats.norm.ppf(found.hits) - stats.norm.ppf(found.false_alarms))
    if not mu > 0:
        return 0.0
    if sample_rate == 1:
        return epsilon_pld(math.sqrt(compositions) / mu, compositions, delta)
    low, high = _MULTIPLIERS
    if not _refutes(found, high, compositions, sample_rate):
        return 0.0
    for _ in range(_COARSE_BISECTIONS):
        middle = math.sqrt(low * high)
        refuted = _refutes(found, middle, compositions, sample_rate)
        low, high = (low, middle) if refuted else (middle, high)
    return epsilon_pld(high, compositions, delta, sample_rate=sample_rate)


def _refutes(found: Rates, noise_multiplier: float, compositions: int, sample_rate: float) -> bool:
    """Tell whether the rates are impossible with so much noise."""
    deltas = delta_pld(noise_multiplier, compositions, _LOSSES, sample_rate=sample_rate)
    factors = np.exp(_LOSSES)
    most_hits = np.min(factors * found.false_alarms + deltas)
    most_rejections = np.min(factors * (1 - found.hits) + deltas)
    return bool(found.hits > most_hits or 1 - found.false_alarms > most_rejections)
