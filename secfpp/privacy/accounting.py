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

from secfpp.config import PrivacyConfig
from secfpp.privacy.statement import PrivacyStatement

if TYPE_CHECKING:  # it takes a second, which runs without noise do not have to wait
    import dp_accounting

__all__ = ["calibrate_gaussian", "epsilon_pld", "epsilon_rdp"]

_MARGIN: Final = 1.0005
_GRID: Final = 1e-4
_PRECISION: Final = 1e-3
_SECANTS: Final = 12
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
        An upper bound, tight to the accountant's discretisation: 1e-4, and under sampling, where
        it costs seconds, up to 1e-3 for an epsilon of 10 and more. Coarser is never smaller.
    """
    from dp_accounting import NeighboringRelation, pld

    grid = _GRID
    if sample_rate < 1:
        rough = epsilon_rdp(noise_multiplier, compositions, delta, sample_rate=sample_rate)
        grid *= min(max(rough, 1.0), 10.0)
    relation = NeighboringRelation.ADD_OR_REMOVE_ONE
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
    clip_norm: float | None = None,
    sensitivity: float | None = None,
    sample_rate: float = 1.0,
) -> PrivacyStatement:
    """Find the least noise that keeps a budget over all releases.

    Parameters
    ----------
    privacy : PrivacyConfig
    compositions : int
        Noised releases.
    clip_norm : float, optional
        Bound on a unit's contribution. None: `privacy.clip_norm`.
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
    Without sampling composed Gaussians are one Gaussian of multiplier z / sqrt(T) (Dong, Roth, Su,
    JRSS-B 2022); its exact delta is theorem 8 of Balle and Wang (ICML 2018). The accountant then
    has the last word: the multiplier grows until it agrees. With sampling there is no closed form,
    and the accountant is asked by secants.
    """
    clip_norm = privacy.clip_norm if clip_norm is None else clip_norm
    epsilon, delta = privacy.epsilon, privacy.delta
    multiplier = math.sqrt(compositions) * _least_multiplier(epsilon, delta)
    if sample_rate < 1:
        multiplier = _nearly_least(epsilon, delta, compositions, sample_rate, at_most=multiplier)
    while (
        spent := epsilon_pld(multiplier, compositions, delta, sample_rate=sample_rate)
    ) > epsilon:
        multiplier *= _MARGIN
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
        next_x = max(x + move, math.log(_LEAST))
        next_y = excess(next_x)
        if next_x != x and next_y != y:
            slope = (next_y - y) / (next_x - x)
        x, y = next_x, next_y
    return math.exp(x)


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


def _event(
    noise_multiplier: float, compositions: int, sample_rate: float
) -> "dp_accounting.DpEvent":
    """Describe the releases to an accountant."""
    import dp_accounting

    one = dp_accounting.GaussianDpEvent(noise_multiplier)
    if sample_rate < 1:
        one = dp_accounting.PoissonSampledDpEvent(sample_rate, one)
    return dp_accounting.SelfComposedDpEvent(one, compositions)
