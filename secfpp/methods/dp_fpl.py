"""DP-FPL: a global and a local prompt under record-level differential privacy.

The prompt of client i is p_G + p_L,i. Every step factorises the local one again into u v + r, and
takes gradients of p_G, u and v for each image. The three gradients of an image are clipped as one
vector. The server adds noise to the sum over clients of the gradients of p_G; each client adds
noise to the sums of its own u and v. The residual r has no gradient: p_L,i moves by equation 4,
from the gradients of u and v.

Shape letters: n clients at work, N clients, B images of a client (padded), S images sampled in a
step by all of them, T context tokens, W width of the text tower, M = T W, K rank.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from secfpp.config.checks import require, require_positive
from secfpp.config.privacy import PrivacyConfig
from secfpp.errors import RunError
from secfpp.learning.losses import Shards
from secfpp.learning.prompts import FloatArray, PromptState
from secfpp.methods.interface import (
    Card,
    ClientBatch,
    Contribution,
    ExchangeResult,
    Method,
    MethodContext,
    MethodSettings,
)
from secfpp.methods.shared.averaging import broadcast, bytes_of
from secfpp.methods.shared.low_rank import Factors, factorise, implied_gradient
from secfpp.methods.shared.trainers import cosine_logits
from secfpp.privacy.accounting import calibrate_gaussian
from secfpp.privacy.noise import gaussian_noise, poisson_sample
from secfpp.privacy.per_image import clip_jointly, image_gradients
from secfpp.privacy.statement import PrivacyStatement
from secfpp.seeds import Seeds

__all__ = ["DpFplSettings", "METHOD", "Broadcast", "ClippedSums", "DpFpl", "paper_epsilon"]


@dataclass(frozen=True, kw_only=True)
class DpFplSettings:
    """DP-FPL: a global and a local prompt under noise, with low-rank gradients of the local one."""

    dpfpl_rank: int = 4
    """Rank of the gradients of P_L. A rank of the prompt's tokens or width is no restriction. The
    default has 4 for 8 tokens; the paper has 8 for 16."""
    dpfpl_sample_rate: float = 0.125
    """Probability with which an image is in a step's sample (the paper: batches of 32)."""
    dpfpl_clip: float = 1.0
    """Bound on the joint L2 norm of one image's gradients of P_G, u and v. The paper bounds each
    part of a batch's mean by 10."""
    dpfpl_lr_shared: float = 0.05
    """Rate of gradient descent on P_G (the paper: 1e-4)."""
    dpfpl_lr_local: float = 0.003
    """Rate of gradient descent on P_L (the paper: 1e-4)."""
    dpfpl_start: float = 0.02
    """Standard deviation of the entries of P_L at the start, as in the authors' code."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require(self.dpfpl_rank >= 1, "dpfpl_rank", self.dpfpl_rank, "at least 1")
        rate = self.dpfpl_sample_rate
        require(0 < rate <= 1, "dpfpl_sample_rate", rate, "above 0, at most 1")
        for name in ("dpfpl_clip", "dpfpl_lr_shared", "dpfpl_start"):
            require_positive(name, getattr(self, name))
        require_positive("dpfpl_lr_local", self.dpfpl_lr_local, zero=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class ClippedSums:
    """Sums of clipped gradients over a step's sample, before any noise; float64."""

    shared_TW: torch.Tensor
    """Of p_G, over the images of all clients."""
    u_nTK: torch.Tensor
    """Of u, over each client's own images."""
    v_nKW: torch.Tensor
    """Of v, likewise."""
    loss_n: torch.Tensor
    """Sum of the losses of each client's images."""
    count_n: torch.Tensor
    """Number of images that each client drew."""

    def noised(self, stddev: float) -> "ClippedSums":
        """Add independent Gaussian noise to every number that is released."""

        def add(values: torch.Tensor) -> torch.Tensor:
            noise = torch.from_numpy(gaussian_noise(values.numel(), stddev))
            return values + noise.to(values.device).view_as(values)

        return replace(
            self, shared_TW=add(self.shared_TW), u_nTK=add(self.u_nTK), v_nKW=add(self.v_nKW)
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class DpFpl:
    """Noised gradient descent; all clients exchange a gradient in every step.

    Poisson samples and noise come from the operating system, so two runs agree in distribution
    only.
    """

    steps: int
    """Steps a round."""
    rounds: int
    images_per_client: int
    """Public number of images of a client. Sums are divided by it, not by the size of the
    sample."""
    settings: DpFplSettings
    privacy: PrivacyConfig
    seeds: Seeds
    images_at_once: int | None = None
    """Images whose gradients are taken in one batch; None: all of a step."""
    needs_patches: bool = False
    is_joint: bool = True
    weighs_prompt: bool = False

    @property
    def rows_per_client(self) -> float:
        """Expected images of a client in a step's sample; each has a row of its own."""
        return self.settings.dpfpl_sample_rate * self.images_per_client

    @property
    def noise_stddev(self) -> float:
        """Standard deviation of the noise on every number of a release."""
        said = calibrate(self.privacy, self.settings, self.steps * self.rounds)
        return said.noise_multiplier * said.sensitivity

    def begin(self, batch: ClientBatch, state: PromptState) -> PromptState:
        """Start every local prompt at random: a prompt of zeros would have no directions."""
        shape = state.local_NTW.shape
        start = torch.randn(shape, generator=self.seeds.torch("dp-fpl start"))
        return state.replace(local_NTW=self.settings.dpfpl_start * start.to(state.local_NTW))

    def shared(self, batch: ClientBatch, state: PromptState) -> tuple[PromptState, torch.Tensor]:
        """Take all steps of a round; all participants have the same p_G."""
        stddev = self.noise_stddev
        shared_TW, local_nTW = state.shared_NTW[0], state.local_NTW
        start_snWK = self._directions(batch, local_nTW)
        loss_n, count_n = torch.zeros(2, len(local_nTW), device=local_nTW.device).unbind()
        for step in range(self.steps):
            batch.heartbeat()
            factors = factorise(local_nTW, start_snWK[step])
            sums = self.sums(batch, shared_TW + local_nTW, factors, self.draw(batch.shards))
            loss_n, count_n = loss_n + sums.loss_n, count_n + sums.count_n
            shared_TW, local_nTW = self.descend(shared_TW, local_nTW, factors, sums.noised(stddev))
            _check_finite(local_nTW, batch, step)
        moved = state.replace(
            shared_NTW=shared_TW.expand_as(state.shared_NTW).clone(), local_NTW=local_nTW
        )
        return moved, loss_n / count_n.clamp(min=1)

    def local(self, batch: ClientBatch, state: PromptState) -> tuple[PromptState, torch.Tensor]:
        """Do nothing after the exchange."""
        return state, torch.zeros(len(state.local_NTW), device=state.local_NTW.device)

    def sent(self, state: PromptState) -> Mapping[str, FloatArray]:
        """Send nothing besides the gradients of p_G, step by step."""
        return {}

    def logits(self, batch: ClientBatch, state: PromptState, images: Shards) -> torch.Tensor:
        """Classify by the text features under p_G + p_L."""
        return cosine_logits(batch, batch.tower(state.prompts()), images)

    def draw(self, shards: Shards) -> torch.Tensor:
        """Draw a step's sample, bool (n, B): each image independently and in secret."""
        drawn_nB = poisson_sample(shards.mask_NB.cpu().numpy(), self.settings.dpfpl_sample_rate)
        return torch.from_numpy(drawn_nB).to(shards.mask_NB.device)

    def sums(
        self, batch: ClientBatch, prompt_nTW: torch.Tensor, factors: Factors, drawn_nB: torch.Tensor
    ) -> ClippedSums:
        """Clip the gradients of p_G, u and v of every image in the sample as one vector; sum them.

        An image moves all three sums, joined, by `dpfpl_clip` at most. `prompt_nTW` is p_G + u v
        + r of each client, `drawn_nB` the step's sample.
        """
        owner_S, image_S = drawn_nB.nonzero(as_tuple=True)
        grad_STW, loss_S = image_gradients(
            batch.tower,
            prompt_nTW[owner_S],
            batch.shards.features_NBE[owner_S, image_S],
            batch.shards.labels_NB[owner_S, image_S],
            batch.logit_scale,
            at_once=self.images_at_once,
        )
        grad_u_STK = grad_STW @ factors.v_NKW[owner_S].transpose(1, 2)
        grad_v_SKW = factors.u_NTK[owner_S].transpose(1, 2) @ grad_STW
        clipped = clip_jointly((grad_STW, grad_u_STK, grad_v_SKW), self.settings.dpfpl_clip)

        def of_each_client(values: torch.Tensor) -> torch.Tensor:
            empty = values.new_zeros(len(prompt_nTW), *values.shape[1:])
            return empty.index_add(0, owner_S, values)

        return ClippedSums(
            shared_TW=clipped[0].sum(dim=0),
            u_nTK=of_each_client(clipped[1]),
            v_nKW=of_each_client(clipped[2]),
            loss_n=of_each_client(loss_S),
            count_n=drawn_nB.sum(dim=1).float(),
        )

    def descend(
        self,
        shared_TW: torch.Tensor,
        local_nTW: torch.Tensor,
        factors: Factors,
        sums: ClippedSums,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take one step on p_G and every p_L from noised sums."""
        expected = self.settings.dpfpl_sample_rate * self.images_per_client
        grad_TW = sums.shared_TW / (expected * len(local_nTW))
        in_double = Factors(
            u_NTK=factors.u_NTK.double(),
            v_NKW=factors.v_NKW.double(),
            residual_NTW=factors.residual_NTW,
        )
        grad_nTW = implied_gradient(in_double, sums.u_nTK / expected, sums.v_nKW / expected)
        moved_TW = shared_TW.double() - self.settings.dpfpl_lr_shared * grad_TW
        moved_nTW = local_nTW.double() - self.settings.dpfpl_lr_local * grad_nTW
        return moved_TW.to(shared_TW), moved_nTW.to(local_nTW)

    def _directions(self, batch: ClientBatch, local_nTW: torch.Tensor) -> torch.Tensor:
        """Draw the start of the power method for each step of a round, (steps, n, W, K)."""
        _, tokens, width = local_nTW.shape
        shape = (self.steps, width, min(self.settings.dpfpl_rank, tokens, width))
        drawn = [
            torch.randn(
                shape,
                generator=self.seeds.torch(
                    f"dp-fpl directions of client {client} in round {batch.round_index}"
                ),
            )
            for client in batch.clients_n
        ]
        return torch.stack(drawn, dim=1).to(local_nTW)


@dataclass(frozen=True, kw_only=True)
class Broadcast:
    """Give p_G, which all participants share, also to the other clients."""

    steps: int
    """Exchanges of a gradient of p_G in a round."""

    def __call__(self, contribution: Contribution) -> ExchangeResult:
        """Count the bytes of the steps: each sends a gradient up and one down."""
        update_M = contribution.update_nM[0]
        numbers = self.steps * len(update_M)
        return replace(broadcast(contribution, update_M), bytes_client=bytes_of(numbers, numbers))


def paper_epsilon(noise_multiplier: float, compositions: int, delta: float) -> float:
    """Return epsilon by the authors' formula, sigma = sqrt(T ln(1 / delta)) / epsilon.

    Theorem 3.3 with its open constants set to 1, as in the authors' code. Sigma is the standard
    deviation of the noise over the sensitivity. The formula has no amplification by sampling, and
    it counts local and global noise separately.
    """
    return math.sqrt(compositions * math.log(1 / delta)) / noise_multiplier


@lru_cache(maxsize=8)
def calibrate(
    privacy: PrivacyConfig, settings: DpFplSettings, compositions: int
) -> PrivacyStatement:
    """State the guarantee of a run; calibrated once for each budget."""
    said = calibrate_gaussian(
        privacy,
        compositions,
        clip_norm=settings.dpfpl_clip,
        sample_rate=settings.dpfpl_sample_rate,
    )
    return replace(
        said,
        unit="record: one training image of one client, in all steps",
        neighbours="one training image of one client is added or removed",
        sampling=f"each image is in a step's sample with probability {said.sample_rate:g}, drawn "
        "from the operating system's randomness, in secret",
        covers="every p_G that is released and every client's p_L together, that is the prompts "
        "behind a prompt service",
        trust="a central server sees every client's clipped gradients of p_G and adds their noise; "
        "for u and v every client adds its own",
        epsilon_paper=paper_epsilon(said.noise_multiplier, compositions, privacy.delta),
    )


def trainer(settings: MethodSettings[DpFplSettings], seeds: Seeds) -> DpFpl:
    """Make the trainer of a run's settings."""
    return DpFpl(
        steps=settings.training.local_steps,
        rounds=settings.training.rounds,
        images_per_client=settings.images_per_client,
        settings=settings.own,
        privacy=settings.privacy,
        seeds=seeds,
        images_at_once=settings.training.clients_at_once,
    )


def begin(context: MethodContext[DpFplSettings]) -> Broadcast:
    """Count the exchanges of a round."""
    return Broadcast(steps=context.settings.training.local_steps)


def statement(settings: MethodSettings[DpFplSettings]) -> PrivacyStatement:
    """State the guarantee of a run."""
    training = settings.training
    return calibrate(settings.privacy, settings.own, training.local_steps * training.rounds)


def _check_finite(local_nTW: torch.Tensor, batch: ClientBatch, step: int) -> None:
    """Raise with the client's number if a prompt is not finite."""
    bad_n = ~torch.isfinite(local_nTW).all(dim=(1, 2))
    if bool(bad_n.any()):
        client = int(batch.clients_n[int(np.flatnonzero(bad_n.cpu().numpy())[0])])
        raise RunError(
            f"the local prompt of client {client} is not finite at step {step}; lower "
            "dpfpl_lr_local and dpfpl_lr_shared"
        )


METHOD = Method(
    card=Card(
        name="dp-fpl",
        title="DP-FPL",
        sends="in every step the clipped gradient of its global prompt, to a trusted server",
        gets="in every step the noised mean gradient",
        keeps="its local prompt and its images",
        privacy="record-level differential privacy of all prompts: global noise by the server, "
        "local noise on the low-rank gradients of the local prompt; none against the server",
        source="DP-FPL (Tran et al., ICLR 2025), from the paper; its code differs, see "
        "docs/baselines.md",
    ),
    settings=DpFplSettings,
    trainer=trainer,
    begin=begin,
    statement=statement,
    is_personal=False,  # its guarantee covers answers, and would not cover a memory
)
