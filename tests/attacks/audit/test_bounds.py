"""Lower bounds on epsilon: against the paper, against enumeration, and against mechanisms that are
exactly as private as they say."""

from functools import cache
from math import comb, exp, log

import numpy as np
import pytest
from scipy.stats import binom, norm  # type: ignore[import-untyped]

from secfpp.attacks.audit.bounds import (
    Rates,
    error_rate_epsilon,
    noise_bound,
    one_run_epsilon,
    one_run_p_value,
    rates,
)
from secfpp.attacks.audit.ideal import ideal_trials
from secfpp.attacks.audit.judgement import Found, judge
from secfpp.attacks.audit.trials import Errors, Trials
from secfpp.config.privacy import PrivacyConfig
from secfpp.privacy.accounting import calibrate_gaussian, delta_pld, epsilon_pld


@pytest.mark.parametrize(
    ("canaries", "guesses", "right", "delta", "printed"),
    [(1000, 100, 75, 1e-4, 0.673), (100_000, 1510, 1439, 1e-5, 2.675)],
)
def test_the_values_printed_in_the_paper_come_out(
    canaries: int, guesses: int, right: int, delta: float, printed: float
) -> None:
    """Appendix D and section 7 of Steinke, Nasr and Jagielski."""
    found = one_run_epsilon(canaries, guesses, right, delta=delta, confidence=0.95)
    assert found == pytest.approx(printed, abs=1e-3)


