"""Plans of methods that train one prompt a client at a rate and by a loss of their own."""

from secfpp.config.training import LossName, TrainingConfig
from secfpp.learning.training import LocalSteps
from secfpp.methods.interface import RoundPlan
from secfpp.methods.shared.plans import loss_terms, no_steps

__all__ = ["LossName", "one_prompt"]


def one_prompt(training: TrainingConfig, *, lr: float, loss: LossName) -> RoundPlan:
    """Spend all local steps before the exchange."""
    work = LocalSteps(steps=training.local_steps, lr=lr, terms=loss_terms(loss, training))
    return RoundPlan(shared=work, local=no_steps(training).local)
