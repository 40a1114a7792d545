"""Membership from the prompt vector alone, without asking the model for outputs.

Local steps move a prompt against the gradients of the losses of the client's images. The attacker
computes the gradient of an image where the steps began, and takes its cosine with the way that the
prompt went. What that cosine is with and without the image among the client's, shadows tell, as in
`likelihood`.

Shape letters: S federations, N clients, B images of a client (padded), M numbers of a prompt.

References
----------
After the idea of output-free attacks on prompts: "PIPRA" (AAAI 2026), whose features are its own.
"""

import numpy as np
import torch

from secfpp.attacks.membership.halved import Observations
from secfpp.federation.cohort import Cohort
from secfpp.federation.workload import Workload
from secfpp.learning.prompts import FloatArray
from secfpp.privacy.per_image import image_gradients

__all__ = ["alignment", "gradients"]

AT_ONCE = 300


def gradients(workload: Workload, cohort: Cohort, prompt_NM: FloatArray) -> FloatArray:
    """Return the gradient of each image's loss at its client's prompt, (N, B, M).

    Parameters
    ----------
    workload : Workload
    cohort : Cohort
        With all images of the clients.
    prompt_NM : ndarray of float64, (N, M)
        Prompts minus the public start.
    """
    images = cohort.train
    start_TW = workload.initial_TW
    moved = torch.from_numpy(prompt_NM).to(start_TW).reshape(-1, *start_TW.shape)
    prompt_STW = (start_TW + moved).repeat_interleave(images.labels_NB.shape[1], dim=0)
    gradient, _ = image_gradients(
        workload.tower,
        prompt_STW,
        images.features_NBE.flatten(0, 1),
        images.labels_NB.flatten(),
        workload.logit_scale,
        at_once=AT_ONCE,
    )
    return np.asarray(gradient.double().reshape(*images.labels_NB.shape, -1).cpu().numpy())


def alignment(workload: Workload, cohort: Cohort, seen: Observations) -> FloatArray:
    """Return the cosine of every prompt's way with the descent of every image, (S, N, B)."""
    found = []
    for prompt_NM, before_NM in zip(seen.prompt_SNM, seen.before_SNM, strict=True):
        way_NM = prompt_NM - before_NM
        gradient_NBM = gradients(workload, cohort, before_NM)
        product_NB = -np.einsum("nm,nbm->nb", way_NM, gradient_NBM)
        length_N1 = np.linalg.norm(way_NM, axis=1, keepdims=True)
        length_NB = np.linalg.norm(gradient_NBM, axis=2) * length_N1
        found.append(product_NB / length_NB.clip(min=1e-12))
    return np.stack(found)
