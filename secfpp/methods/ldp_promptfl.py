"""PromptFL under local, client-level differential privacy: nobody is trusted.

In each round every participant clips its step and adds Gaussian noise before it sends the step. The
server averages the noised steps. The noise of the mean is 1 / sqrt(n) of one client's noise; with a
trusted server it would be 1 / n.

Shape letters: n participants, T context tokens, W width of the text tower, M = T W.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from secfpp.config.checks import require_positive
from secfpp.config.privacy import PrivacyConfig
from secfpp.learning.prompts import FloatArray, PromptState
from secfpp.methods.interface import Card, ClientBatch, Method, MethodSettings
from secfpp.methods.shared.averaging import average_all
from secfpp.methods.shared.plans import one_level_shared
from secfpp.methods.shared.trainers import TwoPhase
from secfpp.privacy.accounting import calibrate_gaussian
from secfpp.privacy.noise import clip_rows, gaussian_noise
from secfpp.privacy.statement import PrivacyStatement
from secfpp.seeds import Seeds

__all__ = ["METHOD", "LdpPromptFlSettings", "NoisedSteps", "noised_rows", "released"]


@dataclass(frozen=True, kw_only=True)
class LdpPromptFlSettings:
    """PromptFL under local differential privacy."""

    clip_norm_local: float = 0.01
    """Bound on the L2 norm of one client's step in one round, for ldp-promptfl, with as much noise
    in every client's step as dp-promptfl has in a sum."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_positive("clip_norm_local", self.clip_norm_local)


def noised_rows(step_nM: FloatArray, clip_norm: float, stddev: float) -> FloatArray:
    """Clip every row and add independent noise to it.

    Parameters
    ----------
    step_nM : ndarray of float64, (n, M)
        Steps of n clients.
    clip_norm : float
        Largest L2 norm of a row before the noise.
    stddev : float
        Of the noise on each number.

    Returns
    -------
    ndarray of float64, (n, M)
    """
    noise_nM = gaussian_noise(step_nM.size, stddev).reshape(step_nM.shape)
    return clip_rows(step_nM, clip_norm) + noise_nM


def released(step_nM: FloatArray, said: PrivacyStatement) -> FloatArray:
    """Return what leaves n clients in one round under a statement: their noised steps, (n, M)."""
    return noised_rows(step_nM, said.clip_norm, said.noise_multiplier * said.sensitivity)


@dataclass(frozen=True, kw_only=True, eq=False)
class NoisedSteps(TwoPhase):
    """Steps on P_G; only a clipped and noised version leaves the client."""

    privacy: PrivacyConfig
    rounds: int
    clip_norm: float

    def shared(self, batch: ClientBatch, state: PromptState) -> tuple[PromptState, torch.Tensor]:
        """Take the steps; P_G becomes the noised version that is sent."""
        trained, loss_n = super().shared(batch, state)
        said = calibrate(self.privacy, self.rounds, self.clip_norm)
        step_nTW = (trained.shared_NTW.double() - state.shared_NTW.double()).cpu().numpy()
        sent_nM = released(step_nTW.reshape(len(step_nTW), -1), said)
        everyone_n = np.arange(len(sent_nM), dtype=np.int64)
        return trained.with_updates(everyone_n, state.updates() + sent_nM), loss_n


@lru_cache(maxsize=8)
def calibrate(privacy: PrivacyConfig, rounds: int, clip_norm: float) -> PrivacyStatement:
    """State the guarantee of a run; calibrated once for each budget.

    Any two clipped steps are at most twice the clipping norm apart, for any data.
    """
    said = calibrate_gaussian(privacy, rounds, clip_norm=clip_norm, sensitivity=2 * clip_norm)
    return replace(
        said,
        neighbours="one client's data are replaced by any others in every round; N is public",
        trust="nobody: each client adds its noise before it sends",
        covers="everything that leaves the client",
    )


def trainer(settings: MethodSettings[LdpPromptFlSettings], seeds: Seeds) -> NoisedSteps:
    """Make the trainer of a run's settings."""
    return NoisedSteps(
        plan=one_level_shared(settings.training),
        privacy=settings.privacy,
        rounds=settings.training.rounds,
        clip_norm=settings.own.clip_norm_local,
    )


def statement(settings: MethodSettings[LdpPromptFlSettings]) -> PrivacyStatement:
    """State the guarantee of a run."""
    return calibrate(settings.privacy, settings.training.rounds, settings.own.clip_norm_local)


METHOD = Method(
    card=Card(
        name="ldp-promptfl",
        title="PromptFL + local DP",
        sends="its prompt's step, which it has clipped and noised, to the server",
        gets="the mean of the noised prompts",
        keeps="its images and its step before the noise",
        privacy="client-level local differential privacy, against everybody",
        source="local noise (Kasiviswanathan et al., FOCS 2008) on PromptFL",
    ),
    settings=LdpPromptFlSettings,
    trainer=trainer,
    begin=lambda context: average_all,
    statement=statement,
    prototypes="none",
)
