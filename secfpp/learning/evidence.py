"""Evidence for classes besides the prompt: remembered images, prototypes, the client's label mix.

Each function returns numbers that are added to the logits of a prompt, with a weight.

Shape letters: n clients, B remembered images (padded), S images to classify, C classes, E
embedding.

References
----------
Memory: R. Zhang et al., "Tip-Adapter: Training-free Adaption of CLIP for Few-shot Classification"
(ECCV 2022). Prototypes: J. Snell et al., "Prototypical Networks for Few-shot Learning" (NIPS 2017).
Label mix: M. Saerens et al., "Adjusting the Outputs of a Classifier to New a Priori Probabilities"
(Neural Computation 14, 2002).
"""

from typing import Final

import torch
from torch.nn import functional

from secfpp.learning.losses import Shards

__all__ = ["attend", "class_sums", "log_prior", "resemble"]

SMOOTHING: Final = 0.3
"""Images that are added to every class before the label mix is estimated."""
LEAST_PROTOTYPE: Final = 1e-3
"""Length of a sum of features, relative to the longest of a client, below which it is no
prototype: what is left of zero after rounding."""


def attend(
    features_nSE: torch.Tensor, memory: Shards, num_classes: int, sharpness: float
) -> torch.Tensor:
    """Let images attend to remembered images.

    Parameters
    ----------
    features_nSE : Tensor of float32, (n, S, E)
        Unit-norm features of the images to classify.
    memory : Shards
        Each client's own images.
    num_classes : int
        Classes C.
    sharpness : float

    Returns
    -------
    Tensor of float32, (n, S, C)
        For each class the sum over its remembered images of exp(-sharpness (1 - cosine)).
    """
    cosine_nSB = features_nSE @ memory.features_NBE.transpose(1, 2)
    return torch.exp(-sharpness * (1 - cosine_nSB)) @ _onehot(memory, num_classes)


def class_sums(images: Shards, num_classes: int) -> torch.Tensor:
    """Return each client's sums of unit-norm image features by class over its number of images.

    Parameters
    ----------
    images : Shards
    num_classes : int
        Classes C.

    Returns
    -------
    Tensor of float32, (n, C, E)
        Of norm 1 at most for each client; zero for a class without images.
    """
    sums_nCE = _onehot(images, num_classes).transpose(1, 2) @ images.features_NBE
    count_n = images.mask_NB.sum(dim=1).clamp(min=1).to(sums_nCE)
    return sums_nCE / count_n[:, None, None]


def resemble(features_nSE: torch.Tensor, sums_nCE: torch.Tensor) -> torch.Tensor:
    """Compare images with prototypes: directions of sums of image features.

    Parameters
    ----------
    features_nSE : Tensor of float32, (n, S, E)
        Unit-norm features of the images to classify.
    sums_nCE : Tensor of float32, (n, C, E)
        Sums of features of each class, of any length; zero where there is no image.

    Returns
    -------
    Tensor of float32, (n, S, C)
        Cosines less their mean over the classes with a prototype; 0 for the other classes.
    """
    length_nC = sums_nCE.norm(dim=2)
    longest_n1 = length_nC.amax(dim=1, keepdim=True)
    known_n1C = (length_nC > LEAST_PROTOTYPE * longest_n1)[:, None].to(sums_nCE)
    cosine_nSC = features_nSE @ functional.normalize(sums_nCE, dim=2).transpose(1, 2)
    mean_nS1 = (cosine_nSC * known_n1C).sum(dim=2, keepdim=True) / known_n1C.sum(
        dim=2, keepdim=True
    ).clamp(min=1)
    relative_nSC: torch.Tensor = (cosine_nSC - mean_nS1) * known_n1C
    return relative_nSC


def log_prior(images: Shards, num_classes: int) -> torch.Tensor:
    """Return logarithms of each client's label mix, estimated from its images, (n, 1, C)."""
    count_nC = _onehot(images, num_classes).sum(dim=1) + SMOOTHING
    return torch.log(count_nC / count_nC.sum(dim=1, keepdim=True))[:, None]


def _onehot(images: Shards, num_classes: int) -> torch.Tensor:
    """Return one-hot classes, zero where there is no image, (n, B, C) float32."""
    onehot_nBC = functional.one_hot(images.labels_NB, num_classes).to(images.features_NBE)
    return onehot_nBC * images.mask_NB[..., None]
