"""Likelihood ratios with shadow prompts, one pair of Gaussians for each image.

The attacker trains federations of his own, some with the image and some without, and fits a
Gaussian to the logit of the confidence in the image's class for each kind. An image's score is the
logarithm of the ratio of both densities at the target's value. With few shadows all images have the
same variances, as the authors of the attack advise.

Shape letters: S federations, N clients, B images of a client (padded).

References
----------
N. Carlini et al., "Membership Inference Attacks From First Principles" (IEEE S&P 2022).
"""

from typing import Final

import numpy as np

from secfpp.attacks.membership.halved import BoolArray, Observations
from secfpp.learning.prompts import FloatArray

__all__ = ["likelihood_ratios", "logit_confidence"]

_LEAST_VARIANCE: Final = 1e-6


def logit_confidence(seen: Observations) -> FloatArray:
    """Return log(p / (1 - p)) of the confidence p in each image's own class, (S, N, B)."""
    own_SNB1 = np.broadcast_to(seen.label_NB[..., None], (*seen.log_SNBC.shape[:3], 1))
    log_SNB = np.take_along_axis(seen.log_SNBC, own_SNB1, axis=3)[..., 0]
    others_SNBC = seen.log_SNBC.copy()
    np.put_along_axis(others_SNBC, own_SNB1, -np.inf, axis=3)
    largest_SNB = others_SNBC.max(axis=3)
    rest_SNB = np.exp(others_SNBC - largest_SNB[..., None]).sum(axis=3)
    found: FloatArray = log_SNB - largest_SNB - np.log(rest_SNB)
    return found


def likelihood_ratios(seen: Observations, logit_SNB: FloatArray) -> FloatArray:
    """Return the score of every image in every federation, (S, N, B); larger for members.

    The target's own values are in no Gaussian. An image that all shadows have, or none, scores 0.

    Parameters
    ----------
    seen : Observations
    logit_SNB : ndarray of float64, (S, N, B)
        Of `logit_confidence`, or any other number that is larger or smaller for members.
    """
    score_SNB = np.zeros_like(logit_SNB)
    for target in range(len(logit_SNB)):
        shadows = np.delete(np.arange(len(logit_SNB)), target)
        logits, members = logit_SNB[shadows], seen.member_SNB[shadows]
        inside = _density(logits, members, seen.valid_NB, logit_SNB[target])
        outside = _density(logits, ~members, seen.valid_NB, logit_SNB[target])
        score_SNB[target] = np.nan_to_num(inside - outside)
    return score_SNB


def _density(
    logit_SNB: FloatArray, chosen_SNB: BoolArray, valid_NB: BoolArray, at_NB: FloatArray
) -> FloatArray:
    """Return the log-density of values under the shadows of one kind, (N, B); NaN without any."""
    count_NB = chosen_SNB.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_NB = (logit_SNB * chosen_SNB).sum(axis=0) / count_NB
        square_SNB = np.square(logit_SNB - mean_NB) * chosen_SNB
        freedom = (count_NB - 1).clip(min=0)[valid_NB].sum()
        variance = np.nansum(square_SNB[:, valid_NB]) / max(freedom, 1)
        variance = max(float(variance), _LEAST_VARIANCE)
        found: FloatArray = -np.square(at_NB - mean_NB) / (2 * variance) - np.log(variance) / 2
    return found
