"""How prompts are trained."""

from dataclasses import dataclass
from typing import Literal, get_args

from secfpp.config.checks import require, require_positive

LossName = Literal["plain", "balanced", "aligned"]
"""plain: cross-entropy over images. balanced: equal weights of classes. aligned: balanced plus
alignment."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How prompts are trained. Every method spends the same local steps a round."""

    rounds: int = 10
    """Rounds of communication."""
    local_steps: int = 30
    """Optimiser steps a client takes each round, over all parts of its prompt together."""
    shared_steps: int = 25
    """Steps of `local_steps` that two-level methods spend on the shared part P_G; the rest go to
    P_L."""
    num_context: int = 8
    """Context tokens T of a prompt."""
    lr: float | None = None
    """Adam's learning rate of methods with one prompt a client. None: 0.003 for local-only, 0.01
    for others."""
    lr_shared: float = 0.003
    """Adam's learning rate of P_G in two-level methods."""
    lr_local: float = 0.001
    """Adam's learning rate of P_L in two-level methods."""
    loss: LossName | None = None
    """Loss of methods with one prompt a client: plain, over images; balanced, equal weights of
    classes; aligned, balanced plus alignment. None: aligned for local-only, plain for others."""
    shared_loss: LossName = "aligned"
    """Loss of P_G in two-level methods."""
    alignment_weight: float = 12.0
    """Weight of mean(1 - cos(image, text of its own class)) in the loss of P_G and in the loss of
    local-only."""
    local_memory: float = 0.0
    """Factor on P_L when a new P_G has arrived: 0 restarts it, 1 keeps it."""
    local_pull: float = 0.0
    """Weight of the squared length of P_L in its own loss."""
    clients_at_once: int | None = None
    """Clients that train in one batch; fewer take less memory and more time. None: all. Results are
    equal up to rounding."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require(self.rounds >= 1, "training.rounds", self.rounds, "at least 1")
        require(self.local_steps >= 1, "training.local_steps", self.local_steps, "at least 1")
        require(
            0 <= self.shared_steps <= self.local_steps,
            "training.shared_steps",
            self.shared_steps,
            f"between 0 and training.local_steps={self.local_steps}",
        )
        require(1 <= self.num_context <= 64, "training.num_context", self.num_context, "in 1..64")
        require(
            self.clients_at_once is None or self.clients_at_once >= 1,
            "training.clients_at_once",
            self.clients_at_once,
            "at least 1",
        )
        names = get_args(LossName)
        require(self.loss in (None, *names), "training.loss", self.loss, f"one of {names}")
        require(
            self.shared_loss in names, "training.shared_loss", self.shared_loss, f"one of {names}"
        )
        if self.lr is not None:
            require_positive("training.lr", self.lr)
        for name in ("lr_shared", "lr_local"):
            require_positive(f"training.{name}", getattr(self, name))
        for name in ("alignment_weight", "local_pull"):
            require_positive(f"training.{name}", getattr(self, name), zero=True)
        require(0 <= self.local_memory <= 1, "training.local_memory", self.local_memory, "in 0..1")
