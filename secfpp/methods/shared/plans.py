"""Local work of a round for each kind of method; plans spend `training.local_steps` or nothing."""

from typing import Final

from secfpp.config.training import LossName, TrainingConfig
from secfpp.learning.losses import LossTerms
from secfpp.learning.training import LocalSteps
from secfpp.methods.interface import RoundPlan

__all__ = ["loss_terms", "no_steps", "one_level_local", "one_level_shared", "two_level"]

_LR_SHARED: Final = 0.01
_LR_ALONE: Final = 0.003


def loss_terms(name: LossName, training: TrainingConfig) -> LossTerms:
    """Return the terms of a loss by its name."""
    weight = training.alignment_weight if name == "aligned" else 0.0
    return LossTerms(balanced=name != "plain", alignment_weight=weight)


def no_steps(training: TrainingConfig) -> RoundPlan:
    """Train nothing."""
    idle = LocalSteps(steps=0, lr=_LR_SHARED, terms=LossTerms())
    return RoundPlan(shared=idle, local=idle)


def one_level_shared(training: TrainingConfig) -> RoundPlan:
    """Spend all steps on one shared prompt, by the plain loss unless settings say otherwise."""
    terms = loss_terms(training.loss or "plain", training)
    work = LocalSteps(steps=training.local_steps, lr=training.lr or _LR_SHARED, terms=terms)
    return RoundPlan(shared=work, local=no_steps(training).local)


def one_level_local(training: TrainingConfig) -> RoundPlan:
    """Spend all steps on one private prompt, by the aligned loss unless settings say otherwise."""
    terms = loss_terms(training.loss or "aligned", training)
    work = LocalSteps(steps=training.local_steps, lr=training.lr or _LR_ALONE, terms=terms)
    return RoundPlan(shared=no_steps(training).shared, local=work)


def two_level(training: TrainingConfig) -> RoundPlan:
    """Split the steps: P_G by its own loss, P_L by plain cross-entropy."""
    shared = loss_terms(training.shared_loss, training)
    local = LossTerms(pull_weight=training.local_pull)
    local_steps = training.local_steps - training.shared_steps
    return RoundPlan(
        shared=LocalSteps(steps=training.shared_steps, lr=training.lr_shared, terms=shared),
        local=LocalSteps(steps=local_steps, lr=training.lr_local, terms=local),
        local_memory=training.local_memory,
    )
