"""Shadow models with a learned attack classifier.

The attacker knows of prompts of other clients, which he trained himself or colludes with, which
images were members. A classifier learns from the class probabilities that they give, and is applied
to the target's. Clients are split into two parts: each part is attacked by the classifier of the
other.

Shape letters: S federations, N clients, B images of a client (padded), C classes, F features.

References
----------
R. Shokri et al., "Membership Inference Attacks Against Machine Learning Models" (IEEE S&P 2017).
"""

from typing import Final

import numpy as np

from secfpp.attacks.membership.halved import BoolArray, Observations
from secfpp.learning.prompts import FloatArray

__all__ = ["learned_scores", "probability_features"]

HIDDEN: Final = 32
ITERATIONS: Final = 60
PARTS: Final = 2


def probability_features(seen: Observations) -> FloatArray:
    """Return class probabilities in falling order, the own class's, and the class, one-hot."""
    num_classes = seen.log_SNBC.shape[3]
    own_SNB1 = np.broadcast_to(seen.label_NB[..., None], (*seen.log_SNBC.shape[:3], 1))
    own = np.take_along_axis(seen.log_SNBC, own_SNB1, axis=3)
    onehot = np.broadcast_to(np.eye(num_classes)[seen.label_NB], seen.log_SNBC.shape)
    ordered = -np.sort(-np.exp(seen.log_SNBC), axis=3)
    return np.concatenate([ordered, np.exp(own), own.clip(min=-20) / 10, onehot], axis=3)


def learned_scores(seen: Observations, feature_SNBF: FloatArray, seed: int) -> FloatArray:
    """Return the classifier's probability of membership of every image, (S, N, B).

    Parameters
    ----------
    seen : Observations
    feature_SNBF : ndarray of float64, (S, N, B, F)
    seed : int
        Of the classifier's start.
    """
    part_N = np.arange(len(seen.valid_NB)) % PARTS
    score_SNB = np.zeros(seen.member_SNB.shape)
    for part in range(PARTS):
        learn, attack = part_N != part, part_N == part
        known = np.broadcast_to(seen.valid_NB, seen.member_SNB.shape)[:, learn]
        score_SNB[:, attack] = _fit_and_score(
            feature_SNBF[:, learn][known],
            seen.member_SNB[:, learn][known],
            feature_SNBF[:, attack],
            seed,
        )
    return score_SNB


def _fit_and_score(
    feature_TF: FloatArray, member_T: BoolArray, asked: FloatArray, seed: int
) -> FloatArray:
    """Learn from some images and score others."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    network = MLPClassifier(
        hidden_layer_sizes=(HIDDEN,), max_iter=ITERATIONS, alpha=1e-2, random_state=seed % 2**32
    )
    model = make_pipeline(StandardScaler(), network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(feature_TF, member_T)
    flat = asked.reshape(-1, asked.shape[-1])
    found: FloatArray = model.predict_proba(flat)[:, 1].reshape(asked.shape[:-1])
    return found
