"""Positive control of membership inference: prompts that fit few images too well.

Each client trains a prompt alone, for many steps at a high rate, on half of its images. An attack
that finds no members here would find none anywhere.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import torch

from secfpp.attacks.membership.halved import (
    BoolArray,
    Observations,
    log_probabilities,
    with_members,
)
from secfpp.attacks.stealing.view import View
from secfpp.federation.cohort import Cohort
from secfpp.federation.workload import Workload
from secfpp.learning.losses import LossTerms
from secfpp.learning.prompts import FloatArray
from secfpp.learning.training import LocalSteps, train_part

__all__ = ["overfit", "some_clients"]

STEPS: Final = 150
LEARNING_RATE: Final = 0.02
CONTROL_CLIENTS: Final = 10
"""Most clients of the control; it has to succeed, not to be measured finely."""


def some_clients(cohort: Cohort) -> Cohort:
    """Return the clients of the control, spread over all domains."""
    step = max(1, cohort.num_clients // CONTROL_CLIENTS)
    clients_n = np.arange(0, cohort.num_clients, step)[:CONTROL_CLIENTS]
    rows_n = torch.from_numpy(clients_n).to(cohort.device)
    return replace(
        cohort,
        domain_N=cohort.domain_N[clients_n],
        label_mix_NC=cohort.label_mix_NC[rows_n],
        train=cohort.train.rows(rows_n),
        validation=cohort.validation.rows(rows_n),
    )


def overfit(workload: Workload, few: Cohort, member_SnB: BoolArray) -> Observations:
    """Train prompts of some clients alone, on every set of members.

    Parameters
    ----------
    workload : Workload
    few : Cohort
        Of `some_clients`, with all their images.
    member_SnB : ndarray of bool, (S, n, B)
    """
    prompt_SnM = np.stack([_trained(workload, with_members(few, nB)) for nB in member_SnB])
    return Observations(
        view=View(
            setting=f"prompt trained alone, {STEPS} steps at a rate of {LEARNING_RATE}",
            attacker="whoever gets it",
            technique="",
            stolen_NM=prompt_SnM[0],
            kind="positive control",
        ),
        prompt_SNM=prompt_SnM,
        before_SNM=np.zeros_like(prompt_SnM),
        log_SNBC=np.stack([log_probabilities(workload, few, rows) for rows in prompt_SnM]),
        member_SNB=member_SnB,
        label_NB=few.train.labels_NB.cpu().numpy(),
        valid_NB=few.train.mask_NB.cpu().numpy(),
    )


def _trained(workload: Workload, cohort: Cohort) -> FloatArray:
    """Return prompts minus the public start, (n, M)."""
    start_nTW = workload.initial_TW.expand(len(cohort.train.labels_NB), -1, -1)
    trained = train_part(
        workload.tower,
        cohort.train,
        part_NTW=start_nTW,
        other_NTW=torch.zeros_like(start_nTW),
        logit_scale=workload.logit_scale,
        work=LocalSteps(steps=STEPS, lr=LEARNING_RATE, terms=LossTerms()),
    )
    moved = trained.part_NTW.double() - start_nTW.double()
    return np.asarray(moved.flatten(1).cpu().numpy())
