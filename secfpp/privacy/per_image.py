"""Exact gradients of the loss of every image, and clipping over all their parts.

Shape letters: N clients, S sampled images of all clients together, T context tokens, W width of
the text tower, C classes, E embedding.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812

from secfpp.learning.training import TextTower

__all__ = ["clip_jointly", "image_gradients"]


def image_gradients(
    tower: TextTower,
    prompt_STW: torch.Tensor,
    features_SE: torch.Tensor,
    labels_S: torch.Tensor,
    logit_scale: float,
    *,
    at_once: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradient of each image's cross-entropy with respect to its client's prompt.

    Every image has its own row with a copy of its client's prompt. The loss of image s depends on
    row s alone, so one backward pass over the sum of all losses gives the exact gradient of each.

    Parameters
    ----------
    tower : callable
        See `secfpp.learning.training.TextTower`.
    prompt_STW : Tensor of float32, (S, T, W)
        The prompt behind each image.
    features_SE : Tensor of float32, (S, E)
        Unit-norm image features.
    labels_S : Tensor of int64, (S,)
    logit_scale : float
        CLIP's inverse temperature.
    at_once : int, optional
        Images in one batch. None: all.

    Returns
    -------
    grad_STW : Tensor of float32, (S, T, W)
    loss_S : Tensor of float32, (S,)
    """
    if len(labels_S) == 0:  # an empty sample, which a tower may not accept
        return torch.zeros_like(prompt_STW), prompt_STW.new_zeros(0)
    prompts, features, labels = (
        torch.split(rows_S, at_once or len(labels_S))
        for rows_S in (prompt_STW, features_SE, labels_S)
    )
    found = [
        _gradients(tower, *portion, logit_scale)
        for portion in zip(prompts, features, labels, strict=True)
    ]
    grads, losses = zip(*found, strict=True)
    return torch.cat(grads), torch.cat(losses)


def _gradients(
    tower: TextTower,
    prompt_STW: torch.Tensor,
    features_SE: torch.Tensor,
    labels_S: torch.Tensor,
    logit_scale: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradients and losses of one batch of images."""
    prompt_STW = prompt_STW.detach().requires_grad_(True)
    text_SCE = tower(prompt_STW)
    logits_SC = logit_scale * torch.einsum("sce,se->sc", text_SCE, features_SE)
    loss_S = F.cross_entropy(logits_SC, labels_S, reduction="none")
    (grad_STW,) = torch.autograd.grad(loss_S.sum(), [prompt_STW])
    return grad_STW, loss_S.detach()


def clip_jointly(parts: Sequence[torch.Tensor], bound: float) -> tuple[torch.Tensor, ...]:
    """Scale rows of several tensors down so that joined rows stay within a bound.

    Parameters
    ----------
    parts : sequence of Tensor, (S, ...) each
        Row s of all of them is what image s contributes.
    bound : float
        Largest L2 norm of a joined row, above 0.

    Returns
    -------
    tuple of Tensor of float64, (S, ...) each
        Directions are kept; rows within the bound are unchanged.
    """
    rows = [part.double() for part in parts]
    square_S = torch.stack([row.flatten(1).square().sum(dim=1) for row in rows]).sum(dim=0)
    shrink_S = (square_S.sqrt() / bound).clamp(min=1).reciprocal()
    return tuple(row * shrink_S.view(-1, *[1] * (row.dim() - 1)) for row in rows)
