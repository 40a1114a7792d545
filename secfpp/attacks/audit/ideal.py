"""Scores from the exact mechanism of a claim: how close an audit of this size could come.

Shape letters: R runs, m canaries of a run, T releases.
"""

import numpy as np

from secfpp.attacks.audit.trials import BoolArray, Trials
from secfpp.learning.prompts import FloatArray
from secfpp.privacy.statement import PrivacyStatement

__all__ = ["ideal_trials", "log_likelihood_ratio"]


def ideal_trials(
    statement: PrivacyStatement, included_Rm: BoolArray, rng: np.random.Generator
) -> Trials:
    """Draw the scores of an auditor who sees each canary alone under exactly the claimed noise.

    Parameters
    ----------
    statement : PrivacyStatement
    included_Rm : ndarray of bool, (R, m)
        The coins.
    rng : Generator
        Nobody's privacy depends on this noise.

    Returns
    -------
    Trials
    """
    stddev = statement.noise_multiplier * statement.sensitivity
    score_Rm = np.zeros(included_Rm.shape)
    for _ in range(statement.compositions):
        taken_Rm = included_Rm & (rng.random(included_Rm.shape) < statement.sample_rate)
        seen_Rm = statement.sensitivity * taken_Rm + rng.normal(0, stddev, included_Rm.shape)
        score_Rm += log_likelihood_ratio(seen_Rm, statement)
    return Trials(scores_Rm=score_Rm, included_Rm=included_Rm)


def log_likelihood_ratio(seen: FloatArray, statement: PrivacyStatement) -> FloatArray:
    """Return how much likelier a release is with a canary than without, as a logarithm.

    Parameters
    ----------
    seen : ndarray of float64
        A canary's coordinate in one release: noise, and the sensitivity if the canary was sampled.
    statement : PrivacyStatement
        Gives the noise s, the sensitivity S and the sampling rate q.

    Returns
    -------
    ndarray of float64
        log(1 - q + q N(seen; S, s) / N(seen; 0, s)).
    """
    moved = statement.sensitivity
    stddev = statement.noise_multiplier * moved
    sampled = (seen - moved / 2) * moved / stddev**2
    rate = statement.sample_rate
    if rate == 1:
        return sampled
    return np.asarray(np.logaddexp(np.log1p(-rate), np.log(rate) + sampled), dtype=np.float64)
