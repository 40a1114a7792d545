"""A toy method: every client goes part of the way to the mean prompt.

`test_new_method.py` copies this file into the package as a user would write it.
"""

from dataclasses import dataclass, replace

import numpy as np

from secfpp.config.checks import require
from secfpp.methods.interface import (
    Card,
    Contribution,
    ExchangeResult,
    Method,
    MethodContext,
    MethodSettings,
)
from secfpp.methods.shared.averaging import average_clusters
from secfpp.methods.shared.plans import one_level_shared
from secfpp.methods.shared.trainers import TwoPhase
from secfpp.seeds import Seeds


@dataclass(frozen=True, kw_only=True)
class DriftSettings:
    """Drift: part of the way to the mean prompt."""

    drift_share: float = 0.5
    """Part of the way, in 0..1."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require(0 <= self.drift_share <= 1, "drift_share", self.drift_share, "in 0..1")


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Move each update towards the mean of all."""

    share: float

    def __call__(self, contribution: Contribution) -> ExchangeResult:
        """Return a mixture of each participant's own update and the mean."""
        together_n = np.zeros(len(contribution.clients_n), dtype=np.int64)
        mean = average_clusters(contribution, together_n, min_cluster_size=1)
        moved_nM = (1 - self.share) * contribution.update_nM + self.share * mean.update_rM
        return replace(mean, update_rM=moved_nM)


def trainer(settings: MethodSettings[DriftSettings], seeds: Seeds) -> TwoPhase:
    """Train one prompt."""
    return TwoPhase(plan=one_level_shared(settings.training))


def begin(context: MethodContext[DriftSettings]) -> Drift:
    """Take the share from the settings."""
    return Drift(share=context.settings.own.drift_share)


METHOD = Method(
    card=Card(
        name="drift-toy",
        title="Drift",
        sends="its prompt, in the clear, to the server",
        gets="a mixture of its prompt and the mean",
        keeps="its images",
        privacy="none",
        source="a test",
    ),
    settings=DriftSettings,
    trainer=trainer,
    begin=begin,
)
