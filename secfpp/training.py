"""Local steps: every client's prompt in one batched forward pass.

One text tower pass serves all clients; the loss of client i depends on row i alone and Adam works
element by element, so the result is what each client would have computed by itself.

Shape letters: N clients, T context tokens, W width of the text tower, C classes, E embedding.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from secfpp.config import DeviceName
from secfpp.errors import ConfigError, RunError
from secfpp.losses import LossTerms, Shards, prompt_loss

__all__ = ["TextTower", "TrainedPart", "pick_device", "train_part"]

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
        If a loss stops being finite.
    """
    part = part_NTW.detach().clone().requires_grad_(True)
    fixed_NTW = other_NTW.detach()
    optimiser = torch.optim.Adam([part], lr=lr)
    loss_N = torch.zeros(len(part), device=part.device)
    for step in range(steps):
        pulse()
        text_NCE = tower(part + fixed_NTW)
        loss_N = prompt_loss(text_NCE, shards, logit_scale, terms)
        if terms.pull_weight:
            loss_N = loss_N + terms.pull_weight * part.square().sum(dim=(1, 2))
        (part.grad,) = torch.autograd.grad(loss_N.sum(), [part])
        optimiser.step()
        _check_finite(loss_N, step)
    return TrainedPart(part_NTW=part.detach(), loss_N=loss_N.detach())


def _check_finite(loss_N: torch.Tensor, step: int) -> None:
    """Stop with the client's number when a loss is not finite."""
    bad = (~torch.isfinite(loss_N)).nonzero().flatten().tolist()
    if bad:
        raise RunError(
            f"loss of client {bad[0]} is not finite at local step {step}; "
            "lower training.lr, lr_shared and lr_local"
        )
