import math

import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from secfpp.config import PrivacyConfig
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


@pytest.mark.parametrize(("z", "rounds"), [(1.0, 1), (5.0, 10)])
def test_rdp_lies_between_exact_and_plain_conversion(z: float, rounds: int) -> None:
    found = epsilon_rdp(z, rounds, 1e-5)
    assert exact_epsilon(z, rounds, 1e-5) <= found <= rdp_epsilon(z, rounds, 1e-5)


def test_known_value() -> None:
    """Sigma 1, one release, delta 1e-5: epsilon 4.377 (Balle and Wang's mechanism)."""
    assert epsilon_pld(1.0, 1, 1e-5) == pytest.approx(4.377, abs=0.01)


@pytest.mark.parametrize("epsilon", [0.5, 8.0])
def test_calibration_keeps_the_budget_and_wastes_little(epsilon: float) -> None:
    said = calibrate_gaussian(PrivacyConfig(epsilon=epsilon, delta=1e-5, clip_norm=2.0), 10)
    assert 0.98 * epsilon < said.epsilon_pld <= epsilon
    assert said.epsilon_rdp >= said.epsilon_pld
    assert said.compositions == 10
    assert said.clip_norm == 2.0


def test_more_rounds_need_more_noise() -> None:
    budget = PrivacyConfig(epsilon=2.0)
    few, many = (calibrate_gaussian(budget, rounds).noise_multiplier for rounds in (5, 20))
    assert many == pytest.approx(2 * few, rel=0.01)


def test_no_epsilon_goes_without_its_unit_delta_and_trust() -> None:
    words = calibrate_gaussian(PrivacyConfig(epsilon=8.0), 10).in_words
    for needed in ("unit: client", "delta 1e-05", "neighbours:", "10 releases", "trust:"):
        assert needed in words
