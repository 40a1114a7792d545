"""What prompts and sums of features say of a client's label mix, and how right that is.

*Prior of the prompt*: a prompt that was trained on an uneven mix gives frequent classes more
probability. The attacker classifies images of his own, all classes weighted alike, with the prompt
that he has and with the one that the victim's steps began at; the gain in mean log-probability of a
class is its score. *Lengths of sums*: the sum of a client's unit-norm image features of a class is
the longer the more images the client has of the class.

Measures are the correlation of scores and numbers of images by class, and how often the class with
the largest score is the client's most frequent one. Chance is the same against another client.

Shape letters: N clients, C classes, M numbers of a prompt, A images of the attacker, E embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from secfpp.attacks.results import AttackRow, Subject, attack_row
from secfpp.attacks.scene import Scene
from secfpp.attacks.stealing.score import matched_and_mismatched
from secfpp.attacks.stealing.view import View
from secfpp.learning.prompts import FloatArray

__all__ = [
    "LabelScores",
    "class_counts",
    "label_rows",
    "score_lengths",
    "score_prior",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelScores:
    """One view of one seed: row i is what was seen of client i, column j a victim."""

    view: View
    technique: str
    correlation_NN: FloatArray
    hit_NN: FloatArray


def class_counts(scene: Scene) -> FloatArray:
    """Return how many training images each client has of each class, (N, C)."""
    train = scene.cohort.train
    onehot_NBC = functional.one_hot(train.labels_NB, len(scene.cohort.class_names))
    count_NC = (onehot_NBC * train.mask_NB[..., None]).sum(dim=1)
    return np.asarray(count_NC.double().cpu().numpy())


def score_prior(scene: Scene, view: View, before_NM: FloatArray | None = None) -> LabelScores:
    """Score every client by the prior of the prompt that the attacker has of it.

    Parameters
    ----------
    scene : Scene
    view : View
    before_NM : ndarray of float64, (N, M), optional
        Where the clients' steps began, minus the public start. None: as in the scene.
    """
    if before_NM is None:
        before_NM = scene.contribution.before_nM
    gain_NC = _class_means(scene, view.stolen_NM) - _class_means(scene, before_NM)
    return _held_against(view, "prior of the prompt", gain_NC, class_counts(scene))


def score_lengths(scene: Scene, view: View) -> LabelScores:
    """Score every client by the lengths of sums of features, (N, C E), that the attacker has."""
    count_NC = class_counts(scene)
    sums_NCE = view.stolen_NM.reshape(*count_NC.shape, -1)
    return _held_against(view, "lengths of sums", np.linalg.norm(sums_NCE, axis=2), count_NC)


def label_rows(
    scene: Scene, per_seed: Sequence[LabelScores], rng: np.random.Generator
) -> list[AttackRow]:
    """Return the rows of one view over all seeds; `scene` is of any of them and gives names."""
    view = per_seed[0].view
    subject = Subject(
        attack="labels",
        method=scene.unit.method,
        title=scene.title,
        setting=view.setting,
        attacker=view.attacker,
        technique=per_seed[0].technique,
        targets=sum(len(scores.hit_NN) for scores in per_seed),
        kind=view.kind,
        shown=view.shown,
        epsilon=view.epsilon,
    )
    correlation = [scores.correlation_NN for scores in per_seed]
    hits = [scores.hit_NN for scores in per_seed]
    return [
        attack_row(subject, "correlation", *matched_and_mismatched(correlation, rng)),
        attack_row(subject, "most frequent class", *matched_and_mismatched(hits, rng)),
    ]


@torch.no_grad()
def _class_means(scene: Scene, prompt_NM: FloatArray) -> FloatArray:
    """Return mean log-probabilities of the attacker's images, all classes alike, (N, C).

    They are validation images of all clients, or training images where there are none: such as the
    attacker has himself or gets from clients that collude.
    """
    cohort, workload = scene.cohort, scene.workload
    owned = cohort.validation if bool(cohort.validation.mask_NB.any()) else cohort.train
    feature_AE, label_A = owned.features_NBE[owned.mask_NB], owned.labels_NB[owned.mask_NB]
    onehot_AC = functional.one_hot(label_A, len(cohort.class_names)).to(feature_AE)
    weight_A = (onehot_AC / onehot_AC.sum(dim=0).clamp(min=1)).sum(dim=1)
    start_TW = workload.initial_TW
    moved = torch.from_numpy(prompt_NM).to(start_TW).reshape(-1, *start_TW.shape)
    text_NCE = workload.tower(start_TW + moved)
    log_NAC = torch.log_softmax(workload.logit_scale * feature_AE @ text_NCE.transpose(1, 2), dim=2)
    mean_NC = (log_NAC * weight_A[:, None]).sum(dim=1) / weight_A.sum()
    return np.asarray(mean_NC.double().cpu().numpy())


def _held_against(
    view: View, technique: str, score_NC: FloatArray, count_NC: FloatArray
) -> LabelScores:
    """Hold the scores of every client against the numbers of images of every client."""
    centred = [rows - rows.mean(axis=1, keepdims=True) for rows in (score_NC, count_NC)]
    units = [rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12) for rows in centred]
    most_N = count_NC.max(axis=1)
    named_N = score_NC.argmax(axis=1)
    hit_NN = (most_N[None, :] == count_NC[:, named_N].T).astype(np.float64)
    return LabelScores(
        view=view, technique=technique, correlation_NN=units[0] @ units[1].T, hit_NN=hit_NN
    )
