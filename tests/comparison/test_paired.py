"""Paired tests against numbers worked out by hand and by another implementation."""

import math

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from secfpp.comparison.paired import MOST_FLIPPED, holm, paired_test


def test_three_differences_by_hand() -> None:
    """Mean 2, deviations -1, 0, 1: s = 1, standard error 1 / sqrt 3, t = 2 sqrt 3.

    With 2 degrees of freedom, P(T > t) = (1 - t / sqrt(t^2 + 2)) / 2.
    """
    found = paired_test([1.0, 2.0, 3.0])
    t = 2 * math.sqrt(3)
    assert found.mean == pytest.approx(2.0)
    assert found.standard_error == pytest.approx(1 / math.sqrt(3))
    assert found.p_t == pytest.approx(1 - t / math.sqrt(t * t + 2))
    assert found.p_sign_flip == 0.25, "of 8 signs, only all plus and all minus reach a sum of 6"
    assert found.num_seeds == 3


def test_sign_flips_count_ties_and_both_sides() -> None:
    """Of 1, 1, -1 (sum 1): all 8 sums are odd, so that every one is at least as far as 1."""
    assert paired_test([1.0, 1.0, -1.0]).p_sign_flip == 1.0
    assert paired_test([3.0, 1.0, 1.0, 1.0]).p_sign_flip == 2 / 16
    assert paired_test([3.0, -1.0, 1.0, 1.0]).p_sign_flip == 8 / 16  # 6, 4 thrice, and negatives
    assert paired_test([0.1, 0.2, -0.3]).p_sign_flip == 1.0, "a sum of rounding errors is zero"


@pytest.mark.parametrize("number", [2, 5, 11])
def test_agrees_with_scipy(number: int) -> None:
    left = [math.sin(7.0 * i) for i in range(number)]
    right = [math.cos(3.0 * i) + 0.2 for i in range(number)]
    gaps = [a - b for a, b in zip(left, right, strict=True)]
    found = paired_test(gaps)
    assert found.p_t == pytest.approx(stats.ttest_rel(left, right).pvalue)
    exact = stats.permutation_test(
        (gaps,), sum, permutation_type="samples", n_resamples=math.inf, alternative="two-sided"
    )
    assert found.p_sign_flip == pytest.approx(exact.pvalue)


def test_what_cannot_be_said_is_none() -> None:
    one = paired_test([0.5])
    assert (one.mean, one.standard_error, one.p_t, one.p_sign_flip) == (0.5, None, None, None)
    equal = paired_test([0.25, 0.25])
    assert equal.standard_error == 0.0
    assert equal.p_t is None
    assert equal.p_sign_flip == 0.5
    assert paired_test([1.0] * (MOST_FLIPPED + 1)).p_sign_flip is None


def test_holm_by_hand() -> None:
    """Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1; then no value below the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.4, 0.9, 0.5]) == pytest.approx((1.0, 1.0, 1.0))
    assert holm([0.02]) == (0.02,)
    assert holm([]) == ()


@pytest.mark.parametrize("effects", [0, 3])
def test_holm_keeps_the_rate_of_any_false_effect(effects: int) -> None:
    """Of 400 families of ten tests, seven or more without an effect, few have a false one."""
    rng = np.random.default_rng(3)
    false = 0
    for _ in range(400):
        gaps = rng.normal(size=(10, 8))
        gaps[:effects] += 5
        tests = [paired_test(row.tolist()).p_t or 0.0 for row in gaps]
        corrected = holm(tests)
        assert all(p < 0.05 for p in corrected[:effects])
        false += any(p < 0.05 for p in corrected[effects:])
    assert false / 400 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
