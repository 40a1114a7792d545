"""FedOTP: a global and a local prompt, matched to regions of the image by optimal transport.

A transport problem is solved for every image and class. The class has two text features, under the
global and under the local prompt; each demands half of the mass gamma. Each of the R regions of the
image supplies mass 1/R. The plan at cost 1 - cosine matches regions to prompts; with gamma below 1
some regions stay unmatched. The class's logit is CLIP's scale times sum (plan x cosine). As in the
authors' code, demand is an equality, supply an inequality, and no gradient flows through the plan.
With gamma = 1 both are equalities, and Sinkhorn's iteration solves the problem.

Both prompts are trained together by cross-entropy. The server averages the global ones by number of
images; a client classifies with the mean and with its own local prompt.

`PromptState.local_NTW` holds the local prompt less the public start: it is not added to P_G.

Shape letters: n clients at work, B images of a client (padded), R regions, P = 2 prompts, C
classes, T context tokens, W width of the text tower, E embedding, X = n B C transport problems.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch.nn import functional

from secfpp.config.checks import require, require_positive
from secfpp.errors import ConfigError
from secfpp.learning.joint_steps import train_jointly
from secfpp.learning.losses import Shards, image_weights
from secfpp.learning.prompts import FloatArray, PromptState
from secfpp.methods.interface import Card, ClientBatch, Method, MethodSettings
from secfpp.methods.shared.averaging import average_by_images
from secfpp.methods.shared.one_prompt import LossName, one_prompt
from secfpp.methods.shared.optimal_transport import balanced_plan, partial_plan
from secfpp.methods.shared.trainers import TwoPhase
from secfpp.seeds import Seeds

__all__ = ["FedOtpSettings", "METHOD", "FedOtp", "transport_logits"]

START_SCALE: Final = 0.02
"""Standard deviation of the difference of the two prompts at the start, as in CoOp and in the
authors' code. Without it they would stay equal."""
CELLS_AT_ONCE: Final = 1 << 22  # numbers of a plan that are in memory at once for classification


