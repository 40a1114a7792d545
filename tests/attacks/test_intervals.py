import numpy as np
import pytest

from secfpp.attacks.intervals import Interval, bootstrap, clopper_pearson, mean_over


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(0, 20, 0.0, 0.16843), (20, 20, 0.83157, 1.0), (7, 20, 0.15391, 0.59219), (1, 1, 0.025, 1.0)],
)
def test_exact_binomial_intervals(hits: int, trials: int, low: float, high: float) -> None:
    """As R's `binom.test` prints them."""
    found = clopper_pearson(hits, trials)
    assert found.value == hits / trials
    assert found.low == pytest.approx(low, abs=1e-5)
    assert found.high == pytest.approx(high, abs=1e-5)


def test_bootstrapped_mean_has_the_width_of_its_standard_error() -> None:
    values = np.random.default_rng(3).normal(2.0, 1.0, size=400)
    found = mean_over(values, np.random.default_rng(4))
    width = 2 * 1.96 * values.std(ddof=1) / 20
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(width, rel=0.1)


def test_values_that_are_not_known_are_left_out() -> None:
    found = mean_over(np.array([1.0, np.nan, 1.0]), np.random.default_rng(0))
    assert found == Interval(value=1.0, low=1.0, high=1.0)


def test_an_interval_holds_its_own_value() -> None:
    """Also where the statistic of all targets is outside of what samples give."""
    found = bootstrap(3, lambda some: float(len(set(some.tolist()))), np.random.default_rng(0))
    assert found.low <= found.value == 3.0 <= found.high


def test_intervals_that_meet() -> None:
    one = Interval(value=1.0, low=0.5, high=1.5)
    assert one.overlaps(Interval(value=2.0, low=1.5, high=3.0))
    assert not one.overlaps(Interval(value=2.0, low=1.6, high=3.0))
