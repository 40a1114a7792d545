"""Local work of a round for each kind of method; plans spend `training.local_steps` or nothing."""

from secfpp.config.training import TrainingConfig
from secfpp.learning.losses import LossTerms
from secfpp.learning.training import LocalSteps
from secfpp.methods.interface import RoundPlan

__all__ = ["no_steps", "one_level_local", "one_level_shared", "two_level"]


def no_steps(training: TrainingConfig) -> RoundPlan:
    """Train nothing."""
    idle = LocalSteps(steps=0, lr=training.lr, terms=LossTerms())
    return RoundPlan(shared=idle, local=idle)


def one_level_shared(training: TrainingConfig) -> RoundPlan:
    """Spend all steps on one shared prompt, by plain cross-entropy."""
    work = LocalSteps(steps=training.local_steps, lr=training.lr, terms=LossTerms())
    return RoundPlan(shared=work, local=no_steps(training).local)


def one_level_local(training: TrainingConfig) -> RoundPlan:
    """Spend all steps on one private prompt, by the balanced and aligned loss."""
    terms = LossTerms(balanced=True, alignment_weight=training.alignment_weight)
    work = LocalSteps(steps=training.local_steps, lr=training.lr, terms=terms)
    return RoundPlan(shared=no_steps(training).shared, local=work)


def two_level(training: TrainingConfig) -> RoundPlan:
    """Split the steps: P_G by the balanced and aligned loss, P_L by plain cross-entropy."""
    shared = LossTerms(balanced=True, alignment_weight=training.alignment_weight)
    local = LossTerms(pull_weight=training.local_pull)
    local_steps = training.local_steps - training.shared_steps
    return RoundPlan(
        shared=LocalSteps(steps=training.shared_steps, lr=training.lr_shared, terms=shared),
        local=LocalSteps(steps=local_steps, lr=training.lr_local, terms=local),
        local_memory=training.local_memory,
    )
