"""The interface of what is audited, and the canaries.

Shape letters: m canaries of a run, M numbers of an update, d directions, T rounds.
"""

from typing import Final, Protocol

import numpy as np
from scipy import fft  # type: ignore[import-untyped]

from secfpp.attacks.audit.trials import BoolArray
from secfpp.learning.prompts import FloatArray
from secfpp.privacy.statement import PrivacyStatement

__all__ = ["OVERSHOOT", "UNBOUNDED", "Mechanism", "directions", "signs"]

OVERSHOOT: Final = 10.0
"""Norm of a canary before clipping, over the clipping norm."""
UNBOUNDED: Final = 1e3
"""A clipping norm that clips nothing, over the right one."""


class Mechanism(Protocol):
    """A method's mechanism over all rounds, with canaries for contributions."""

    @property
    def statement(self) -> PrivacyStatement:
        """What the method claims."""

    @property
    def canaries(self) -> int:
        """Canaries m of a run."""

    def run(self, included_m: BoolArray) -> FloatArray:
        """Run all rounds afresh.

        Parameters
        ----------
        included_m : ndarray of bool, (m,)
            Which canaries take part. A left out canary is what the neighbouring relation of the
            statement says: silence, no image, or other data.

        Returns
        -------
        ndarray of float64, (m,)
            The auditor's scores, from released values alone; higher for a canary that seems to be
            in.
        """


def directions(numbers: int) -> FloatArray:
    """Return orthonormal directions whose entries sum to zero, one a row: (numbers - 1, numbers).

    They are cosines of all frequencies but zero. Noise that is equal on all numbers, instead of
    independent, vanishes from every score.
    """
    cosines_MM = fft.dct(np.eye(numbers), axis=0, norm="ortho")
    return np.asarray(cosines_MM[1:], dtype=np.float64)


def signs(rounds: int) -> FloatArray:
    """Return +1 and -1 in turn, (T,): noise that is equal in all rounds vanishes from the scores.

    A canary contributes its direction times the sign of the round.
    """
    return np.asarray(np.where(np.arange(rounds) % 2, -1.0, 1.0), dtype=np.float64)
