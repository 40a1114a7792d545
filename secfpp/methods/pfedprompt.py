"""pFedPrompt: PromptFL's common prompt, and attention over the client's own images.

Attention has no parameters: keys are the features of the client's training images, and values are
their classes. An image is classified by the prompt and by similar training images.

The paper gives the average prompt and non-parametric attention over the client's own visual
features. The form of attention, Tip-Adapter's, is our reading. It uses whole images only.

Shape letters: n clients, B training images, S images to classify, C classes, E embedding.
"""

from dataclasses import dataclass

import torch

from secfpp.config.checks import require_positive
from secfpp.learning.evidence import attend
from secfpp.learning.losses import Shards
from secfpp.learning.prompts import PromptState
from secfpp.methods.interface import Card, ClientBatch, Method, MethodSettings
from secfpp.methods.shared.averaging import average_all
from secfpp.methods.shared.plans import one_level_shared
from secfpp.methods.shared.trainers import TwoPhase
from secfpp.seeds import Seeds

__all__ = ["PFedPromptSettings", "METHOD", "PFedPrompt"]


@dataclass(frozen=True, kw_only=True)
class PFedPromptSettings:
    """pFedPrompt: a common prompt, and attention over the client's own images."""

    pfedprompt_alpha: float = 20.0
    """Weight of attention; 0 gives PromptFL."""
    pfedprompt_beta: float = 20.0
    """Sharpness of attention: an image at cosine c weighs exp(-beta (1 - c))."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_positive("pfedprompt_alpha", self.pfedprompt_alpha, zero=True)
        require_positive("pfedprompt_beta", self.pfedprompt_beta, zero=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class PFedPrompt(TwoPhase):
    """PromptFL's steps; attention when it classifies."""

    settings: PFedPromptSettings

    def logits(self, batch: ClientBatch, state: PromptState, images: Shards) -> torch.Tensor:
        """Add alpha x attention over the client's own training images to CLIP's logits."""
        logits_nSC = super().logits(batch, state, images)
        if self.settings.pfedprompt_alpha == 0:
            return logits_nSC
        attention_nSC = attend(
            images.features_NBE, batch.shards, logits_nSC.shape[2], self.settings.pfedprompt_beta
        )
        return logits_nSC + self.settings.pfedprompt_alpha * attention_nSC


def trainer(settings: MethodSettings[PFedPromptSettings], seeds: Seeds) -> PFedPrompt:
    """Make the trainer of a run's settings."""
    return PFedPrompt(plan=one_level_shared(settings.training), settings=settings.own)


METHOD = Method(
    card=Card(
        name="pfedprompt",
        title="pFedPrompt",
        sends="its prompt, in the clear, to the server",
        gets="the mean prompt of the participants",
        keeps="its images and their features, which its attention looks up",
        privacy="none: the server sees every prompt",
        source="after pFedPrompt (Guo et al., WWW 2023); attention in the form of Tip-Adapter",
    ),
    settings=PFedPromptSettings,
    trainer=trainer,
    begin=lambda context: average_all,
    is_personal=False,
)
