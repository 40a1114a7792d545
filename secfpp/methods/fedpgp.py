"""FedPGP: a global prompt sigma near CLIP's prompt, and a low-rank local part.

The prompt of client i is sigma + U_i V_i. The server averages sigma by number of images; U and V
stay with the client. All three are trained together by cross-entropy under the whole prompt plus mu
times a contrastive loss. That loss pulls sigma's text features to those of the frozen prompt (the
positive pair) and away from those of the whole prompt (the negative pair).

Shape letters: n clients at work, N clients, T context tokens, W width of the text tower, M = T W,
R rank, C classes, E embedding.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch.nn import functional

from secfpp.config.checks import require, require_positive
from secfpp.learning.joint_steps import train_jointly
from secfpp.learning.losses import prompt_loss
from secfpp.learning.prompts import FloatArray, PromptState
from secfpp.methods.interface import Card, ClientBatch, Method, MethodSettings
from secfpp.methods.shared.averaging import average_by_images
from secfpp.methods.shared.one_prompt import LossName, one_prompt
from secfpp.methods.shared.trainers import TwoPhase
from secfpp.seeds import Seeds

__all__ = ["FedPgpSettings", "METHOD", "FedPgp", "contrastive_loss"]

START_SCALE = 0.02
"""Standard deviation of the entries of U and V at the start, as in the authors' code."""


@dataclass(frozen=True, kw_only=True)
class FedPgpSettings:
    """FedPGP: a global prompt and a low-rank local one."""

    fedpgp_rank: int = 4
    """Rank of the local part U V; 4 is the authors' default."""
    fedpgp_mu: float = 1.0
    """Weight of the contrastive loss; 1 is the authors' default."""
    fedpgp_temperature: float = 0.5
    """Temperature of the contrastive loss; 0.5 is the authors' default."""
    fedpgp_lr: float = 0.003
    """Adam's learning rate of all three parts."""
    fedpgp_loss: LossName = "aligned"
    """Loss beside the contrastive one; plain is the paper's."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require(self.fedpgp_rank >= 1, "fedpgp_rank", self.fedpgp_rank, "at least 1")
        require_positive("fedpgp_mu", self.fedpgp_mu, zero=True)
        require_positive("fedpgp_temperature", self.fedpgp_temperature)
        require_positive("fedpgp_lr", self.fedpgp_lr)


def contrastive_loss(
    frozen_CE: torch.Tensor, sigma_nCE: torch.Tensor, whole_nCE: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Return FedPGP's contrastive loss of each client.

    Parameters
    ----------
    frozen_CE : Tensor of float32, (C, E)
        Unit-norm text features under the frozen prompt.
    sigma_nCE : Tensor of float32, (n, C, E)
        The same under sigma alone.
    whole_nCE : Tensor of float32, (n, C, E)
        The same under sigma + U V.
    temperature : float

    Returns
    -------
    Tensor of float32, (n,)
        Mean over classes of -log(e^(p / t) / (e^(p / t) + e^(q / t))), with the positive
        p = cos(frozen, sigma) and the negative q = cos(sigma, whole).
    """
    positive_nC = (frozen_CE * sigma_nCE).sum(dim=2)
    negative_nC = (sigma_nCE * whole_nCE).sum(dim=2)
    return functional.softplus((negative_nC - positive_nC) / temperature).mean(dim=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class FedPgp(TwoPhase):
    """All steps on sigma (P_G) and the factors of P_L together, before the exchange."""

    settings: FedPgpSettings
    seeds: Seeds

    def begin(self, batch: ClientBatch, state: PromptState) -> PromptState:
        """Draw every client's U and V."""
        count, tokens, width = state.local_NTW.shape
        rank = self.settings.fedpgp_rank
        u_nTR = self._draw("U", (count, tokens, rank)).to(state.local_NTW)
        v_nRW = self._draw("V", (count, rank, width)).to(state.local_NTW)
        images_n = batch.shards.mask_NB.sum(dim=1)
        return _with_factors(state.replace(extra={"fedpgp-images": images_n}), u_nTR, v_nRW)

    def shared(self, batch: ClientBatch, state: PromptState) -> tuple[PromptState, torch.Tensor]:
        """Take all steps on sigma, U and V."""
        with torch.no_grad():
            frozen_CE = batch.tower(state.initial_TW[None])[0]
        trained, loss_n = train_jointly(
            {
                "sigma": state.shared_NTW,
                "u": state.extra["fedpgp-u"],
                "v": state.extra["fedpgp-v"],
            },
            lambda parts: self.loss(batch, frozen_CE, parts),
            steps=self.plan.shared.steps,
            lr=self.plan.shared.lr,
            heartbeat=batch.heartbeat,
        )
        after = _with_factors(state, trained["u"], trained["v"])
        return after.replace(shared_NTW=trained["sigma"]), loss_n

    def loss(
        self, batch: ClientBatch, frozen_CE: torch.Tensor, parts: Mapping[str, torch.Tensor]
    ) -> torch.Tensor:
        """Return cross-entropy + mu x contrastive loss, (n,)."""
        sigma_nTW = parts["sigma"]
        whole_nTW = sigma_nTW + parts["u"] @ parts["v"]
        text = batch.tower(torch.cat([sigma_nTW, whole_nTW]))
        sigma_nCE, whole_nCE = text[: len(sigma_nTW)], text[len(sigma_nTW) :]
        contrast_n = contrastive_loss(
            frozen_CE, sigma_nCE, whole_nCE, self.settings.fedpgp_temperature
        )
        entropy_n = prompt_loss(whole_nCE, batch.shards, batch.logit_scale, self.plan.shared.terms)
        return entropy_n + self.settings.fedpgp_mu * contrast_n

    def sent(self, state: PromptState) -> Mapping[str, FloatArray]:
        """Send the number of images of each client."""
        return {"images": state.extra["fedpgp-images"].double().cpu().numpy()}

    def _draw(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        generator = self.seeds.torch(f"fedpgp {name}")
        return START_SCALE * torch.randn(shape, generator=generator)


def _with_factors(state: PromptState, u_nTR: torch.Tensor, v_nRW: torch.Tensor) -> PromptState:
    """Set U, V and their product, which is P_L."""
    extra = {**state.extra, "fedpgp-u": u_nTR, "fedpgp-v": v_nRW}
    return state.replace(local_NTW=u_nTR @ v_nRW, extra=extra)


def trainer(settings: MethodSettings[FedPgpSettings], seeds: Seeds) -> FedPgp:
    """Make the trainer of a run's settings."""
    own = settings.own
    plan = one_prompt(settings.training, lr=own.fedpgp_lr, loss=own.fedpgp_loss)
    return FedPgp(plan=plan, settings=own, seeds=seeds)


METHOD = Method(
    card=Card(
        name="fedpgp",
        title="FedPGP",
        sends="its global prompt and its number of images, in the clear, to the server",
        gets="the mean global prompt of the participants, by number of images",
        keeps="its low-rank prompt U V and its images",
        privacy="none: the server sees every global prompt",
        source="FedPGP (Cui et al., ICML 2024); the frozen prompt is the public start",
    ),
    settings=FedPgpSettings,
    trainer=trainer,
    begin=lambda context: average_by_images,
)
