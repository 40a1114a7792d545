"""The noise that a budget needs, and the guarantee of that noise, by `dp-accounting`.

The mechanism makes a number of releases. Each is a sum of clipped contributions plus noise
N(0, (z S)^2) on every number, where z is the noise multiplier and S the sensitivity: how far one
unit can move the sum. Every neighbouring relation with sensitivity S has the same epsilon: a
client's updates are replaced by zero, an image is added or removed, or a client's data are replaced
by any others (S is then twice the clipping norm). dp-accounting calls the dominating pair
ADD_OR_REMOVE_ONE. With a sample rate q below 1, a unit is in a release with probability q,
independently and in secret: the Poisson-subsampled Gaussian.
"""

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from secfpp.config.privacy import PrivacyConfig
from secfpp.privacy.statement import PrivacyStatement

if TYPE_CHECKING:  # it takes a second to import, and runs without noise do not need it
    import dp_accounting

__all__ = [
    "calibrate_gaussian",
    "delta_pld",
    "epsilon_pld",
    "epsilon_rdp",
    "least_multiplier",
]

_MARGIN: Final = 1.0005
_ROUNDING: Final = 1e-9  # of the library's root finding
_GRID: Final = 1e-4
_COARSEST: Final = 10.0  # times the grid, as long as that stays within 1e-5 of epsilon
_PRECISION: Final = 1e-3
_SECANTS: Final = 12
_STEPS: Final = 12
_LONGEST: Final = 2.0
_LEAST: Final = 0.1  # multipliers below it hide nothing
_SAMPLED_ORDERS: Final = (*range(2, 33), *range(36, 129, 4), *range(144, 513, 16), 768, 1024)


def epsilon_pld(
    noise_multiplier: float, compositions: int, delta: float, *, sample_rate: float = 1.0
) -> float:
    """Return epsilon of composed Gaussian releases by privacy loss distributions.

    Parameters
    ----------
    noise_multiplier : float
        Standard deviation over sensitivity, above 0.
    compositions : int
        Releases, at least 1.
    delta : float
        In (0, 1).
    sample_rate : float
        Probability with which a unit is in a release. Each is drawn independently and in secret.

    Returns
    -------
    float
        Without sampling the closed form, to ten digits. With sampling an upper bound by discretised
        privacy losses, see `_grid_for`. Noise below `_LEAST` is charged as without sampling, which
        never gives less.

    References
    ----------
    Composed Gaussians are one Gaussian of multiplier z / sqrt(T) (Dong, Roth, Su, JRSS-B 2022); its
    epsilon is that of Balle and Wang (ICML 2018), as `dp_accounting` computes it.
    """
    import dp_accounting
    from dp_accounting import pld

    if sample_rate == 1 or noise_multiplier < _LEAST:
        with np.errstate(divide="ignore"):
            one = noise_multiplier / math.sqrt(compositions)
            return float(dp_accounting.get_epsilon_gaussian(one, delta))
    grid = _grid_for(epsilon_rdp(noise_multiplier, compositions, delta, sample_rate=sample_rate))
    relation = dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE
    accountant = pld.PLDAccountant(relation, value_discretization_interval=grid)
    accountant.compose(_event(noise_multiplier, compositions, sample_rate))
    return float(accountant.get_epsilon(delta))


def delta_pld(
    noise_multiplier: float,
    compositions: int,
    epsilons: npt.NDArray[np.float64],
    *,
    sample_rate: float,
) -> npt.NDArray[np.float64]:
    """Return delta of composed Gaussian releases at several epsilons: their privacy profile.

    Parameters
    ----------
    noise_multiplier, compositions, sample_rate
        As in `epsilon_pld`.
    epsilons : ndarray of float64, (E,)
        At least 0.

    Returns
    -------
    ndarray of float64, (E,)
        Upper bounds, by discretised privacy losses.
    """
    import dp_accounting
    from dp_accounting import pld

    relation = dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE
    accountant = pld.PLDAccountant(relation, value_discretization_interval=_GRID * _COARSEST)
    accountant.compose(_event(noise_multiplier, compositions, sample_rate))
    return np.array([accountant.get_delta(float(epsilon)) for epsilon in epsilons])


def _grid_for(rough_epsilon: float) -> float:
    """Return the step of discretised privacy losses; a coarser one never gives less.

    It is 1e-4 up to an epsilon of 1, 1e-3 from 10 on, and a hundred-thousandth of an epsilon above
    100, so that memory does not grow with epsilon.
    """
    return _GRID * max(min(max(rough_epsilon, 1.0), _COARSEST), rough_epsilon / _COARSEST)


def epsilon_rdp(
    noise_multiplier: float, compositions: int, delta: float, *, sample_rate: float = 1.0
) -> float:
    """Return epsilon of composed Gaussian releases by Renyi differential privacy.

    Parameters and result are those of `epsilon_pld`. The bound is looser and easier to check by
    hand. With sampling only whole orders are used, at which the divergence is a finite sum
    (Mironov, Talwar and Zhang, 2019).
    """
    from dp_accounting import NeighboringRelation, rdp

    orders = None if sample_rate == 1 else _SAMPLED_ORDERS
    relation = NeighboringRelation.ADD_OR_REMOVE_ONE
    accountant = rdp.RdpAccountant(orders, neighboring_relation=relation)
    accountant.compose(_event(noise_multiplier, compositions, sample_rate))
    return float(accountant.get_epsilon(delta))


