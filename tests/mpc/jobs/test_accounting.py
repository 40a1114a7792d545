"""Zero-concentrated differential privacy is converted as dp-accounting converts it, or tighter."""

import math

import dp_accounting
import pytest
from dp_accounting import rdp

from mpc.jobs.accounting import epsilon_of, multiplier_for, multiplier_of, rho_for, rho_of

BUDGETS = [(0.01, 1e-5), (0.1, 1e-9), (1.0, 1e-5), (8.0, 1e-5), (8.0, 1e-9), (50.0, 1e-3)]


@pytest.mark.parametrize(("epsilon", "delta"), BUDGETS)
def test_epsilon_is_that_of_the_best_renyi_order(epsilon: float, delta: float) -> None:
    multiplier = multiplier_for(epsilon, delta)
    found = epsilon_of(rho_of(multiplier), delta)
    orders = [1 + 10 ** (place / 50) for place in range(-150, 250)]
    accountant = rdp.RdpAccountant(orders)
    accountant.compose(dp_accounting.GaussianDpEvent(multiplier))
    by_orders = float(accountant.get_epsilon(delta))
    assert found <= epsilon
    assert found == pytest.approx(epsilon, rel=1e-9)
    assert found <= by_orders * (1 + 1e-9)
    assert by_orders == pytest.approx(found, rel=2e-3)


@pytest.mark.parametrize(("epsilon", "delta"), BUDGETS)
def test_epsilon_is_never_below_that_of_the_continuous_gaussian(
    epsilon: float, delta: float
) -> None:
    tight = float(dp_accounting.get_epsilon_gaussian(multiplier_for(epsilon, delta), delta))
    assert 0.7 * epsilon < tight < epsilon


def test_releases_share_a_budget() -> None:
    one, ten = multiplier_for(8.0, 1e-5), multiplier_for(8.0, 1e-5, releases=10)
    assert ten == pytest.approx(one * math.sqrt(10))
    assert epsilon_of(10 * rho_of(ten), 1e-5) == pytest.approx(8.0)
    assert epsilon_of(20 * rho_of(ten), 1e-5) > 8.0


def test_epsilon_grows_with_rho_and_starts_at_zero() -> None:
    found = [epsilon_of(rho, 1e-5) for rho in (0.0, 1e-12, 1e-6, 1e-3, 0.1, 1.0, 100.0, 1e6)]
    assert found[0] == 0
    assert found == sorted(found)
    assert found[-1] == pytest.approx(1e6, rel=0.01)
    assert multiplier_of(rho_of(3.0)) == pytest.approx(3.0)
    assert 0 < rho_for(1e-6, 1e-5) < 1e-6
