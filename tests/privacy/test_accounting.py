import math

import pytest
from dp_accounting import GaussianDpEvent, SelfComposedDpEvent
from dp_accounting.pld import PLDAccountant
from scipy.optimize import brentq  # type: ignore[import-untyped]
from scipy.stats import norm  # type: ignore[import-untyped]

from secfpp.config.privacy import PrivacyConfig
from secfpp.errors import ConfigError
from secfpp.privacy.accounting import calibrate_gaussian, epsilon_pld, epsilon_rdp


def exact_delta(epsilon: float, noise_multiplier: float) -> float:
    """Delta of the Gaussian mechanism (Balle and Wang, ICML 2018, theorem 8)."""
    half, shift = 0.5 / noise_multiplier, epsilon * noise_multiplier
    return float(norm.cdf(half - shift) - math.exp(epsilon) * norm.cdf(-half - shift))


def exact_epsilon(noise_multiplier: float, compositions: int, delta: float) -> float:
    """Composed Gaussians are one Gaussian of multiplier z / sqrt(T) (Dong et al., JRSS-B 2022)."""
    one = noise_multiplier / math.sqrt(compositions)
    return float(brentq(lambda e: exact_delta(e, one) - delta, 0, 500))


def rdp_epsilon(noise_multiplier: float, compositions: int, delta: float) -> float:
    """RDP of the Gaussian (Mironov, CSF 2017) by the plain conversion: an upper bound."""
    rho = compositions / (2 * noise_multiplier**2)
    return rho + 2 * math.sqrt(rho * math.log(1 / delta))


@pytest.mark.parametrize(("z", "rounds"), [(1.0, 1), (2.0, 10), (5.0, 10), (20.0, 100)])
def test_pld_agrees_with_the_closed_form(z: float, rounds: int) -> None:
    exact = exact_epsilon(z, rounds, 1e-5)
    found = epsilon_pld(z, rounds, 1e-5)
    assert exact <= found + 1e-6
    assert found == pytest.approx(exact, rel=2e-3, abs=2e-3)


@pytest.mark.parametrize(("z", "rounds"), [(1.0, 1), (5.0, 10), (20.0, 100)])
def test_the_closed_form_lies_just_below_discretised_losses(z: float, rounds: int) -> None:
    accountant = PLDAccountant(value_discretization_interval=1e-4)
    accountant.compose(SelfComposedDpEvent(GaussianDpEvent(z), rounds))
    bound = float(accountant.get_epsilon(1e-5))
    assert bound - 2e-3 < epsilon_pld(z, rounds, 1e-5) <= bound


@pytest.mark.parametrize("rate", [1.0, 0.125])
@pytest.mark.parametrize("epsilon", [1e4, 1e6, 1e9])
def test_a_budget_that_hides_nothing_is_kept_like_any_other(epsilon: float, rate: float) -> None:
    """Discretised losses would need gigabytes; noise z has epsilon near T / (2 z^2)."""
    said = calibrate_gaussian(PrivacyConfig(epsilon=epsilon), 10, sample_rate=rate, clip_norm=1.0)
    assert 0.99 * epsilon < said.epsilon_pld <= epsilon
    assert said.epsilon_rdp < 3 * epsilon
    assert said.noise_multiplier == pytest.approx(math.sqrt(10 / (2 * epsilon)), rel=0.05)


def test_a_budget_beyond_all_use_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"privacy\.epsilon=1e\+300 .* at most 1e9"):
        PrivacyConfig(epsilon=1e300)


@pytest.mark.slow
def test_where_the_grid_shows_no_delta_sampling_is_not_credited() -> None:
    said = calibrate_gaussian(PrivacyConfig(delta=1e-30), 1, sample_rate=0.125, clip_norm=1.0)
    assert said.epsilon_pld <= 8.0
    assert said.noise_multiplier == pytest.approx(
        calibrate_gaussian(PrivacyConfig(delta=1e-30), 1, clip_norm=1.0).noise_multiplier
    )


@pytest.mark.parametrize(("z", "rounds"), [(1.0, 1), (5.0, 10)])
def test_rdp_lies_between_exact_and_plain_conversion(z: float, rounds: int) -> None:
    found = epsilon_rdp(z, rounds, 1e-5)
    assert exact_epsilon(z, rounds, 1e-5) <= found <= rdp_epsilon(z, rounds, 1e-5)


def test_known_value() -> None:
    """Sigma 1, one release, delta 1e-5: epsilon 4.377 (Balle and Wang's mechanism)."""
    assert epsilon_pld(1.0, 1, 1e-5) == pytest.approx(4.377, abs=0.01)


@pytest.mark.parametrize("epsilon", [0.5, 8.0])
def test_calibration_keeps_the_budget_and_wastes_little(epsilon: float) -> None:
    said = calibrate_gaussian(PrivacyConfig(epsilon=epsilon, delta=1e-5), 10, clip_norm=2.0)
    assert 0.98 * epsilon < said.epsilon_pld <= epsilon
    assert said.epsilon_rdp >= said.epsilon_pld
    assert said.compositions == 10
    assert said.clip_norm == 2.0


