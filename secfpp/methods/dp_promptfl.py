"""PromptFL under central, client-level differential privacy.

In each round every participant's step is clipped; the server adds Gaussian noise to the sum and
releases the mean. The server is trusted with every clipped step.

Shape letters: n participants, M numbers of a prompt.
"""

from dataclasses import dataclass
from functools import lru_cache

from secfpp.config.checks import require_positive
from secfpp.config.privacy import PrivacyConfig
from secfpp.methods.interface import (
    Card,
    Contribution,
    ExchangeResult,
    Method,
    MethodContext,
    MethodSettings,
)
from secfpp.methods.shared.averaging import broadcast
from secfpp.methods.shared.plans import one_level_shared
from secfpp.methods.shared.trainers import two_phase
from secfpp.privacy.accounting import calibrate_gaussian
from secfpp.privacy.noise import clip_rows, gaussian_noise
from secfpp.privacy.statement import PrivacyStatement

__all__ = ["METHOD", "DpPromptFlSettings", "NoisedMean"]


@dataclass(frozen=True, kw_only=True)
class DpPromptFlSettings:
    """PromptFL under central differential privacy."""

    clip_norm: float = 0.3
    """Bound on the L2 norm of one client's step in one round, for dp-promptfl."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_positive("clip_norm", self.clip_norm)


@dataclass(frozen=True, kw_only=True)
class NoisedMean:
    """Clip every participant's step, add noise to the sum, divide by the number of participants."""

    clip_norm: float
    noise_multiplier: float

    def __call__(self, contribution: Contribution) -> ExchangeResult:
        """Move the common prompt by the noised mean of the clipped steps, for all clients."""
        step_nM = contribution.update_nM - contribution.before_nM
        total_M = clip_rows(step_nM, self.clip_norm).sum(axis=0)
        noise_M = gaussian_noise(len(total_M), self.noise_multiplier * self.clip_norm)
        common_M = contribution.before_nM[0]
        return broadcast(contribution, common_M + (total_M + noise_M) / len(step_nM))


@lru_cache(maxsize=8)
def _calibrate(privacy: PrivacyConfig, rounds: int, clip_norm: float) -> PrivacyStatement:
    """Calibrate once for each budget."""
    return calibrate_gaussian(privacy, rounds, clip_norm=clip_norm)


def statement(settings: MethodSettings[DpPromptFlSettings]) -> PrivacyStatement:
    """State the guarantee of a run."""
    return _calibrate(settings.privacy, settings.training.rounds, settings.own.clip_norm)


def begin(context: MethodContext[DpPromptFlSettings]) -> NoisedMean:
    """Calibrate the noise to the budget over all rounds."""
    said = statement(context.settings)
    return NoisedMean(clip_norm=said.clip_norm, noise_multiplier=said.noise_multiplier)


METHOD = Method(
    card=Card(
        name="dp-promptfl",
        title="PromptFL + central DP",
        sends="its prompt's step, in the clear, to a trusted server",
        gets="the noised mean prompt",
        keeps="its images",
        privacy="client-level differential privacy of what is released; none against the server",
        source="DP-FedAvg (McMahan et al., ICLR 2018) on the shared prompt",
    ),
    settings=DpPromptFlSettings,
    trainer=two_phase(one_level_shared),
    begin=begin,
    statement=statement,
    prototypes="none",
)
