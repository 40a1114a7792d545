"""Label inference on the scenes of one method, one a seed."""

from collections.abc import Sequence

import numpy as np
import torch

from secfpp.attacks.labels.score import LabelScores, label_rows, score_lengths, score_prior
from secfpp.attacks.labels.sums_views import sums_views
from secfpp.attacks.results import AttackRow
from secfpp.attacks.scene import Scene
from secfpp.attacks.stealing.own_views import own_views
from secfpp.attacks.stealing.shares import share_views
from secfpp.attacks.stealing.view import View
from secfpp.learning.losses import LossTerms
from secfpp.learning.training import LocalSteps, train_part

__all__ = ["attack_labels", "label_control"]

CONTROL_STEPS = 100
CONTROL_RATE = 0.01


def attack_labels(
    scenes: Sequence[Scene],
    rng: np.random.Generator,
    *,
    other_settings: bool,
    epsilons: Sequence[float],
) -> list[AttackRow]:
    """Return the rows of every view of prompts and of sums of features.

    Parameters
    ----------
    scenes : sequence of Scene
        One a seed.
    rng : numpy.random.Generator
    other_settings : bool
        Whether to try also what the method does not show.
    epsilons : sequence of float
        Budgets of the noise.
    """
    per_seed: list[list[LabelScores]] = []
    for scene in scenes:
        views = own_views(scene)
        if other_settings:
            known = {view.setting for view in views}
            shares = (view for view in share_views(scene) if view.kind == "attack")
            views += [view for view in shares if view.setting not in known]
        sums = sums_views(scene, other_settings=other_settings, epsilons=epsilons)
        prompts = [score_prior(scene, view) for view in views]
        per_seed.append([*prompts, *(score_lengths(scene, view) for view in sums)])
    return _rows(scenes, per_seed, rng)


def label_control(scenes: Sequence[Scene], rng: np.random.Generator) -> list[AttackRow]:
    """Attack prompts that clients trained alone by plain cross-entropy: the positive control."""
    return _rows(scenes, [[_control(scene)] for scene in scenes], rng)


def _control(scene: Scene) -> LabelScores:
    """Train prompts alone on all images, where images and not classes weigh alike."""
    start_NTW = scene.workload.initial_TW.expand(scene.cohort.num_clients, -1, -1)
    trained = train_part(
        scene.workload.tower,
        scene.cohort.train,
        part_NTW=start_NTW,
        other_NTW=torch.zeros_like(start_NTW),
        logit_scale=scene.workload.logit_scale,
        work=LocalSteps(steps=CONTROL_STEPS, lr=CONTROL_RATE, terms=LossTerms()),
    )
    moved = trained.part_NTW.double() - start_NTW.double()
    view = View(
        setting=f"prompt trained alone, {CONTROL_STEPS} steps by plain cross-entropy",
        attacker="whoever gets it",
        technique="",
        stolen_NM=np.asarray(moved.flatten(1).cpu().numpy()),
        kind="positive control",
    )
    return score_prior(scene, view, before_NM=np.zeros_like(view.stolen_NM))


def _rows(
    scenes: Sequence[Scene], per_seed: Sequence[Sequence[LabelScores]], rng: np.random.Generator
) -> list[AttackRow]:
    """Return the rows of every view over all seeds."""
    return [
        row for scores in zip(*per_seed, strict=True) for row in label_rows(scenes[0], scores, rng)
    ]
