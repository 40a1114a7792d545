"""Membership from the prompt vector alone, without asking the model for outputs.

Training moves a prompt against the gradients of the losses of its images. The features of an image
are the direction and length of its own gradient at the public start, held against the prompt; a
classifier learns from prompts of other clients, as in `learned`.

Shape letters: S federations, N clients, B images of a client (padded), M numbers of a prompt, F
features.

References
----------
After the idea of output-free attacks on prompts: "PIPRA" (AAAI 2026), whose features are its own.
"""

import numpy as np

from secfpp.attacks.membership.halved import Observations
from secfpp.federation.cohort import Cohort
from secfpp.federation.workload import Workload
from secfpp.learning.prompts import FloatArray
from secfpp.privacy.per_image import image_gradients

__all__ = ["gradients_at_start", "vector_features"]


def gradients_at_start(workload: Workload, cohort: Cohort) -> FloatArray:
    """Return the gradient of each image's loss at the public start, (N, B, M)."""
    images = cohort.train
    flat_E = images.features_NBE.flatten(0, 1)
    start_TW = workload.initial_TW
    gradient, _ = image_gradients(
        workload.tower,
        start_TW.expand(len(flat_E), -1, -1),
        flat_E,
        images.labels_NB.flatten(),
        workload.logit_scale,
        at_once=256,
    )
    shape = (*images.labels_NB.shape, start_TW.numel())
    return np.asarray(gradient.double().reshape(shape).cpu().numpy())


def vector_features(seen: Observations, gradient_NBM: FloatArray) -> FloatArray:
    """Return features of every prompt and image, (S, N, B, F).

    They are the product of prompt and gradient, their cosine, both less the client's mean over its
    images of the same class, the gradient's length, and the class, one-hot.
    """
    length_NB = np.linalg.norm(gradient_NBM, axis=2).clip(min=1e-12)
    length_SN = np.linalg.norm(seen.prompt_SNM, axis=2).clip(min=1e-12)
    product_SNB = np.einsum("snm,nbm->snb", seen.prompt_SNM, gradient_NBM, optimize=True)
    cosine_SNB = product_SNB / length_NB / length_SN[..., None]
    num_classes = seen.log_SNBC.shape[3]
    onehot_NBC = np.eye(num_classes)[seen.label_NB] * seen.valid_NB[..., None]
    columns = [product_SNB, cosine_SNB]
    columns += [column - _class_means(column, onehot_NBC) for column in columns]
    columns.append(np.broadcast_to(length_NB, product_SNB.shape))
    onehot = np.broadcast_to(onehot_NBC, (*product_SNB.shape, num_classes))
    return np.concatenate([np.stack(columns, axis=3), onehot], axis=3)


def _class_means(value_SNB: FloatArray, onehot_NBC: FloatArray) -> FloatArray:
    """Return for each image the mean over the client's images of its class, (S, N, B)."""
    sum_SNC = np.einsum("snb,nbc->snc", value_SNB, onehot_NBC)
    mean_SNC = sum_SNC / onehot_NBC.sum(axis=1).clip(min=1)
    found: FloatArray = np.einsum("snc,nbc->snb", mean_SNC, onehot_NBC)
    return found
