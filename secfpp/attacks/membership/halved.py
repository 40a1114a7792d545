"""Federations whose clients train on a random half of their images.

A federation is the whole method over all rounds. Its clients see one half of their images in every
round; the other half are images of the same draw that nobody trains on. The attacker knows all
images of a client, and wants to know which half.

Shape letters: S federations, N clients, B images of a client (padded), M numbers of a prompt, C
classes, V views.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from secfpp.attacks.scene import Scene, plain_federation
from secfpp.attacks.stealing.own_views import own_views
from secfpp.attacks.stealing.view import View
from secfpp.experiment.config import RunConfig
from secfpp.experiment.units import Unit
from secfpp.federation.cohort import Cohort
from secfpp.federation.round import (
    after_exchange,
    before_exchange,
    begin,
    draw_participants,
)
from secfpp.federation.workload import Workload
from secfpp.learning.prompts import FloatArray
from secfpp.seeds import Seeds

__all__ = ["Observations", "halves", "log_probabilities", "observe", "with_members"]

BoolArray = npt.NDArray[np.bool_]
LONGEST: Final = 100.0
"""Length of a prompt minus the public start above which it is noise of the ring."""
OWN_PROMPT: Final = View(
    setting="the client's own prompt, P_G + P_L",
    attacker="whoever gets it",
    technique="",
    stolen_NM=np.zeros((0, 0)),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Observations:
    """What an attacker sees of all federations in one view."""

    view: View
    """Of the first federation; gives names."""
    prompt_SNM: FloatArray
    """The prompt that he has of each client, minus the public start."""
    before_SNM: FloatArray
    """What each client's last local steps began at, minus the public start; the attacker knows it
    from the round before."""
    log_SNBC: FloatArray
    """Log-probabilities that it gives the client's images."""
    member_SNB: BoolArray
    """True where a client trained on the image."""
    label_NB: npt.NDArray[np.int64]
    valid_NB: BoolArray
    """True where there is an image."""


def halves(valid_NB: BoolArray, federations: int, seeds: Seeds) -> BoolArray:
    """Draw half of every client's images for each federation, (S, N, B).

    Federations are drawn independently: the other halves say nothing of a federation's own.
    """
    rng = seeds.numpy("halves of images")
    found = []
    for _ in range(federations):
        order_NB = np.argsort(np.where(valid_NB, rng.random(valid_NB.shape), np.inf), axis=1)
        rank_NB = np.argsort(order_NB, axis=1)
        found.append(valid_NB & (rank_NB < valid_NB.sum(axis=1, keepdims=True) // 2))
    return np.stack(found)


def with_members(cohort: Cohort, member_NB: BoolArray) -> Cohort:
    """Return the same clients, who train on some of their images only."""
    mask_NB = torch.from_numpy(member_NB).to(cohort.train.mask_NB)
    labels_NB = torch.where(mask_NB, cohort.train.labels_NB, 0)
    return replace(cohort, train=replace(cohort.train, mask_NB=mask_NB, labels_NB=labels_NB))


def last_round(config: RunConfig, unit: Unit, workload: Workload, cohort: Cohort) -> Scene:
    """Run all rounds of a unit but the last exchange; accuracies are not measured."""
    federation = plain_federation(config, unit, workload, cohort)
    state = begin(federation, workload.initial_TW)
    seeds = Seeds(unit.seed)
    for index in range(config.training.rounds - 1):
        clients_n = draw_participants(seeds, index, cohort.num_clients, config.participation)
        shared = before_exchange(federation, state, clients_n)
        exchanged = federation.exchange(shared.contribution)
        state, _ = after_exchange(federation, shared.state, clients_n, exchanged)
    everyone = np.arange(cohort.num_clients, dtype=np.int64)
    shared = before_exchange(federation, state, everyone)
    return Scene(
        config=config,
        unit=unit,
        workload=workload,
        federation=federation,
        state=state,
        trained=shared.state,
        contribution=shared.contribution,
    )


def seen(scene: Scene) -> list[View]:
    """Return what the method shows, and the client's own prompt after the last round."""
    federation, everyone = scene.federation, scene.everyone
    exchanged = federation.exchange(scene.contribution)
    state, _ = after_exchange(federation, scene.trained, everyone, exchanged)
    local_NM = np.asarray(state.local_NTW.double().flatten(1).cpu().numpy())
    found = own_views(scene) if len(exchanged.clients_r) else []
    return [*found, replace(OWN_PROMPT, stolen_NM=state.updates() + local_NM)]


@torch.no_grad()
def log_probabilities(workload: Workload, cohort: Cohort, prompt_NM: FloatArray) -> FloatArray:
    """Return what each client's prompt says of the client's images, (N, B, C).

    Parameters
    ----------
    workload : Workload
    cohort : Cohort
        With all images of the clients.
    prompt_NM : ndarray of float64, (N, M)
        Prompts minus the public start.
    """
    start_TW = workload.initial_TW
    moved = torch.from_numpy(prompt_NM).to(start_TW).reshape(-1, *start_TW.shape)
    text_NCE = workload.tower(start_TW + moved)
    logits_NBC = workload.logit_scale * cohort.train.features_NBE @ text_NCE.transpose(1, 2)
    return np.asarray(torch.log_softmax(logits_NBC.double(), dim=2).cpu().numpy())


def observe(
    config: RunConfig,
    unit: Unit,
    workload: Workload,
    cohort: Cohort,
    member_SNB: BoolArray,
) -> list[Observations]:
    """Train a federation on every set of members; return what is seen of them, a view each."""
    per_federation, starts = [], []
    for member_NB in member_SNB:
        scene = last_round(config, unit, workload, with_members(cohort, member_NB))
        per_federation.append(seen(scene))
        starts.append(scene.contribution.before_nM)
    before_SNM = np.stack(starts)
    return [
        _observations(workload, cohort, member_SNB, before_SNM, views)
        for views in zip(*per_federation, strict=True)
    ]


def _observations(
    workload: Workload,
    cohort: Cohort,
    member_SNB: BoolArray,
    before_SNM: FloatArray,
    views: Sequence[View],
) -> Observations:
    """Gather one view of all federations."""
    prompt_SNM = np.stack([_shortened(view.stolen_NM) for view in views])
    return Observations(
        view=views[0],
        prompt_SNM=prompt_SNM,
        before_SNM=before_SNM,
        log_SNBC=np.stack([log_probabilities(workload, cohort, rows) for rows in prompt_SNM]),
        member_SNB=member_SNB,
        label_NB=cohort.train.labels_NB.cpu().numpy(),
        valid_NB=cohort.train.mask_NB.cpu().numpy(),
    )


def _shortened(prompt_NM: FloatArray) -> FloatArray:
    """Bring prompts of absurd length, such as of decoded noise, to length 1."""
    length_N1 = np.linalg.norm(prompt_NM, axis=1, keepdims=True)
    found: FloatArray = np.where(length_N1 > LONGEST, prompt_NM / length_N1.clip(1e-30), prompt_NM)
    return found
