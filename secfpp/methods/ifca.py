"""IFCA: the server holds k prompts; every client trains the one that fits its images best.

In each round the server sends all k prompts. A client chooses the prompt with the lowest loss on
its own training images and spends all its steps on it. The server averages the trained prompts by
choice. A prompt that no client chose is kept.

Shape letters: n clients at work, r receivers, N clients, K prompts, T context tokens, W width of
the text tower, M = T W, C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from secfpp.config.checks import require_positive
from secfpp.config.clustering import ClusteringConfig
from secfpp.learning.losses import Shards, prompt_loss
from secfpp.learning.prompts import FloatArray, PromptState
from secfpp.methods.interface import (
    Card,
    ClientBatch,
    Contribution,
    ExchangeResult,
    Method,
    MethodSettings,
)
from secfpp.methods.shared.averaging import bytes_of
from secfpp.methods.shared.one_prompt import LossName, one_prompt
from secfpp.methods.shared.trainers import TwoPhase, cosine_logits
from secfpp.seeds import Seeds

__all__ = ["IfcaSettings", "METHOD", "Ifca", "average_by_choice", "num_prompts"]

HELD = "ifca-prompts"
"""The server's prompts minus the public start, (N, K, T, W). All rows are equal, because the server
sends the prompts to all clients."""
CHOICE = "ifca-choice"
"""The prompt that each client trained last, (N,) int64."""


@dataclass(frozen=True, kw_only=True)
class IfcaSettings:
    """IFCA: k prompts at the server; each client trains the one with the lowest loss."""

    ifca_start: float = 0.02
    """Standard deviation of the k prompts at the start, around the public start."""
    ifca_lr: float = 0.01
    """Adam's learning rate."""
    ifca_loss: LossName = "aligned"
    """Loss by which clients choose and train; plain is the paper's."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_positive("ifca_start", self.ifca_start, zero=True)
        require_positive("ifca_lr", self.ifca_lr)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ifca(TwoPhase):
    """Choose a prompt and spend all steps on it; choose again to classify."""

    k: int
    """Prompts at the server."""
    start_scale: float
    """Standard deviation of each at the start, around the public start."""
    seeds: Seeds
    weighs_prompt: bool = False

    def begin(self, batch: ClientBatch, state: PromptState) -> PromptState:
        """Draw the server's prompts and give them to all clients."""
        count, tokens, width = state.shared_NTW.shape
        generator = self.seeds.torch("ifca prompts")
        noise_KTW = torch.randn(self.k, tokens, width, generator=generator)
        held_KTW = (self.start_scale * noise_KTW).to(state.shared_NTW)
        return state.replace(
            extra={
                HELD: held_KTW.repeat(count, 1, 1, 1),
                CHOICE: torch.zeros(count, dtype=torch.int64, device=held_KTW.device),
            }
        )

    def shared(self, batch: ClientBatch, state: PromptState) -> tuple[PromptState, torch.Tensor]:
        """Choose a prompt and train it."""
        choice_n = self.choose(batch, state)
        chosen = state.replace(
            shared_NTW=_held(state)[choice_n], extra={**state.extra, CHOICE: choice_n}
        )
        return super().shared(batch, chosen)

    def local(self, batch: ClientBatch, state: PromptState) -> tuple[PromptState, torch.Tensor]:
        """Take the best of the new prompts as the client's own."""
        own = state.replace(shared_NTW=_held(state)[self.choose(batch, state)])
        return super().local(batch, own)

    def sent(self, state: PromptState) -> Mapping[str, FloatArray]:
        """Send the choice, and the server's prompts, which the state of clients holds for it."""
        return {
            "choice": state.extra[CHOICE].double().cpu().numpy(),
            "held": state.extra[HELD].double().flatten(1).cpu().numpy(),
        }

    def logits(self, batch: ClientBatch, state: PromptState, images: Shards) -> torch.Tensor:
        """Classify by the prompt that fits the client's training images best."""
        text_KCE = batch.tower(_held(state))
        return cosine_logits(batch, text_KCE[self.choose(batch, state)], images)

    @torch.no_grad()
    def choose(self, batch: ClientBatch, state: PromptState) -> torch.Tensor:
        """Return the prompt with the lowest loss on each client's training images, (n,) int64."""
        text_KCE = batch.tower(_held(state))
        count = len(batch.clients_n)
        losses = [
            prompt_loss(
                text_CE.expand(count, -1, -1),
                batch.shards,
                batch.logit_scale,
                self.plan.shared.terms,
            )
            for text_CE in text_KCE
        ]
        return torch.stack(losses, dim=1).argmin(dim=1)


def _held(state: PromptState) -> torch.Tensor:
    """Return the server's prompts, (K, T, W), from the first row; all rows are equal."""
    held_KTW: torch.Tensor = state.initial_TW + state.extra[HELD][0]
    return held_KTW


def average_by_choice(contribution: Contribution) -> ExchangeResult:
    """Average prompts by choice and send all of them to all clients.

    A client that was away has made no choice; its P_G is the first prompt until it chooses.
    """
    choice_n = contribution.sent["choice"].astype(np.int64)
    size = contribution.update_nM.shape[1]
    held_KM = contribution.sent["held"][0].reshape(-1, size).copy()
    for j in np.unique(choice_n):
        held_KM[j] = contribution.update_nM[choice_n == j].mean(axis=0)
    newest_N = np.zeros(contribution.num_clients, dtype=np.int64)
    newest_N[contribution.clients_n] = choice_n
    return ExchangeResult(
        clients_r=np.arange(contribution.num_clients, dtype=np.int64),
        update_rM=held_KM[newest_N],
        given={HELD: np.tile(held_KM.reshape(1, -1), (contribution.num_clients, 1))},
        bytes_client=bytes_of(size + 1, held_KM.size),
        k=len(np.unique(choice_n)),
        labels_n=choice_n,
    )


def num_prompts(clustering: ClusteringConfig) -> int:
    """Return k: `clustering.k`, or `k_max` if that is None."""
    return clustering.k or clustering.k_max


def trainer(settings: MethodSettings[IfcaSettings], seeds: Seeds) -> Ifca:
    """Make the trainer of a run's settings."""
    own = settings.own
    return Ifca(
        plan=one_prompt(settings.training, lr=own.ifca_lr, loss=own.ifca_loss),
        k=num_prompts(settings.clustering),
        start_scale=own.ifca_start,
        seeds=seeds,
    )


METHOD = Method(
    card=Card(
        name="ifca",
        title="IFCA",
        sends="its choice and its prompt, in the clear, to the server",
        gets="all k prompts, each the mean of the clients that chose it",
        keeps="its images",
        privacy="none: the server sees every prompt and choice, every client all k prompts",
        source="IFCA (Ghosh et al., NeurIPS 2020) on prompts",
    ),
    settings=IfcaSettings,
    trainer=trainer,
    begin=lambda context: average_by_choice,
    prototypes="by label",
)
