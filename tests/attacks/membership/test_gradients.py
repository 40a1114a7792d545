"""The prompt vector alone, in the toy world."""

from dataclasses import replace

import numpy as np
import torch

from secfpp.attacks.membership.gradients import alignment, gradients
from secfpp.attacks.membership.halved import Observations, log_probabilities, with_members
from secfpp.attacks.stealing.view import View
from secfpp.federation.workload import Workload
from secfpp.learning.losses import LossTerms, prompt_loss
from tests.federation.toy import TOY_PARTITION, toy_cohort


def test_gradients_add_up_to_that_of_the_mean_loss(workload: Workload) -> None:
    cohort = toy_cohort()
    num_clients, images = cohort.train.labels_NB.shape
    assert images == TOY_PARTITION.images_per_client
    prompt = torch.full((num_clients, *workload.initial_TW.shape), 0.1, requires_grad=True)
    loss = prompt_loss(workload.tower(prompt), cohort.train, workload.logit_scale, LossTerms())
    (whole,) = torch.autograd.grad(loss.sum(), [prompt])
    each = gradients(workload, cohort, np.full((num_clients, 8), 0.1))
    assert np.allclose(each.mean(axis=1), whole.flatten(1).numpy(), atol=1e-5)


def test_a_step_along_one_image_is_aligned_with_it(workload: Workload) -> None:
    cohort = toy_cohort()
    num_clients, images = cohort.train.labels_NB.shape
    start = np.zeros((num_clients, 8))
    step = -0.01 * gradients(workload, cohort, start)[:, 4]
    seen = Observations(
        view=View(setting="", attacker="", technique="", stolen_NM=step),
        prompt_SNM=step[None],
        before_SNM=start[None],
        log_SNBC=log_probabilities(workload, cohort, step)[None],
        member_SNB=np.zeros((1, num_clients, images), dtype=np.bool_),
        label_NB=cohort.train.labels_NB.numpy(),
        valid_NB=cohort.train.mask_NB.numpy(),
    )
    cosine = alignment(workload, cohort, seen)
    assert np.allclose(cosine[0, :, 4], 1.0)
    assert (cosine <= 1 + 1e-9).all()


def test_members_are_what_is_trained_on(workload: Workload) -> None:
    cohort = toy_cohort()
    member = np.zeros(tuple(cohort.train.mask_NB.shape), dtype=np.bool_)
    member[:, :5] = True
    halved = with_members(cohort, member)
    assert (halved.train.mask_NB.numpy() == member).all()
    assert not halved.train.labels_NB[:, 5:].any()
    assert halved.validation is cohort.validation
    assert replace(halved, train=cohort.train).num_clients == cohort.num_clients
