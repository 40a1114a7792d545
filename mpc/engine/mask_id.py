"""Identifiers of masks: counters, so that no two masks of a job share one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MaskId:
    """A mask that the dealer keeps: the step that drew it, and its number in that step.

    The dealer and every party count masks in the same order, so ids are neither sent nor chosen.
    """

    step: str
    """One of `mpc.preprocessing.requests.STEPS`, or "iteration i"."""
    index: int
    """0, 1, ... in the order of drawing."""
