"""Local steps on several parts of every client's prompt at once.

Shape letters: n clients.
"""

from collections.abc import Callable, Mapping

import torch

from secfpp.errors import RunError

__all__ = ["train_jointly"]

Parts = Mapping[str, torch.Tensor]
"""Parts of the prompts by name, one row a client."""


def train_jointly(
    parts: Parts,
    loss: Callable[[Parts], torch.Tensor],
    *,
    steps: int,
    lr: float,
    pulse: Callable[[], None] = lambda: None,
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Train several parts together by full-batch Adam.

    Parameters
    ----------
    parts : mapping of Tensor of float32, (n, ...)
        Where they start; not changed.
    loss : callable
        Parts to the loss of each client, (n,); row i must depend on row i of the parts alone.
    steps : int
        At least 1.
    lr : float
        Adam's learning rate; its state is new at each call and lies with the client.
    pulse : callable
        Called before each step; raises when going on is of no use.

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
    for step in range(steps):
        pulse()
        loss_n = loss(moving)
        gradients = torch.autograd.grad(loss_n.sum(), list(moving.values()))
        for rows, gradient in zip(moving.values(), gradients, strict=True):
            rows.grad = gradient
        optimiser.step()
        _check_finite(loss_n, step)
    return {name: rows.detach() for name, rows in moving.items()}, loss_n.detach()


def _check_finite(loss_n: torch.Tensor, step: int) -> None:
    """Stop with the client's number when a loss is not finite."""
    bad = (~torch.isfinite(loss_n)).nonzero().flatten().tolist()
    if bad:
        raise RunError(
            f"loss of client {bad[0]} is not finite at local step {step}; "
            "lower the method's learning rate"
        )
