"""What an engine is, and what it answers."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from peers.workload import FloatArray, Size


class UnavailableError(Exception):
    """An engine cannot take part; says why, and what to do about it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One job for an engine."""

    size: Size
    points: Path
    """.npy file of float64, (N, D)."""
    iterations: int
    count: bool = False
    """Count rounds, where that costs time; such a job is not for the clock."""

    @property
    def points_ND(self) -> FloatArray:
        """What is to be shared; the first K are the public start."""
        return np.asarray(np.load(self.points), dtype=np.float64)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Outcome:
    """What came of a job."""

    centres_KD: FloatArray
    seconds: float
    """From shares being made to centres being open, at the slowest party; no start of processes,
    no compilation."""
    rounds: int | None = None
    """Of the online phase, if this job counted them."""
    iteration_s: float | None = None
    """Median online time of an iteration but the first, where the engine tells it from the offline
    phase."""
    iteration_online_bytes: float | None = None
    """What all parties send one another in such an iteration, the dealer's messages left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a host says of a job."""

    seconds: float
    rounds: int | None
    iteration_s: float | None
    iteration_online_bytes: float | None
    loopback_bytes: int
    centre_error: float

    def as_json(self) -> dict[str, object]:
        """Return plain values."""
        return asdict(self)


class Engine(Protocol):
    """A running group of processes that does jobs."""

    note: str
    """What was chosen where there was a choice; empty if nothing."""

    def prepare(self, task: Task) -> None:
        """Do, without being measured, what is needed once for a size and a number of iterations."""

    def run(self, task: Task) -> Outcome:
        """Do a job."""

    def versions(self) -> dict[str, str]:
        """Return versions of what is measured."""

    def memory(self) -> dict[str, int]:
        """Return the peak resident bytes of each role, where it is known who is who."""

    def close(self) -> None:
        """End all processes."""


def count_shift(size: Size, largest: int) -> int:
    """Return s such that N / 2^s is at most `largest`: counts over 2^s have safe reciprocals."""
    shift = 0
    while size.n > largest << shift:
        shift += 1
    return shift
