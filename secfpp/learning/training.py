"""Local steps: every client's prompt in one batched forward pass.

One pass of the text tower serves all clients. The loss of client i depends on row i alone, and
Adam works element by element. The result is therefore the same as that of each client alone.

Shape letters: N clients, T context tokens, W width of the text tower, C classes, E embedding.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from secfpp.config.workload import DeviceName
from secfpp.errors import ConfigError, RunError
from secfpp.learning.losses import LossTerms, Shards, prompt_loss

__all__ = [
    "LocalSteps",
    "TextTower",
    "TrainedPart",
    "first_not_finite",
    "pick_device",
    "train_part",
]

TextTower = Callable[[torch.Tensor], torch.Tensor]
"""Context (N, T, W) to unit-norm text features (N, C, E)."""


@dataclass(frozen=True, kw_only=True)
class LocalSteps:
    """Local steps on one part of the prompt."""

    steps: int
    """Steps a round; 0 leaves the part as it is."""
    lr: float
    """Adam's learning rate."""
    terms: LossTerms
    """The loss."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedPart:
    """One part of the prompts after local steps."""

    part_NTW: torch.Tensor
    """Float32."""
    loss_N: torch.Tensor
    """Each client's loss before its last step, float32; zeros if no step was taken."""


def pick_device(name: DeviceName) -> torch.device:
    """Return the device of a device flag.

    Raises
    ------
    ConfigError
        If CUDA is asked for and there is none.
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
    work: LocalSteps,
    heartbeat: Callable[[], None] = lambda: None,
) -> TrainedPart:
    """Train one part of every client's prompt by full-batch Adam; the other part is fixed.

    Parameters
    ----------
    tower : TextTower
    shards : Shards
    part_NTW : Tensor of float32, (N, T, W)
        Its start; not changed.
    other_NTW : Tensor of float32, (N, T, W)
        Added in the forward pass only.
    logit_scale : float
        CLIP's inverse temperature.
    work : LocalSteps
    heartbeat : callable
        Called before each step; raises if a party has died.

    Raises
    ------
    RunError
        If a loss stops being finite.
    """
    fixed_NTW = other_NTW.detach()

    def loss(moving_NTW: torch.Tensor) -> torch.Tensor:
        loss_N = prompt_loss(tower(moving_NTW + fixed_NTW), shards, logit_scale, work.terms)
        if work.terms.pull_weight:
            loss_N = loss_N + work.terms.pull_weight * moving_NTW.square().sum(dim=(1, 2))
        return loss_N

    return _descend(part_NTW, loss, work, heartbeat)


def _descend(
    part_NTW: torch.Tensor,
    loss: Callable[[torch.Tensor], torch.Tensor],
    work: LocalSteps,
    heartbeat: Callable[[], None],
) -> TrainedPart:
    """Take Adam's steps; its state is new at each call.

    Losses are checked after the last step only: on a GPU, reading a loss waits for it.
    """
    part = part_NTW.detach().clone().requires_grad_(True)
    optimiser = torch.optim.Adam([part], lr=work.lr)
    losses = [torch.zeros(len(part), device=part.device)]
    for _ in range(work.steps):
        heartbeat()
        loss_N = loss(part)
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
    """Return the first step with a loss that is not finite, and its first client, or None.

    Parameters
    ----------
    losses : sequence of Tensor, (N,) each
        One for each step.

    Returns
    -------
    tuple of int, or None
        Step and client, both counted from 0.
    """
    if not losses:
        return None
    bad = (~torch.isfinite(torch.stack(list(losses)))).nonzero().tolist()
    return (bad[0][0], bad[0][1]) if bad else None
