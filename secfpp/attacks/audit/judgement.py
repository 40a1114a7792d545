"""From trials to lower bounds: choose on one half of the runs, judge by the other."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import norm  # type: ignore[import-untyped]

from secfpp.attacks.audit.bounds import (
    Rates,
    error_rate_epsilon,
    noise_bound,
    one_run_epsilon,
    rates,
)
from secfpp.attacks.audit.trials import Trials
from secfpp.privacy.statement import PrivacyStatement

__all__ = ["Found", "judge"]

_THRESHOLDS: Final = 120
_SHARES: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5)
"""Parts of a run's canaries about which the auditor guesses at either end."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """Lower bounds on epsilon; all three hold together with the confidence of the audit."""

    one_run: float
    """Without any assumption on the mechanism."""
    error_rates: float
    """If canaries of a run are independent trials."""
    noise: float
    """If the mechanism is also the Gaussian one that it claims to be, with unknown noise."""

    @property
    def best(self) -> float:
        """The highest of them."""
        return max(self.one_run, self.error_rates, self.noise)


def judge(trials: Trials, statement: PrivacyStatement, *, confidence: float) -> Found:
    """Bound epsilon from below.

    Parameters
    ----------
    trials : Trials
        Of two runs or more.
    statement : PrivacyStatement
        Gives delta, and the shape of the mechanism for the bound by its noise.
    confidence : float
        With which all bounds hold together; each holds with the third of the error.

    Notes
    -----
    How many guesses to make, and where to put a threshold, is chosen on the first half of the runs.
    The bounds are those of the second half, so the choice does not count against them.
    """
    each = 1 - (1 - confidence) / 3
    chosen_on, judged_by = trials.halves()
    found = _best_rates_for_epsilon(chosen_on, judged_by, statement.delta, each)
    return Found(
        one_run=_one_run(chosen_on, judged_by, statement.delta, each),
        error_rates=error_rate_epsilon(found, delta=statement.delta),
        noise=noise_bound(
            _best_rates_for_noise(chosen_on, judged_by, each),
            compositions=statement.compositions,
            sample_rate=statement.sample_rate,
            delta=statement.delta,
        ),
    )


def _one_run(chosen_on: Trials, judged_by: Trials, delta: float, confidence: float) -> float:
    """Return the bound without assumptions, with as many guesses as the first half suggests."""
    canaries = chosen_on.scores_Rm.shape[1]
    counts = sorted({max(1, int(share * canaries)) for share in _SHARES})

    def bound(trials: Trials, each: int) -> float:
        seen = trials.guesses(each)
        return one_run_epsilon(
            seen.canaries, seen.guesses, seen.right, delta=delta, confidence=confidence
        )

    return bound(judged_by, max(counts, key=lambda each: bound(chosen_on, each)))


def _best_rates_for_epsilon(
    chosen_on: Trials, judged_by: Trials, delta: float, confidence: float
) -> Rates:
    """Return the rates of the threshold that gave the highest epsilon on the first half."""
    found = _thresholds(chosen_on)
    best = max(
        found,
        key=lambda threshold: error_rate_epsilon(
            rates(chosen_on.errors(threshold), confidence=confidence), delta=delta
        ),
    )
    return rates(judged_by.errors(best), confidence=confidence)


def _best_rates_for_noise(chosen_on: Trials, judged_by: Trials, confidence: float) -> Rates:
    """Return the rates of the threshold that looked least like noise on the first half."""

    def distance(threshold: float) -> float:
        seen = rates(chosen_on.errors(threshold), confidence=confidence)
        return float(norm.ppf(seen.hits) - norm.ppf(seen.false_alarms))

    return rates(judged_by.errors(max(_thresholds(chosen_on), key=distance)), confidence=confidence)


def _thresholds(trials: Trials) -> list[float]:
    """Return places for a threshold, dense at both ends."""
    tails = np.geomspace(1 / trials.scores_Rm.size, 0.5, _THRESHOLDS // 2)
    places = np.quantile(trials.scores_Rm, np.concatenate([tails, 1 - tails]))
    return [float(place) for place in np.unique(places)]