def test_more_rounds_need_more_noise() -> None:
    budget = PrivacyConfig(epsilon=2.0)
    few, many = (
        calibrate_gaussian(budget, rounds, clip_norm=1.0).noise_multiplier for rounds in (5, 20)
    )
    assert many == pytest.approx(2 * few, rel=0.01)


def test_no_epsilon_goes_without_its_unit_delta_and_trust() -> None:
    words = calibrate_gaussian(PrivacyConfig(epsilon=8.0), 10, clip_norm=1.0).in_words
    for needed in ("unit: client", "delta 1e-05", "neighbours:", "10 releases", "trust:"):
        assert needed in words


def sampled_delta(epsilon: float, noise_multiplier: float, rate: float) -> float:
    """Delta of one Poisson-subsampled Gaussian, the larger of removing and adding a record.

    P = (1 - q) N(0, z^2) + q N(1, z^2), Q = N(0, z^2); the privacy loss grows with x, so each delta
    is a difference of normal tails beyond the x at which it is epsilon.
    """
    z, q = noise_multiplier, rate

    def where(ratio: float) -> float:
        return z * z * math.log((ratio - 1 + q) / q) + 0.5

    x = where(math.exp(epsilon))
    removed = (1 - q) * norm.sf(x / z) + q * norm.sf((x - 1) / z)
    removed -= math.exp(epsilon) * norm.sf(x / z)
    if math.exp(-epsilon) <= 1 - q:
        return float(removed)
    x = where(math.exp(-epsilon))
    mixed = (1 - q) * norm.cdf(x / z) + q * norm.cdf((x - 1) / z)
    return float(max(removed, norm.cdf(x / z) - math.exp(epsilon) * mixed))


@pytest.mark.slow
@pytest.mark.parametrize(("z", "rate"), [(1.0, 0.125), (0.7, 0.01), (3.0, 0.5)])
def test_one_sampled_release_agrees_with_the_closed_form(z: float, rate: float) -> None:
    delta = 1e-5
    exact = float(brentq(lambda e: sampled_delta(e, z, rate) - delta, 1e-6, 50))
    found = epsilon_pld(z, 1, delta, sample_rate=rate)
    assert exact <= found + 1e-6
    assert found == pytest.approx(exact, rel=5e-3, abs=2e-3)


def test_sampled_value_of_the_accountants_own_tests() -> None:
    """dp-accounting, pld/accountant_test.py: least noise for epsilon 1, delta 1e-5, rate 0.01."""
    assert epsilon_pld(0.67379294682, 1, 1e-5, sample_rate=0.01) == pytest.approx(1.0, abs=2e-3)


def test_example_of_the_moments_accountant() -> None:
    """Abadi et al. (CCS 2016), section 3.2: q 0.01, sigma 4, 10,000 steps: epsilon 1.26."""
    by_rdp = epsilon_rdp(4.0, 10_000, 1e-5, sample_rate=0.01)
    assert 1.0 < by_rdp <= 1.26
    assert 0.9 * by_rdp < epsilon_pld(4.0, 10_000, 1e-5, sample_rate=0.01) < by_rdp


def test_sampled_renyi_divergence_is_the_finite_sum() -> None:
    """Mironov, Talwar, Zhang (2019), equation 5, with the conversion of Canonne et al. (2020)."""
    z, q, steps, delta = 1.5, 0.125, 300, 1e-5

    def epsilon_at(order: int) -> float:
        terms = [
            math.comb(order, k)
            * (1 - q) ** (order - k)
            * q**k
            * math.exp((k * k - k) / (2 * z * z))
            for k in range(order + 1)
        ]
        rdp = steps * math.log(sum(terms)) / (order - 1)
        return rdp + math.log1p(-1 / order) - math.log(delta * order) / (order - 1)

    best = min(epsilon_at(order) for order in range(2, 30))
    assert epsilon_rdp(z, steps, delta, sample_rate=q) == pytest.approx(best, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("epsilon", [0.1, pytest.param(1.0, marks=pytest.mark.slow), 8.0])
def test_sampled_calibration_keeps_the_budget_and_wastes_little(epsilon: float) -> None:
    said = calibrate_gaussian(PrivacyConfig(epsilon=epsilon), 60, clip_norm=0.7, sample_rate=0.125)
    assert 0.995 * epsilon < said.epsilon_pld <= epsilon < said.epsilon_rdp
    assert said.clip_norm == said.sensitivity == 0.7
    assert said.sample_rate == 0.125


@pytest.mark.slow
def test_sampling_saves_noise_and_all_of_it_is_none() -> None:
    budget = PrivacyConfig(epsilon=2.0)
    all_, half = (
        calibrate_gaussian(budget, 20, sample_rate=rate, clip_norm=1.0) for rate in (1.0, 0.5)
    )
    assert half.noise_multiplier < 0.8 * all_.noise_multiplier
    assert epsilon_pld(3.0, 5, 1e-5, sample_rate=1.0) == epsilon_pld(3.0, 5, 1e-5)
