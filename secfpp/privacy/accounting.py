"""How much noise a budget needs, and what the noise then guarantees, by `dp-accounting`.

The mechanism: each of a number of releases is a sum of clipped contributions + N(0, (z S)^2) per
number, z the noise multiplier and S how far one unit moves the sum. Whatever moves it by S at most
(a client's updates replaced by zero, an image added or removed, a client's data replaced by any
others, S then being twice the clipping norm) gives the same epsilon; dp-accounting's name for the
dominating pair is ADD_OR_REMOVE_ONE. With a sample rate q below 1, a unit is in a release with
probability q, by itself and in secret: the Poisson-subsampled Gaussian.
"""

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from secfpp.config.privacy import PrivacyConfig
from secfpp.privacy.statement import PrivacyStatement

if TYPE_CHECKING:  # it takes a second, which runs without noise do not have to wait
    import dp_accounting

__all__ = ["calibrate_gaussian", "epsilon_pld", "epsilon_rdp"]

_MARGIN: Final = 1.0005
_ROUNDING: Final = 1e-9  # of the library's root finding
_GRID: Final = 1e-4
_COARSEST: Final = 10.0  # times the grid, as long as that stays within 1e-5 of epsilon
_PRECISION: Final = 1e-3
_SECANTS: Final = 12
_STEPS: Final = 12
_LONGEST: Final = 2.0
_LEAST: Final = 0.1  # a multiplier below which nothing is hidden
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
        Probability with which a unit is in a release, drawn for each by itself, in secret.

    Returns
    -------
    float
        Without sampling the closed form, to ten digits. With it an upper bound by discretised
        privacy losses: to 1e-4, up to 1e-3 for an epsilon of 10 and more, and to a hundred-
        thousandth of one above 100, lest memory grow with it. Coarser is never smaller. Noise below
        `_LEAST` is charged as if there were no sampling, which is never smaller either.

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
    rough = epsilon_rdp(noise_multiplier, compositions, delta, sample_rate=sample_rate)
    grid = _GRID * max(min(max(rough, 1.0), _COARSEST), rough / _COARSEST)
    relation = dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE
    accountant = pld.PLDAccountant(relation, value_discretization_interval=grid)
    accountant.compose(_event(noise_multiplier, compositions, sample_rate))
    return float(accountant.get_epsilon(delta))


def epsilon_rdp(
    noise_multiplier: float, compositions: int, delta: float, *, sample_rate: float = 1.0
) -> float:
    """Return epsilon of composed Gaussian releases by Renyi differential privacy.

    Parameters and result as in `epsilon_pld`; looser, and easier to check by hand. With sampling
    it looks at whole orders only, at which the divergence is a finite sum (Mironov, Talwar and
    Zhang, 2019).
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
        How far a unit moves a release. None: by the clipping norm.
    sample_rate : float
        As in `epsilon_pld`.

    Returns
    -------
    PrivacyStatement
        Its `epsilon_pld` is at most the target. Its words are those of a central, client-level
        method; other methods replace them.

    References
    ----------
    Without sampling the closed form of `epsilon_pld` is inverted. With sampling there is none, and
    the accountant is asked by secants. `epsilon_pld` then has the last word: the multiplier grows
    until it agrees; where that takes long, as for deltas that its grid cannot show, sampling is not
    credited.
    """
    epsilon, delta = privacy.epsilon, privacy.delta
    unsampled = math.sqrt(compositions) * _least_multiplier(epsilon, delta)
    multiplier = unsampled
    if sample_rate < 1 and unsampled > _LEAST:
        multiplier = _nearly_least(epsilon, delta, compositions, sample_rate, at_most=unsampled)
    multiplier, spent = _enough(
        multiplier, epsilon, delta, compositions, sample_rate, at_most=unsampled
    )
    return PrivacyStatement(
        epsilon_target=epsilon,
        epsilon_pld=spent,
        epsilon_rdp=epsilon_rdp(multiplier, compositions, delta, sample_rate=sample_rate),
        delta=delta,
        noise_multiplier=multiplier,
        clip_norm=clip_norm,
        sensitivity=clip_norm if sensitivity is None else sensitivity,
        compositions=compositions,
        sample_rate=sample_rate,
    )


def _nearly_least(
    epsilon: float, delta: float, compositions: int, sample_rate: float, *, at_most: float
) -> float:
    """Return a noise multiplier under sampling whose epsilon is the target's within 0.1 per cent.

    Epsilon is nearly a power of the multiplier, so secants in logarithms get there in a few steps.
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


def _least_multiplier(epsilon: float, delta: float) -> float:
    """Return the least noise multiplier of one Gaussian release, a billionth above."""
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

    `at_most` does without sampling, and sampling never hurts.
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
