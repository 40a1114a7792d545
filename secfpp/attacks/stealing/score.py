"""Measures of a stolen prompt.

*Cosine*: between the reconstruction and the victim's P_G, both minus the public start, which
everybody knows. *Step cosine*: the same of what the victim's own local steps added in the attacked
round, which no mean of earlier rounds has told anybody. *Identified*: how often the reconstruction
has its largest cosine with the victim's P_G among those of all clients. *Accuracy*: of the
reconstruction, used as a prompt, on the victim's test images.

The level of chance of cosines and accuracy is the same attack on another client: what the attacker
saw of client j, held against client i. An attack is above chance only if what it saw of a client
says something of this client. The chance of identification is one in the number of clients.

Shape letters: N clients, M numbers of a prompt.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from secfpp.attacks.intervals import Interval, bootstrap, clopper_pearson, mean_over
from secfpp.attacks.results import AttackRow, Subject, attack_row
from secfpp.attacks.scene import Scene
from secfpp.attacks.stealing.view import View
from secfpp.learning.prompts import FloatArray
from secfpp.methods.interface import IntArray

__all__ = ["StolenScores", "cosines", "score_view", "stealing_rows"]


@dataclass(frozen=True, kw_only=True, eq=False)
class StolenScores:
    """One view of one seed, scored: row i is the reconstruction of client i, column j a victim."""

    view: View
    cosine_NN: FloatArray
    step_cosine_NN: FloatArray
    accuracy_NN: FloatArray


def cosines(one_RM: FloatArray, other_NM: FloatArray) -> FloatArray:
    """Return the cosines of all pairs of rows, (R, N); 0 for a row of zeros."""
    lengths = [np.linalg.norm(rows, axis=1, keepdims=True) for rows in (one_RM, other_NM)]
    units = [
        rows / np.where(length > 0, length, 1.0)
        for rows, length in zip((one_RM, other_NM), lengths, strict=True)
    ]
    found: FloatArray = units[0] @ units[1].T
    return found


def score_view(scene: Scene, view: View) -> StolenScores:
    """Hold every reconstruction against every client.

    A reconstruction that is longer than every real one is shortened to their mean length first: an
    attacker knows from prompts of his own how long they are.
    """
    before_NM = scene.contribution.before_nM
    length_N = np.linalg.norm(scene.update_NM, axis=1)
    stolen_N1 = np.linalg.norm(view.stolen_NM, axis=1, keepdims=True)
    shrink_N1 = np.where(stolen_N1 > length_N.max(), length_N.mean() / stolen_N1.clip(1e-30), 1.0)
    return StolenScores(
        view=view,
        cosine_NN=cosines(view.stolen_NM, scene.update_NM),
        step_cosine_NN=cosines(view.stolen_NM - before_NM, scene.update_NM - before_NM),
        accuracy_NN=scene.accuracies(view.stolen_NM * shrink_N1),
    )


def stealing_rows(
    scene: Scene, per_seed: Sequence[StolenScores], rng: np.random.Generator
) -> list[AttackRow]:
    """Return the rows of one view over all seeds.

    Parameters
    ----------
    scene : Scene
        Of any of the seeds; gives names.
    per_seed : sequence of StolenScores
        The same view on each seed.
    rng : numpy.random.Generator
        Of the bootstrap.
    """
    view = per_seed[0].view
    subject = Subject(
        attack="stealing",
        method=scene.unit.method,
        title=scene.title,
        setting=view.setting,
        attacker=view.attacker,
        technique=view.technique,
        targets=sum(len(scores.cosine_NN) for scores in per_seed),
        kind=view.kind,
        shown=view.shown,
        epsilon=view.epsilon,
    )
    cosine = [scores.cosine_NN for scores in per_seed]
    step = [scores.step_cosine_NN for scores in per_seed]
    accuracy = [scores.accuracy_NN for scores in per_seed]
    return [
        attack_row(subject, "cosine", *matched_and_mismatched(cosine, rng)),
        attack_row(subject, "step cosine", *matched_and_mismatched(step, rng)),
        attack_row(subject, "accuracy", *matched_and_mismatched(accuracy, rng)),
        attack_row(subject, "identified", *_identified(cosine), interval="Clopper-Pearson"),
    ]


def matched_and_mismatched(
    tables: Sequence[FloatArray], rng: np.random.Generator
) -> tuple[Interval, Interval]:
    """Return means of the diagonals and of all that is beside them.

    Parameters
    ----------
    tables : sequence of ndarray of float64, (N, N)
        One a seed: what was seen of client i, held against client j.
    rng : numpy.random.Generator

    Returns
    -------
    tuple of Interval
        Bootstrapped over the clients that are attacked, all seeds together.
    """
    matched = np.concatenate([np.diagonal(table) for table in tables])
    return mean_over(matched, rng), _beside(tables, rng)


def _beside(tables: Sequence[FloatArray], rng: np.random.Generator) -> Interval:
    """Return the mean of all that is beside the diagonals.

    Clients are drawn for rows and columns alike, because both a reconstruction and a victim may be
    like all others at once.
    """
    owner = np.concatenate([np.full(len(table), at) for at, table in enumerate(tables)])
    place = np.concatenate([np.arange(len(table)) for table in tables])

    def mean(some: IntArray) -> float:
        total = count = 0.0
        for at, table in enumerate(tables):
            here = place[some[owner[some] == at]]
            beside = here[:, None] != here[None, :]
            total += float(table[np.ix_(here, here)][beside].sum())
            count += float(beside.sum())
        return total / count if count else float("nan")

    return bootstrap(len(owner), mean, rng)


def _identified(tables: Sequence[FloatArray]) -> tuple[Interval, Interval]:
    """Return how often the victim is nearest to its reconstruction, and the rate of guessing.

    A tie is decided against the attacker.
    """
    hits = trials = 0
    for table in tables:
        others = table - np.diag(np.full(len(table), np.inf))
        hits += int((np.diagonal(table) > others.max(axis=1)).sum())
        trials += len(table)
    rate = len(tables) / trials
    return clopper_pearson(hits, trials), Interval(value=rate, low=rate, high=rate)
