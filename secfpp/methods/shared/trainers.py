"""Local work in two phases, and classification: the common part of most methods.

Shape letters: n clients at work, B images of a client (padded), T context tokens, W width of the
text tower, M = T W, C classes, E embedding.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from secfpp.config.training import TrainingConfig
from secfpp.learning.losses import Shards
from secfpp.learning.prompts import FloatArray, PromptState
from secfpp.learning.training import LocalSteps, train_part
from secfpp.methods.interface import (
    ClientBatch,
    MethodSettings,
    OwnT,
    RoundPlan,
    Trainer,
)
from secfpp.seeds import Seeds

__all__ = ["TwoPhase", "cosine_logits", "two_phase"]


@dataclass(frozen=True, kw_only=True, eq=False)
class TwoPhase:
    """Steps on P_G alone, the exchange, steps on P_L on top of the new P_G.

    Methods that keep more, train differently or classify differently derive from this class.
    """

    plan: RoundPlan

    needs_patches: bool = False
    """Whether the method uses regions of images."""
    is_joint: bool = False
    """Whether clients exchange values between steps."""
    rows_per_client: float = 1.0
    """Rows that a client adds to a batch of a step."""
    weighs_prompt: bool = True
    """Whether P_G and P_L may be scaled before `logits`."""

    @property
    def steps(self) -> int:
        """Local steps a round."""
        return self.plan.steps

    def begin(self, batch: ClientBatch, state: PromptState) -> PromptState:
        """Keep nothing more than P_G and P_L."""
        return state

    def shared(self, batch: ClientBatch, state: PromptState) -> tuple[PromptState, torch.Tensor]:
        """Take steps on P_G without P_L: P_G must be good alone."""
        none_nTW = torch.zeros_like(state.local_NTW)
        part_nTW, loss_n = _train(batch, self.plan.shared, state.shared_NTW, none_nTW)
        return state.replace(shared_NTW=part_nTW), loss_n

    def local(self, batch: ClientBatch, state: PromptState) -> tuple[PromptState, torch.Tensor]:
        """Take steps on P_L on top of P_G."""
        local_nTW = state.local_NTW * self.plan.local_memory
        part_nTW, loss_n = _train(batch, self.plan.local, local_nTW, state.shared_NTW)
        return state.replace(local_NTW=part_nTW), loss_n

    def sent(self, state: PromptState) -> Mapping[str, FloatArray]:
        """Send nothing besides P_G."""
        return {}

    def logits(self, batch: ClientBatch, state: PromptState, images: Shards) -> torch.Tensor:
        """Classify by the text features under P_G + P_L."""
        return cosine_logits(batch, batch.tower(state.prompts()), images)


def cosine_logits(batch: ClientBatch, text_nCE: torch.Tensor, images: Shards) -> torch.Tensor:
    """Return CLIP's logits, (n, B, C) float32."""
    return batch.logit_scale * images.features_NBE @ text_nCE.transpose(1, 2)


def two_phase(
    plan: Callable[[TrainingConfig], RoundPlan],
) -> Callable[[MethodSettings[OwnT], Seeds], Trainer]:
    """Return a factory of `TwoPhase` trainers."""
    return lambda settings, seeds: TwoPhase(plan=plan(settings.training))


def _train(
    batch: ClientBatch, work: LocalSteps, part_nTW: torch.Tensor, other_nTW: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    trained = train_part(
        batch.tower,
        batch.shards,
        part_NTW=part_nTW,
        other_NTW=other_nTW,
        logit_scale=batch.logit_scale,
        work=work,
        heartbeat=batch.heartbeat,
    )
    return trained.part_NTW, trained.loss_N
