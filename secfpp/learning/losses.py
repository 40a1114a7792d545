"""Losses of prompts, for many clients at once.

Shape letters: N clients, B images of a client (padded), R regions, C classes, E embedding.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812

from secfpp.errors import ConfigError

__all__ = ["LossTerms", "Shards", "image_weights", "prompt_loss"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Shards:
    """Images of all clients as cached features, padded to the largest client."""

    features_NBE: torch.Tensor
    """Unit-norm image features, float32; arbitrary where `mask_NB` is false."""
    labels_NB: torch.Tensor
    """Classes, int64; 0 where `mask_NB` is false."""
    mask_NB: torch.Tensor
    """True where there is an image, bool."""
    patches_NBRE: torch.Tensor | None = None
    """Unit-norm features of R regions of each image, float32, for methods that match regions."""

    def rows(self, rows_n: torch.Tensor) -> "Shards":
        """Return the shards of some clients, in the order given."""
        return Shards(
            features_NBE=self.features_NBE[rows_n],
            labels_NB=self.labels_NB[rows_n],
            mask_NB=self.mask_NB[rows_n],
            patches_NBRE=None if self.patches_NBRE is None else self.patches_NBRE[rows_n],
        )


@dataclass(frozen=True, kw_only=True)
class LossTerms:
    """Terms of the loss of one part of a prompt."""

    balanced: bool = False
    """Give equal weights to the classes that a client has, instead of to its images."""
    alignment_weight: float = 0.0
    """Weight of the class-balanced mean of 1 - cos(image, text of its own class)."""
    pull_weight: float = 0.0
    """Weight of the squared length of the part that is trained."""

    def __post_init__(self) -> None:
        """Refuse negative weights."""
        for name in ("alignment_weight", "pull_weight"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name}={getattr(self, name)} but it must be at least 0")


def image_weights(shards: Shards, num_classes: int, *, balanced: bool) -> torch.Tensor:
    """Return weights of images; each client's weights sum to one.

    Parameters
    ----------
    shards : Shards
    num_classes : int
        Classes C.
    balanced : bool
        Equal weights for the classes that a client has, instead of for its images.

    Returns
    -------
    Tensor of float32, (N, B)
        Zero where there is no image.
    """
    mask_NB = shards.mask_NB.to(shards.features_NBE.dtype)
    if not balanced:
        return mask_NB / mask_NB.sum(dim=1, keepdim=True).clamp(min=1)
    onehot_NBC = F.one_hot(shards.labels_NB, num_classes).to(mask_NB.dtype) * mask_NB[..., None]
    counts_NC = onehot_NBC.sum(dim=1)
    present_N = (counts_NC > 0).sum(dim=1, keepdim=True).clamp(min=1)
    own_count_NB = counts_NC.gather(1, shards.labels_NB).clamp(min=1)
    return mask_NB / own_count_NB / present_N


def prompt_loss(
    text_NCE: torch.Tensor, shards: Shards, logit_scale: float, terms: LossTerms
) -> torch.Tensor:
    """Return each client's loss, without the pull.

    Parameters
    ----------
    text_NCE : Tensor of float32, (N, C, E)
        Unit-norm text features of the classes under each client's prompt.
    shards : Shards
    logit_scale : float
        CLIP's inverse temperature.
    terms : LossTerms

    Returns
    -------
    Tensor of float32, (N,)
        Cross-entropy plus weighted alignment; row i depends on client i alone.
    """
    num_classes = text_NCE.shape[1]
    cosine_NBC = shards.features_NBE @ text_NCE.transpose(1, 2)
    surprise_NB = F.cross_entropy(
        (logit_scale * cosine_NBC).transpose(1, 2), shards.labels_NB, reduction="none"
    )
    weight_NB = image_weights(shards, num_classes, balanced=terms.balanced)
    loss_N = (weight_NB * surprise_NB).sum(dim=1)
    if terms.alignment_weight == 0:
        return loss_N
    own_cosine_NB = cosine_NBC.gather(2, shards.labels_NB[..., None]).squeeze(2)
    weight_NB = image_weights(shards, num_classes, balanced=True)
    return loss_N + terms.alignment_weight * (weight_NB * (1 - own_cosine_NB)).sum(dim=1)