def calibrate_gaussian(
    privacy: PrivacyConfig,
    compositions: int,
    *,
    clip_norm: float,
    sensitivity: float | None = None,
    sample_rate: float = 1.0,
) -> PrivacyStatement:
    """Find the least noise that keeps a budget over all releases.

    Parameters
    ----------
    privacy : PrivacyConfig
    compositions : int
        Noised releases.
    clip_norm : float
        Bound on a unit's contribution.
    sensitivity : float, optional
        How far a unit can move a release. None: the clipping norm.
    sample_rate : float
        As in `epsilon_pld`.

    Returns
    -------
    PrivacyStatement
        Its `epsilon_pld` is at most the target. Its texts describe a central, client-level method;
        other methods replace them.
    """
    multiplier, spent = _calibrate(privacy, compositions, sample_rate)
    return PrivacyStatement(
        epsilon_target=privacy.epsilon,
        epsilon_pld=spent,
        epsilon_rdp=epsilon_rdp(multiplier, compositions, privacy.delta, sample_rate=sample_rate),
        delta=privacy.delta,
        noise_multiplier=multiplier,
        clip_norm=clip_norm,
        sensitivity=clip_norm if sensitivity is None else sensitivity,
        compositions=compositions,
        sample_rate=sample_rate,
    )


def _calibrate(
    privacy: PrivacyConfig, compositions: int, sample_rate: float
) -> tuple[float, float]:
    """Return the least noise multiplier, and the epsilon that it spends.

    Without sampling the closed form of `epsilon_pld` is inverted. With sampling there is none, and
    the accountant is inverted by secants. The multiplier then grows until `epsilon_pld` is within
    the budget. Where that takes long, as for deltas that its grid cannot show, sampling is not
    credited.
    """
    epsilon, delta = privacy.epsilon, privacy.delta
    unsampled = math.sqrt(compositions) * least_multiplier(epsilon, delta)
    multiplier = unsampled
    if sample_rate < 1 and unsampled > _LEAST:
        multiplier = _nearly_least(epsilon, delta, compositions, sample_rate, at_most=unsampled)
    return _enough(multiplier, epsilon, delta, compositions, sample_rate, at_most=unsampled)


def _nearly_least(
    epsilon: float, delta: float, compositions: int, sample_rate: float, *, at_most: float
) -> float:
    """Return a noise multiplier under sampling whose epsilon is within 0.1 per cent of the target.

    Epsilon is nearly a power of the multiplier, so secants in logarithms need few steps.
    """

    def excess(log_multiplier: float) -> float:
        found = epsilon_pld(math.exp(log_multiplier), compositions, delta, sample_rate=sample_rate)
        return math.log(max(found, 1e-12) / epsilon)

    x, slope = math.log(at_most), -1.3
    y = excess(x)
    for _ in range(_SECANTS):
        if abs(y) < _PRECISION:
            break
        move = min(max(-(y + _PRECISION / 2) / slope, -_LONGEST), _LONGEST)
        next_x = min(max(x + move, math.log(_LEAST)), math.log(at_most))
        next_y = excess(next_x)
        if next_x != x and next_y != y:
            slope = (next_y - y) / (next_x - x)
        x, y = next_x, next_y
    return math.exp(x)


def least_multiplier(epsilon: float, delta: float) -> float:
    """Return the least noise multiplier of one Gaussian release, plus a billionth of it."""
    import dp_accounting

    with np.errstate(divide="ignore"):
        return float(dp_accounting.get_sigma_gaussian(epsilon, delta)) * (1 + _ROUNDING)


def _enough(
    multiplier: float,
    epsilon: float,
    delta: float,
    compositions: int,
    sample_rate: float,
    *,
    at_most: float,
) -> tuple[float, float]:
    """Return the first multiplier from `multiplier` on that keeps the budget, and its epsilon.

    `at_most` keeps the budget without sampling, and sampling never adds to epsilon.
    """
    for _ in range(_STEPS):
        spent = epsilon_pld(multiplier, compositions, delta, sample_rate=sample_rate)
        if spent <= epsilon:
            return multiplier, spent
        multiplier *= _MARGIN
    while (spent := epsilon_pld(at_most, compositions, delta)) > epsilon:
        at_most *= _MARGIN
    return at_most, spent


def _event(
    noise_multiplier: float, compositions: int, sample_rate: float
) -> "dp_accounting.DpEvent":
    """Describe the releases to an accountant."""
    import dp_accounting

    one = dp_accounting.GaussianDpEvent(noise_multiplier)
    if sample_rate < 1:
        one = dp_accounting.PoissonSampledDpEvent(sample_rate, one)
    return dp_accounting.SelfComposedDpEvent(one, compositions)
