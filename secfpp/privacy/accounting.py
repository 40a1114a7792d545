"""How much noise a budget needs, and what the noise then guarantees, by `dp-accounting`.

The mechanism: every round the server releases sum of clipped updates + N(0, (z C)^2) per number,
z the noise multiplier and C the clipping norm. Under the zero-out relation (one client's updates
are replaced by zero; in dp-accounting's words REPLACE_SPECIAL) the sum moves by at most C.
"""

import dp_accounting
from dp_accounting import pld, rdp

from secfpp.config import PrivacyConfig
from secfpp.errors import ConfigError
from secfpp.privacy.statement import PrivacyStatement

__all__ = ["calibrate_gaussian", "epsilon_pld", "epsilon_rdp"]

_ZERO_OUT = dp_accounting.NeighboringRelation.REPLACE_SPECIAL
_TOLERANCE = 1e-3


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

    Raises
    ------
    ConfigError
        If no noise multiplier below 1e6 keeps the budget.
    """
    low, high = 0.0, 1.0
    while epsilon_pld(high, compositions, privacy.delta) > privacy.epsilon:
        low, high = high, 2.0 * high
        if high > 1e6:
            raise ConfigError(
                f"privacy.epsilon={privacy.epsilon} over {compositions} rounds needs noise "
                "beyond 1e6 times the clipping norm; raise epsilon or lower training.rounds"
            )
    while high - low > _TOLERANCE * high:
        middle = (low + high) / 2
        kept = epsilon_pld(middle, compositions, privacy.delta) <= privacy.epsilon
        low, high = (low, middle) if kept else (middle, high)
    return PrivacyStatement(
        epsilon_target=privacy.epsilon,
        epsilon_pld=epsilon_pld(high, compositions, privacy.delta),
        epsilon_rdp=epsilon_rdp(high, compositions, privacy.delta),
        delta=privacy.delta,
        noise_multiplier=high,
        clip_norm=privacy.clip_norm,
        compositions=compositions,
    )


def _event(noise_multiplier: float, compositions: int) -> dp_accounting.DpEvent:
    """Describe the releases to an accountant."""
    one = dp_accounting.GaussianDpEvent(noise_multiplier)
    return dp_accounting.SelfComposedDpEvent(one, compositions)
