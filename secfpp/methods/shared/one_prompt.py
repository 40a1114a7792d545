"""Plans of methods that train one prompt a client at a rate and by a loss of their own."""

from typing import Literal

from secfpp.config.training import TrainingConfig
from secfpp.learning.losses import LossTerms
from secfpp.learning.training import LocalSteps
from secfpp.methods.interface import RoundPlan
from secfpp.methods.shared.plans import no_steps

__all__ = ["LossName", "loss_terms", "one_prompt"]

LossName = Literal["plain", "balanced", "aligned"]
"""plain: cross-entropy over images. balanced: equal weights of classes. aligned: balanced plus
alignment, as for P_G of SecFPP."""


def loss_terms(name: LossName, training: TrainingConfig) -> LossTerms:
    """Return the terms of a loss by its name."""
    weight = training.alignment_weight if name == "aligned" else 0.0
    return LossTerms(balanced=name != "plain", alignment_weight=weight)


def one_prompt(training: TrainingConfig, *, lr: float, loss: LossName) -> RoundPlan:
    """Spend all local steps before the exchange."""
    work = LocalSteps(steps=training.local_steps, lr=lr, terms=loss_terms(loss, training))
    return RoundPlan(shared=work, local=no_steps(training).local)