@dataclass(frozen=True, kw_only=True)
class FedOtpSettings:
    """FedOTP: a global and a local prompt, matched to regions of images by optimal transport."""

    fedotp_lr: float = 0.003
    """Adam's learning rate of both prompts."""
    fedotp_eps: float = 0.1
    """Weight of the entropy of a transport plan; the authors use 0.1 (CIFAR) and 0.01."""
    fedotp_mass: float = 0.8
    """Gamma: the mass of an image's regions that the prompts take together. The authors have 0.8; 1
    transports all."""
    fedotp_loss: LossName = "aligned"
    """Loss of the local steps; plain is the paper's."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_positive("fedotp_lr", self.fedotp_lr)
        require_positive("fedotp_eps", self.fedotp_eps)
        require(0 < self.fedotp_mass <= 1, "fedotp_mass", self.fedotp_mass, "above 0, at most 1")


def transport_logits(
    patches_nBRE: torch.Tensor,
    text_nPCE: torch.Tensor,
    *,
    logit_scale: float,
    eps: float,
    mass: float,
) -> torch.Tensor:
    """Score images for every class by transport between regions and prompts.

    Parameters
    ----------
    patches_nBRE : Tensor of float32, (n, B, R, E)
        Unit-norm features of regions.
    text_nPCE : Tensor of float32, (n, P, C, E)
        Unit-norm text features of the classes under each of a client's prompts.
    logit_scale : float
        CLIP's inverse temperature.
    eps : float
        Weight of the entropy of a plan.
    mass : float
        Gamma, in (0, 1]: total demand of the prompts; the total supply of regions is 1.

    Returns
    -------
    Tensor of float32, (n, B, C)
        The gradient is that for a fixed plan.
    """
    count, num_images, num_regions, _ = patches_nBRE.shape
    num_prompts, num_classes = text_nPCE.shape[1:3]
    cosine = patches_nBRE.flatten(1, 2) @ text_nPCE.flatten(1, 2).transpose(1, 2)
    cosine = cosine.view(count, num_images, num_regions, num_prompts, num_classes)
    cosine_RPX = cosine.permute(2, 3, 0, 1, 4).flatten(2)
    has_R = torch.full((num_regions,), 1 / num_regions, device=cosine.device)
    wants_P = torch.full((num_prompts,), mass / num_prompts, device=cosine.device)
    solve = balanced_plan if mass == 1 else partial_plan
    plan_RPX = solve(1 - cosine_RPX.detach(), has_R, wants_P, eps=eps)
    score_X = (plan_RPX * cosine_RPX).sum(dim=(0, 1))
    return logit_scale * score_X.view(count, num_images, num_classes)


@dataclass(frozen=True, kw_only=True, eq=False)
class FedOtp(TwoPhase):
    """All steps on both prompts together, before the exchange."""

    settings: FedOtpSettings
    seeds: Seeds
    needs_patches: bool = True
    weighs_prompt: bool = False

    def begin(self, batch: ClientBatch, state: PromptState) -> PromptState:
        """Start all local prompts at the same place, beside the global one."""
        generator = self.seeds.torch("fedotp local prompt")
        noise_TW = START_SCALE * torch.randn(state.initial_TW.shape, generator=generator)
        return state.replace(
            local_NTW=noise_TW.to(state.local_NTW).expand_as(state.local_NTW).clone(),
            extra={"fedotp-images": batch.shards.mask_NB.sum(dim=1)},
        )

    def shared(self, batch: ClientBatch, state: PromptState) -> tuple[PromptState, torch.Tensor]:
        """Take all steps on both prompts."""
        patches_nBRE = _regions(batch.shards)
        trained, loss_n = train_jointly(
            {"global": state.shared_NTW, "local": state.local_NTW},
            lambda parts: self._loss(batch, patches_nBRE, state.initial_TW, parts),
            steps=self.plan.shared.steps,
            lr=self.plan.shared.lr,
            heartbeat=batch.heartbeat,
        )
        return state.replace(shared_NTW=trained["global"], local_NTW=trained["local"]), loss_n

    def local(self, batch: ClientBatch, state: PromptState) -> tuple[PromptState, torch.Tensor]:
        """Do nothing: a client keeps the mean and its own local prompt."""
        return state, torch.zeros(len(state.shared_NTW), device=state.shared_NTW.device)

    def sent(self, state: PromptState) -> Mapping[str, FloatArray]:
        """Send the number of images of each client."""
        return {"images": state.extra["fedotp-images"].double().cpu().numpy()}

    def logits(self, batch: ClientBatch, state: PromptState, images: Shards) -> torch.Tensor:
        """Classify by transport, in portions of images."""
        patches_NBRE = _regions(images)
        text_NPCE = _text(batch, state.shared_NTW, state.initial_TW + state.local_NTW)
        cells = patches_NBRE.shape[2] * text_NPCE.shape[:3].numel()
        portions = torch.split(patches_NBRE, max(1, CELLS_AT_ONCE // cells), dim=1)
        return torch.cat([self._score(batch, part, text_NPCE) for part in portions], dim=1)

    def _loss(
        self,
        batch: ClientBatch,
        patches_nBRE: torch.Tensor,
        initial_TW: torch.Tensor,
        parts: Mapping[str, torch.Tensor],
    ) -> torch.Tensor:
        """Return cross-entropy plus weighted alignment of each client, (n,).

        Alignment is the class-balanced mean of 1 - transported cosine of the own class per mass.
        """
        terms = self.plan.shared.terms
        text_nPCE = _text(batch, parts["global"], initial_TW + parts["local"])
        logits_nBC = self._score(batch, patches_nBRE, text_nPCE)
        labels_nB = batch.shards.labels_NB
        surprise_nB = functional.cross_entropy(
            logits_nBC.transpose(1, 2), labels_nB, reduction="none"
        )
        num_classes = logits_nBC.shape[2]
        weight_nB = image_weights(batch.shards, num_classes, balanced=terms.balanced)
        loss_n = (weight_nB * surprise_nB).sum(dim=1)
        if terms.alignment_weight == 0:
            return loss_n
        own_nB = logits_nBC.gather(2, labels_nB[..., None]).squeeze(2)
        own_nB = own_nB / (batch.logit_scale * self.settings.fedotp_mass)
        weight_nB = image_weights(batch.shards, num_classes, balanced=True)
        return loss_n + terms.alignment_weight * (weight_nB * (1 - own_nB)).sum(dim=1)

    def _score(
        self, batch: ClientBatch, patches_nBRE: torch.Tensor, text_nPCE: torch.Tensor
    ) -> torch.Tensor:
        return transport_logits(
            patches_nBRE,
            text_nPCE,
            logit_scale=batch.logit_scale,
            eps=self.settings.fedotp_eps,
            mass=self.settings.fedotp_mass,
        )


def _text(batch: ClientBatch, *prompts_nTW: torch.Tensor) -> torch.Tensor:
    """Return text features under each of a client's prompts, (n, P, C, E)."""
    text = batch.tower(torch.cat(prompts_nTW))
    return text.view(len(prompts_nTW), -1, *text.shape[1:]).transpose(0, 1)


def _regions(images: Shards) -> torch.Tensor:
    """Return the regions' features, (n, B, R, E)."""
    if images.patches_NBRE is None:
        raise ConfigError(
            "fedotp matches regions of images but this cohort has none; make it with patches"
        )
    return images.patches_NBRE


def trainer(settings: MethodSettings[FedOtpSettings], seeds: Seeds) -> FedOtp:
    """Make the trainer of a run's settings."""
    own = settings.own
    plan = one_prompt(settings.training, lr=own.fedotp_lr, loss=own.fedotp_loss)
    return FedOtp(plan=plan, settings=own, seeds=seeds)


METHOD = Method(
    card=Card(
        name="fedotp",
        title="FedOTP",
        sends="its global prompt and its number of images, in the clear, to the server",
        gets="the mean global prompt of the participants, by number of images",
        keeps="its local prompt and its images",
        privacy="none: the server sees every global prompt",
        source="FedOTP (Li et al., CVPR 2024), by Adam; docs/baselines.md says what regions are",
    ),
    settings=FedOtpSettings,
    trainer=trainer,
    begin=lambda context: average_by_images,
)