def by_enumeration(canaries: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    q = exp(epsilon) / (exp(epsilon) + 1)
    p = [comb(guesses, w) * q**w * (1 - q) ** (guesses - w) for w in range(guesses + 1)]
    slope = max((sum(p[max(0, right - i) : right]) / i for i in range(1, canaries + 1)), default=0)
    return min(1.0, sum(p[right:]) + 2 * canaries * delta * slope)


@pytest.mark.parametrize("delta", [0.0, 1e-3, 0.05])
@pytest.mark.parametrize("epsilon", [0.0, 0.7, 3.0])
def test_small_cases_agree_with_a_sum_over_all_outcomes(epsilon: float, delta: float) -> None:
    for guesses in range(1, 7):
        for right in range(guesses + 1):
            found = one_run_p_value(8, guesses, right, epsilon=epsilon, delta=delta)
            expected = by_enumeration(8, guesses, right, epsilon, delta)
            assert found == pytest.approx(expected, rel=1e-9)


def test_more_right_guesses_say_more_and_more_canaries_or_delta_say_less() -> None:
    def bound(canaries: int, right: int, delta: float) -> float:
        return one_run_epsilon(canaries, 400, right, delta=delta, confidence=0.95)

    by_right = [bound(1000, right, 1e-5) for right in range(200, 401, 20)]
    assert by_right == sorted(by_right)
    assert by_right[0] == 0
    assert by_right[-1] > 4
    assert bound(1000, 360, 0) > bound(1000, 360, 1e-5) > bound(1000, 360, 1e-3)
    assert bound(1000, 360, 1e-4) > bound(20_000, 360, 1e-4)


def test_the_bound_rarely_exceeds_the_epsilon_of_randomised_response() -> None:
    """Answering truly with probability e^epsilon / (1 + e^epsilon) has exactly this epsilon."""
    epsilon, canaries, audits = 1.5, 100, 4000
    rng = np.random.default_rng(1)
    right = rng.binomial(canaries, exp(epsilon) / (1 + exp(epsilon)), audits)

    @cache
    def bound(right: int) -> float:
        return one_run_epsilon(canaries, canaries, right, delta=0.0, confidence=0.95)

    exceeding = sum(bound(int(count)) > epsilon for count in right)
    assert exceeding <= binom.ppf(1 - 1e-6, audits, 0.05)
    assert exceeding >= binom.ppf(1e-6, audits, 0.01)  # and it is not idle


def test_the_bound_holds_for_a_mechanism_that_uses_its_delta() -> None:
    """Each coin is told with probability delta, else answered at random as above."""
    epsilon, delta, canaries, audits = 1.0, 2e-3, 100, 4000
    rng = np.random.default_rng(2)
    told = rng.binomial(canaries, delta, audits)
    right = told + rng.binomial(canaries - told, exp(epsilon) / (1 + exp(epsilon)))

    @cache
    def bound(right: int) -> float:
        return one_run_epsilon(canaries, canaries, right, delta=delta, confidence=0.95)

    assert sum(bound(int(count)) > epsilon for count in right) <= 0.05 * audits


def test_rates_are_clopper_and_pearsons() -> None:
    """Without a false alarm among n, at most 1 - error^(1/n) of all are false alarms."""
    found = rates(Errors(included=50, hits=50, excluded=200, false_alarms=0), confidence=0.9)
    assert found.false_alarms == pytest.approx(1 - 0.05 ** (1 / 200))
    assert found.hits == pytest.approx(0.05 ** (1 / 50))
    nothing = rates(Errors(included=50, hits=0, excluded=0, false_alarms=0), confidence=0.9)
    assert nothing == Rates(hits=0.0, false_alarms=1.0)


def test_error_rates_give_the_epsilon_of_either_side() -> None:
    found = error_rate_epsilon(Rates(hits=0.4, false_alarms=0.02), delta=0.0)
    assert found == pytest.approx(log(0.4 / 0.02))
    mirrored = error_rate_epsilon(Rates(hits=0.98, false_alarms=0.6), delta=0.0)
    assert mirrored == pytest.approx(found)
    assert error_rate_epsilon(Rates(hits=0.2, false_alarms=0.3), delta=0.0) == 0


def test_exact_rates_of_a_gaussian_give_back_its_epsilon() -> None:
    multiplier, releases, delta = 2.0, 7, 1e-5
    mu = np.sqrt(releases) / multiplier
    for threshold in (-0.5, 0.8, 2.5):
        exact = Rates(hits=norm.sf(threshold - mu), false_alarms=norm.sf(threshold))
        found = noise_bound(exact, compositions=releases, sample_rate=1.0, delta=delta)
        assert found == pytest.approx(epsilon_pld(multiplier, releases, delta), rel=1e-6)
    blind = Rates(hits=0.3, false_alarms=0.3)
    assert noise_bound(blind, compositions=releases, sample_rate=1.0, delta=delta) == 0


def test_rates_on_the_edge_of_what_sampling_allows_give_back_its_epsilon() -> None:
    multiplier, releases, rate, delta = 1.2, 20, 0.2, 1e-5
    losses = np.arange(0.0, 6.0, 0.1)
    profile = delta_pld(multiplier, releases, losses, sample_rate=rate)
    alarms = 0.1
    edge = Rates(hits=float(np.min(np.exp(losses) * alarms + profile)), false_alarms=alarms)
    found = noise_bound(edge, compositions=releases, sample_rate=rate, delta=delta)
    claimed = epsilon_pld(multiplier, releases, delta, sample_rate=rate)
    assert 0.8 * claimed < found <= 1.001 * claimed
    blind = Rates(hits=0.3, false_alarms=0.3)
    assert noise_bound(blind, compositions=releases, sample_rate=rate, delta=delta) == 0


def test_all_bounds_together_rarely_exceed_the_claim_of_an_exact_mechanism() -> None:
    """On audits of exactly the claimed noise, at most 5 per cent of them."""
    said = calibrate_gaussian(PrivacyConfig(epsilon=1.0), 1, clip_norm=1.0)
    rng = np.random.default_rng(3)
    audits = 60
    exceeding = 0
    for _ in range(audits):
        included_Rm = rng.random((4, 100)) < 0.5
        found = judge(ideal_trials(said, included_Rm, rng), said, confidence=0.95)
        exceeding += found.best > said.epsilon_pld
    assert exceeding <= binom.ppf(1 - 1e-6, audits, 0.05)


def test_scores_that_tell_everything_refute_and_scores_that_tell_nothing_do_not() -> None:
    said = calibrate_gaussian(PrivacyConfig(epsilon=1.0), 3, clip_norm=1.0)
    rng = np.random.default_rng(4)
    included_Rm = rng.random((10, 200)) < 0.5
    told = Trials(scores_Rm=100.0 * included_Rm + rng.random((10, 200)), included_Rm=included_Rm)
    found = judge(told, said, confidence=0.95)
    assert min(found.one_run, found.error_rates, found.noise) > 4
    blind = Trials(scores_Rm=rng.random((10, 200)), included_Rm=included_Rm)
    assert judge(blind, said, confidence=1 - 1e-9) == Found(one_run=0, error_rates=0, noise=0)


def test_ranks_within_a_run_find_noise_that_all_canaries_of_a_run_share() -> None:
    """No threshold over all runs tells these scores apart, the order within a run does."""
    said = calibrate_gaussian(PrivacyConfig(epsilon=1.0), 1, clip_norm=1.0)
    rng = np.random.default_rng(5)
    included_Rm = rng.random((10, 200)) < 0.5
    shared = Trials(scores_Rm=included_Rm + rng.normal(0, 1000, (10, 1)), included_Rm=included_Rm)
    assert judge(shared, said, confidence=0.95).one_run > 3
