"""Which mask of a job a value was opened under: a counter, so that no two are ever the same."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MaskId:
    """A mask that the dealer keeps: the step that drew it, and its number in that step.

    The dealer and every party count masks in the same order, so an id is never sent or chosen.
    """

    step: str
    """One of `mpc.preprocessing.requests.STEPS`, or "iteration i"."""
    index: int
    """0, 1, ... in the order of drawing."""
