"""Scores of canaries and the coins that included them, and guesses from scores.

Shape letters: R runs, m canaries of a run.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from secfpp.learning.prompts import FloatArray

__all__ = ["BoolArray", "Errors", "Guesses", "Trials"]

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Errors:
    """How a threshold on the scores did."""

    included: int
    """Canaries that were in."""
    hits: int
    """Those of them above the threshold."""
    excluded: int
    """Canaries that were out."""
    false_alarms: int
    """Those of them above the threshold."""


@dataclass(frozen=True, kw_only=True)
class Guesses:
    """How an auditor did who guessed about the highest and lowest scores of every run."""

    canaries: int
    guesses: int
    right: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Trials:
    """What the auditor saw."""

    scores_Rm: FloatArray
    """Higher for a canary that seems to be in."""
    included_Rm: BoolArray
    """The coins."""

    def halves(self) -> tuple["Trials", "Trials"]:
        """Return the first half of the runs, on which to choose, and the second, to judge by."""
        middle = len(self.scores_Rm) // 2
        return self._runs(slice(None, middle)), self._runs(slice(middle, None))

    def errors(self, threshold: float) -> Errors:
        """Call every canary above a threshold in."""
        called_Rm = self.scores_Rm > threshold
        return Errors(
            included=int(self.included_Rm.sum()),
            hits=int((called_Rm & self.included_Rm).sum()),
            excluded=int((~self.included_Rm).sum()),
            false_alarms=int((called_Rm & ~self.included_Rm).sum()),
        )

    def guesses(self, each: int) -> Guesses:
        """Guess that the highest scores of each run are in and as many of its lowest are out."""
        order_Rm = np.argsort(self.scores_Rm, axis=1)
        sorted_Rm = np.take_along_axis(self.included_Rm, order_Rm, axis=1)
        canaries = sorted_Rm.shape[1]
        right = int((~sorted_Rm[:, :each]).sum() + sorted_Rm[:, canaries - each :].sum())
        return Guesses(canaries=sorted_Rm.size, guesses=2 * each * len(sorted_Rm), right=right)

    def _runs(self, chosen: slice) -> "Trials":
        return Trials(scores_Rm=self.scores_Rm[chosen], included_Rm=self.included_Rm[chosen])
