"""A memory of a client's own images, without parameters: similar images vote for their classes.

It is the attention of Tip-Adapter without its training: keys are features of the client's training
images, and values are their classes.

Shape letters: n clients, B remembered images (padded), S images to classify, C classes, E
embedding.

References
----------
R. Zhang et al., "Tip-Adapter: Training-free Adaption of CLIP for Few-shot Classification" (ECCV
2022).
"""

import torch
from torch.nn import functional

from secfpp.learning.losses import Shards

__all__ = ["attend"]


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
    onehot_nBC = functional.one_hot(memory.labels_NB, num_classes).to(features_nSE)
    values_nBC = onehot_nBC * memory.mask_NB[..., None]
    cosine_nSB = features_nSE @ memory.features_NBE.transpose(1, 2)
    return torch.exp(-sharpness * (1 - cosine_nSB)) @ values_nBC
