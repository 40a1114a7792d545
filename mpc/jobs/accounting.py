"""Zero-concentrated differential privacy: what noise costs, and the epsilon of what was spent.

A release whose L2 sensitivity is d, with discrete Gaussian noise of standard deviation s on every
number, is rho-zCDP with rho = d^2 / (2 s^2), exactly as with continuous noise. Releases add up,
whatever they depend on. Only at the end is rho converted to epsilon at a delta. Needs no package.

References
----------
Bun, Steinke: Concentrated differential privacy, TCC 2016. Canonne, Kamath, Steinke: The discrete
Gaussian for differential privacy, NeurIPS 2020, theorem 4 (noise) and proposition 12 (conversion).
"""

import math
from typing import Final

_LEAST_ORDER: Final = 1e-9
_MOST_ORDER: Final = 1e9
"""Range of orders less 1."""
_STEPS: Final = 200
_GOLDEN: Final = (math.sqrt(5) - 1) / 2


def rho_of(noise_multiplier: float) -> float:
    """Return the rho of noise whose standard deviation is so many times the sensitivity."""
    return 0.5 / noise_multiplier**2


def multiplier_of(rho: float) -> float:
    """Return the noise multiplier of a rho above 0."""
    return math.sqrt(0.5 / rho)


def epsilon_of(rho: float, delta: float) -> float:
    """Return the least epsilon that zCDP gives at a delta; 0 for a rho of 0.

    Parameters
    ----------
    rho : float
        At least 0.
    delta : float
        In (0, 1).

    Notes
    -----
    Every order gives a valid epsilon, so the search may miss the least one, but is never below it.
    """
    if rho == 0:
        return 0.0
    low, high = math.log(_LEAST_ORDER), math.log(_MOST_ORDER)
    for _ in range(_STEPS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if _epsilon_at(rho, delta, left) <= _epsilon_at(rho, delta, right):
            high = right
        else:
            low = left
    return max(0.0, _epsilon_at(rho, delta, low))


def _epsilon_at(rho: float, delta: float, log_order: float) -> float:
    """Return the epsilon of the order 1 + exp(log_order)."""
    above = math.exp(log_order)
    order = 1 + above
    return order * rho + math.log1p(-1 / order) - (math.log(delta) + math.log(order)) / above


def rho_for(epsilon: float, delta: float) -> float:
    """Return the greatest rho, to 14 digits, whose epsilon is at most `epsilon` at `delta`."""
    low, high = 0.0, epsilon  # an epsilon is at least its rho
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if epsilon_of(middle, delta) <= epsilon:
            low = middle
        else:
            high = middle
        if high - low <= 1e-14 * high:
            break
    return low


def multiplier_for(epsilon: float, delta: float, releases: int = 1) -> float:
    """Return the least noise multiplier that keeps a budget over so many releases."""
    return multiplier_of(rho_for(epsilon, delta) / releases)
