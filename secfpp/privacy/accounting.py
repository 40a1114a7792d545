"""How much noise a budget needs, and what the noise then guarantees, by `dp-accounting`.

The mechanism: every round the server releases sum of clipped updates + N(0, (z C)^2) per number,
z the noise multiplier and C the clipping norm. Under the zero-out relation (one client's updates
are replaced by zero; in dp-accounting's words REPLACE_SPECIAL) the sum moves by at most C.
"""

import math

import dp_accounting
from dp_accounting import pld, rdp

from secfpp.config import PrivacyConfig
from secfpp.privacy.statement import PrivacyStatement

__all__ = ["calibrate_gaussian", "epsilon_pld", "epsilon_rdp"]

_ZERO_OUT = dp_accounting.NeighboringRelation.REPLACE_SPECIAL
_MARGIN = 1.0005


def epsilon_pld(noise_multiplier: float, compositions: int, delta: float) -> float:
    """Return epsilon of composed Gaussian releases by privacy loss distributions.

    Parameters
    ----------
    noise_multiplier : float
        Standard deviation over sensitivity, above 0.
    compositions : int
        Releases, at least 1.
    delta : float
        In (0, 1).

    Returns
    -------
    float
        An upper bound, tight to the accountant's discretisation.
    """
    accountant = pld.PLDAccountant(neighboring_relation=_ZERO_OUT)
    accountant.compose(_event(noise_multiplier, compositions))
    return float(accountant.get_epsilon(delta))


def epsilon_rdp(noise_multiplier: float, compositions: int, delta: float) -> float:
    """Return epsilon of composed Gaussian releases by Renyi differential privacy.

    Parameters and result as in `epsilon_pld`; looser, and easier to check by hand.
    """
    accountant = rdp.RdpAccountant(neighboring_relation=_ZERO_OUT)
    accountant.compose(_event(noise_multiplier, compositions))
    return float(accountant.get_epsilon(delta))


def calibrate_gaussian(privacy: PrivacyConfig, compositions: int) -> PrivacyStatement:
    """Find the least noise that keeps a budget over all rounds.

    Parameters
    ----------
    privacy : PrivacyConfig
    compositions : int
        Rounds in which a noised sum is released.

    Returns
    -------
    PrivacyStatement
        Its `epsilon_pld` is at most the target.

    References
    ----------
    Composed Gaussians are one Gaussian of multiplier z / sqrt(T) (Dong, Roth, Su, JRSS-B 2022);
    its exact delta is theorem 8 of Balle and Wang (ICML 2018). The accountant then has the last
    word: the multiplier grows until it agrees.
    """
    multiplier = math.sqrt(compositions) * _least_multiplier(privacy.epsilon, privacy.delta)
    while (epsilon := epsilon_pld(multiplier, compositions, privacy.delta)) > privacy.epsilon:
        multiplier *= _MARGIN
    return PrivacyStatement(
        epsilon_target=privacy.epsilon,
        epsilon_pld=epsilon,
        epsilon_rdp=epsilon_rdp(multiplier, compositions, privacy.delta),
        delta=privacy.delta,
        noise_multiplier=multiplier,
        clip_norm=privacy.clip_norm,
        compositions=compositions,
    )


def _least_multiplier(epsilon: float, delta: float) -> float:
    """Return the least noise multiplier of one Gaussian release, to six digits."""
    low, high = 1e-3, 1e9
    while high > low * (1 + 1e-6):
        middle = math.sqrt(low * high)
        if _exact_delta(epsilon, middle) > delta:
            low = middle
        else:
            high = middle
    return high


def _exact_delta(epsilon: float, noise_multiplier: float) -> float:
    """Return delta of one Gaussian release (Balle and Wang, theorem 8)."""
    half, shift = 0.5 / noise_multiplier, epsilon * noise_multiplier
    return _normal_cdf(half - shift) - math.exp(min(epsilon, 700.0)) * _normal_cdf(-half - shift)


def _normal_cdf(x: float) -> float:
    """Return the standard normal's distribution function, accurate in its lower tail."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def _event(noise_multiplier: float, compositions: int) -> dp_accounting.DpEvent:
    """Describe the releases to an accountant."""
    one = dp_accounting.GaussianDpEvent(noise_multiplier)
    return dp_accounting.SelfComposedDpEvent(one, compositions)
