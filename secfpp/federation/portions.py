"""Portions of clients, and of prompts, that are in memory at once.

Shape letters: n clients, B prompts, T context tokens, W width of the text tower, C classes, E
embedding.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch

from secfpp.learning.prompts import PromptState
from secfpp.learning.training import TextTower
from secfpp.methods.interface import IntArray

__all__ = ["Work", "portions", "reading_in_portions", "work_in_portions"]

Work = Callable[[IntArray, PromptState], tuple[PromptState, torch.Tensor]]
"""From clients and their rows to the rows after some work, and the loss of each client."""


def portions(clients_n: IntArray, at_once: int | None) -> Iterator[IntArray]:
    """Yield the clients in order, at most `at_once` at a time; None: all together."""
    size = len(clients_n) if at_once is None else at_once
    for start in range(0, len(clients_n), max(1, size)):
        yield clients_n[start : start + size]


def work_in_portions(
    work: Work, clients_n: IntArray, state: PromptState, at_once: int | None
) -> tuple[PromptState, torch.Tensor]:
    """Let portions of clients work one after another.

    Parameters
    ----------
    work : callable
        Row i of its result depends on row i alone.
    clients_n : ndarray of int64, (n,)
    state : PromptState
        One row for each of the n clients.
    at_once : int, optional
        Clients in a portion; None: all.

    Returns
    -------
    tuple of PromptState and Tensor of float32, (n,)
        Equal to `work(clients_n, state)` up to rounding.
    """
    if at_once is None or at_once >= len(clients_n):
        return work(clients_n, state)
    losses = []
    for places in portions(np.arange(len(clients_n), dtype=np.int64), at_once):
        rows = torch.from_numpy(places).to(state.shared_NTW.device)
        worked, loss = work(clients_n[places], state.rows(rows))
        state = state.with_rows(rows, worked)
        losses.append(loss)
    return state, torch.cat(losses)


def reading_in_portions(tower: TextTower, at_once: int | None) -> TextTower:
    """Return a tower that reads at most `at_once` prompts at a time; for use without gradients."""
    if at_once is None:
        return tower

    def read(context_BTW: torch.Tensor) -> torch.Tensor:
        """Return text features, (B, C, E)."""
        return torch.cat([tower(part) for part in torch.split(context_BTW, at_once)])

    return read
