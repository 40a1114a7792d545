"""Local steps: every client's prompt in one batched forward pass.

One text tower pass serves all clients; the loss of client i depends on row i alone and Adam works
element by element, so the result is what each client would have computed by itself.

Shape letters: N clients, T context tokens, W width of the text tower, C classes, E embedding.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from secfpp.config.workload import DeviceName
from secfpp.errors import ConfigError, RunError
from secfpp.learning.losses import LossTerms, Shards, prompt_loss

__all__ = ["TextTower", "TrainedPart", "first_not_finite", "pick_device", "train_part"]

TextTower = Callable[[torch.Tensor], torch.Tensor]
"""Context (N, T, W) to unit-norm text features (N, C, E)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedPart:
    """One part of the prompts after its local steps."""

    part_NTW: torch.Tensor
    """Float32."""
    loss_N: torch.Tensor
    """Each client's loss before its last step, float32; zeros when no step was taken."""


def pick_device(name: DeviceName) -> torch.device:
    """Turn a device flag into a device.

    Raises
    ------
    ConfigError
        If CUDA is asked for and not there.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ConfigError("device=cuda but torch finds no CUDA device; use cpu or auto")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def train_part(
    tower: TextTower,
    shards: Shards,
    *,
    part_NTW: torch.Tensor,
    other_NTW: torch.Tensor,
    logit_scale: float,
    terms: LossTerms,
    steps: int,
    lr: float,
    pulse: Callable[[], None] = lambda: None,
) -> TrainedPart:
    """Train one part of every client's prompt by full-batch Adam, the other part fixed.

    Parameters
    ----------
    tower : callable
        See `TextTower`.
    shards : Shards
        Training images of the same N clients.
    part_NTW : Tensor of float32, (N, T, W)
        The part to train; not changed.
    other_NTW : Tensor of float32, (N, T, W)
        Added in the forward pass only.
    logit_scale : float
        CLIP's inverse temperature.
    terms : LossTerms
    steps : int
        Steps of each client.
    lr : float
        Adam's learning rate; its state is new at each call and lies with the client.

    pulse : callable
        Called before each step; raises when going on is of no use.

    Returns
    -------
    TrainedPart

    Raises
    ------
    RunError
        If a loss stops being finite; said after the last step, for on a GPU to look at a loss is to
        wait for it.
    """
    part = part_NTW.detach().clone().requires_grad_(True)
    fixed_NTW = other_NTW.detach()
    optimiser = torch.optim.Adam([part], lr=lr)
    losses = [torch.zeros(len(part), device=part.device)]
    for _ in range(steps):
        pulse()
        text_NCE = tower(part + fixed_NTW)
        loss_N = prompt_loss(text_NCE, shards, logit_scale, terms)
        if terms.pull_weight:
            loss_N = loss_N + terms.pull_weight * part.square().sum(dim=(1, 2))
        (part.grad,) = torch.autograd.grad(loss_N.sum(), [part])
        optimiser.step()
        losses.append(loss_N.detach())
    bad = first_not_finite(losses[1:])
    if bad is not None:
        raise RunError(
            f"loss of client {bad[1]} is not finite at local step {bad[0]}; "
            "lower training.lr, lr_shared and lr_local"
        )
    return TrainedPart(part_NTW=part.detach(), loss_N=losses[-1])


def first_not_finite(losses: Sequence[torch.Tensor]) -> tuple[int, int] | None:
    """Return the first step whose loss is not finite, and the first client; None if there is none.

    Parameters
    ----------
    losses : sequence of Tensor, (N,) each
        One a step.

    Returns
    -------
    tuple of int, or None
        Step and client, both counted from 0.
    """
    if not losses:
        return None
    bad = (~torch.isfinite(torch.stack(list(losses)))).nonzero().tolist()
    return (bad[0][0], bad[0][1]) if bad else None
