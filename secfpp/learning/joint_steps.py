"""Local steps on several parts of every client's prompt together.

Shape letters: n clients.
"""

from collections.abc import Callable, Mapping

import torch

from secfpp.errors import RunError
from secfpp.learning.training import first_not_finite

__all__ = ["train_jointly"]

Parts = Mapping[str, torch.Tensor]
"""Parts of the prompts by name, one row a client."""


def train_jointly(
    parts: Parts,
    loss: Callable[[Parts], torch.Tensor],
    *,
    steps: int,
    lr: float,
    heartbeat: Callable[[], None] = lambda: None,
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Train several parts together by full-batch Adam.

    Parameters
    ----------
    parts : mapping of Tensor of float32, (n, ...)
    loss : callable
        From parts to the loss of each client, (n,). Row i must depend on row i of the parts alone.
    steps : int
    lr : float
        Adam's learning rate; its state is new at each call.
    heartbeat : callable
        Called before each step; raises if a computing party has died.

    Returns
    -------
    tuple of dict of Tensor and Tensor of float32, (n,)
        The parts after their steps; each client's loss before its last step.

    Raises
    ------
    RunError
        If a loss stops being finite.
    """
    moving = {name: rows.detach().clone().requires_grad_(True) for name, rows in parts.items()}
    optimiser = torch.optim.Adam(list(moving.values()), lr=lr)
    losses = []
    for _ in range(steps):
        heartbeat()
        losses.append(_set_gradients(moving, loss))
        optimiser.step()
    _check_finite(losses)
    return {name: rows.detach() for name, rows in moving.items()}, losses[-1]


def _set_gradients(
    moving: dict[str, torch.Tensor], loss: Callable[[Parts], torch.Tensor]
) -> torch.Tensor:
    """Set the gradient of every part; return the losses, (n,)."""
    loss_n = loss(moving)
    gradients = torch.autograd.grad(loss_n.sum(), list(moving.values()))
    for rows, gradient in zip(moving.values(), gradients, strict=True):
        rows.grad = gradient
    return loss_n.detach()


def _check_finite(losses: list[torch.Tensor]) -> None:
    """Refuse a loss that is not finite; losses are (n,) each, one a step."""
    bad = first_not_finite(losses)
    if bad is not None:
        raise RunError(
            f"loss of client {bad[1]} is not finite at local step {bad[0]}; "
            "lower the method's learning rate"
        )
