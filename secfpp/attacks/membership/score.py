"""Measures of membership inference: AUC, hits at few false alarms, accuracy.

All are taken over the images of one client at a time or of all, and bootstrapped over clients: the
images of a client share a prompt, so they are no independent trials. Chance is exact.

Shape letters: S federations, N clients, B images of a client (padded).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from secfpp.attacks.intervals import Interval, bootstrap
from secfpp.attacks.membership.halved import BoolArray, Observations
from secfpp.attacks.results import AttackRow, Subject, attack_row
from secfpp.learning.prompts import FloatArray

__all__ = ["FEW", "MembershipScores", "area_under_curve", "membership_rows", "rate_at"]

FEW: Final = 0.01
"""Rate of false alarms at which hits are counted."""
DRAWS: Final = 400
"""Bootstrap samples; each sorts all scores."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MembershipScores:
    """One attack on one view of one seed."""

    technique: str
    seen: Observations
    score_SNB: FloatArray
    """Larger for images that are taken for members."""


def area_under_curve(score: FloatArray, member: BoolArray) -> float:
    """Return the probability that a member scores above another image; ties count half.

    Parameters
    ----------
    score : ndarray of float64, (images,)
    member : ndarray of bool, (images,)
    """
    from scipy.stats import rankdata  # type: ignore[import-untyped]

    inside = int(member.sum())
    outside = len(member) - inside
    if not inside or not outside:
        return float("nan")
    rank = float(rankdata(score)[member].sum())
    return (rank - inside * (inside + 1) / 2) / (inside * outside)


def rate_at(score: FloatArray, member: BoolArray, false_alarms: float = FEW) -> float:
    """Return the rate of members found at a rate of false alarms.

    The threshold is the least at which no more than that rate of other images scores above it.
    """
    outside = np.sort(score[~member])[::-1]
    if not len(outside) or not member.any():
        return float("nan")
    threshold = outside[int(false_alarms * len(outside))]
    return float((score[member] > threshold).mean())


def accuracy(score: FloatArray, member: BoolArray) -> float:
    """Return the rate of right answers if the half of images with the largest scores is named."""
    named = score > np.median(score)
    return float((named == member).mean())


def membership_rows(
    subject: Subject, per_seed: Sequence[MembershipScores], rng: np.random.Generator
) -> list[AttackRow]:
    """Return the rows of one attack on one view over all seeds."""
    clients: list[tuple[FloatArray, BoolArray]] = []
    for scores in per_seed:
        for client, valid_B in enumerate(scores.seen.valid_NB):
            score = scores.score_SNB[:, client][:, valid_B].ravel()
            clients.append((score, scores.seen.member_SNB[:, client][:, valid_B].ravel()))
    rows = []
    for measure, statistic, chance in (
        ("AUC", area_under_curve, 0.5),
        ("hits at 1% false alarms", rate_at, FEW),
        ("accuracy", accuracy, 0.5),
    ):

        def over(some: npt.NDArray[np.int64], statistic=statistic) -> float:  # type: ignore[no-untyped-def]
            score = np.concatenate([clients[at][0] for at in some])
            member = np.concatenate([clients[at][1] for at in some])
            return float(statistic(score, member))

        found = bootstrap(len(clients), over, rng, DRAWS)
        exact = Interval(value=chance, low=chance, high=chance)
        rows.append(attack_row(subject, measure, found, exact))
    return rows
