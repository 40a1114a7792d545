"""All attacks on membership in one unit: every technique on every view."""

from collections.abc import Callable
from typing import Final

from secfpp.attacks.membership.gradients import alignment
from secfpp.attacks.membership.halved import Observations, halves, observe
from secfpp.attacks.membership.learned import learned_scores, probability_features
from secfpp.attacks.membership.likelihood import likelihood_ratios, logit_confidence
from secfpp.attacks.membership.overfitted import overfit, some_clients
from secfpp.attacks.membership.score import MembershipScores
from secfpp.experiment.config import RunConfig
from secfpp.experiment.units import Unit
from secfpp.federation.cohort import Cohort
from secfpp.federation.workload import Workload
from secfpp.learning.prompts import FloatArray
from secfpp.seeds import Seeds

__all__ = ["TECHNIQUES", "attack_membership", "attack_overfitted"]

TECHNIQUES: Final = (
    "likelihood ratio, shadow prompts",
    "learned classifier, shadow prompts",
    "prompt vector alone",
)


def attack_membership(
    config: RunConfig,
    unit: Unit,
    workload: Workload,
    cohort: Cohort,
    *,
    shadows: int,
    seeds: Seeds,
) -> list[MembershipScores]:
    """Train federations on halves of all clients' images, and attack what each view shows."""
    member_SNB = halves(cohort.train.mask_NB.cpu().numpy(), shadows, seeds)
    seen = observe(config, unit, workload, cohort, member_SNB)
    return [
        scores
        for view in seen
        for scores in _score(view, lambda view: alignment(workload, cohort, view), seeds)
    ]


def attack_overfitted(
    workload: Workload, cohort: Cohort, *, shadows: int, seeds: Seeds
) -> list[MembershipScores]:
    """Attack prompts that fit few images too well: the positive control."""
    few = some_clients(cohort)
    member_SNB = halves(few.train.mask_NB.cpu().numpy(), shadows, seeds)
    seen = overfit(workload, few, member_SNB)
    return _score(seen, lambda view: alignment(workload, few, view), seeds)


def _score(
    seen: Observations, aligned: Callable[[Observations], FloatArray], seeds: Seeds
) -> list[MembershipScores]:
    """Score one view by every technique."""
    scores = (
        likelihood_ratios(seen, logit_confidence(seen)),
        learned_scores(seen, probability_features(seen), seeds.number("attack classifier")),
        likelihood_ratios(seen, aligned(seen)),
    )
    return [
        MembershipScores(technique=technique, seen=seen, score_SNB=score_SNB)
        for technique, score_SNB in zip(TECHNIQUES, scores, strict=True)
    ]
