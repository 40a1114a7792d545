"""How fast a machine does the work of a job, and how much memory its processes take.

The time to compute is a sum of the counts of `Work`, each with a weight of 0 or more. The weights
are those that fit measured jobs best; `secfpp plan --calibrate` measures some on this machine.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from scipy.optimize import nnls  # type: ignore[import-untyped]

from mpc.costs.work import COUNTS, Work
from mpc.errors import InputError
from mpc.whole_file import read_json

if TYPE_CHECKING:
    from mpc.costs.plan import JobPlan

_MEGABYTE: Final = 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class Speeds:
    """Seconds that a machine with all parties, the dealer and all owners takes for each count."""

    machine: str
    """Which machine was measured."""
    weights: Mapping[str, float]
    """Seconds for each of `COUNTS`."""
    connection_s: float
    """Seconds for an owner to connect to a party, once."""

    def __post_init__(self) -> None:
        if set(self.weights) != set(COUNTS):
            raise InputError(f"speeds need a weight for each of {', '.join(COUNTS)}")
        for name, value in (*self.weights.items(), ("connection_s", self.connection_s)):
            if not 0 <= value < math.inf:
                raise InputError(f"the speed {name}={value!r}: seconds of 0 or more are possible")

    def seconds(self, work: Work) -> float:
        """Return the time to compute, of all processes on one machine."""
        return math.fsum(weight * getattr(work, name) for name, weight in self.weights.items())

    @classmethod
    def fitted(
        cls, measured: Sequence[tuple[Work, float]], *, machine: str, connection_s: float
    ) -> Self:
        """Return the weights of the least relative error over measured jobs, in least squares.

        Parameters
        ----------
        measured : sequence of (Work, float)
            The work of a job, and its seconds.
        machine : str
        connection_s : float
        """
        rows = np.array([np.array(work.as_row()) / seconds for work, seconds in measured])
        scale = rows.max(axis=0)
        scale[scale == 0] = 1.0  # a count that no job has
        weights, _ = nnls(rows / scale, np.ones(len(rows)))
        found = dict(zip(COUNTS, (weights / scale).tolist(), strict=True))
        return cls(machine=machine, weights=found, connection_s=connection_s)

    def write(self, path: Path) -> None:
        """Write a file for `read_speeds`."""
        path.write_text(json.dumps(asdict(self) | {"weights": dict(self.weights)}, indent=2) + "\n")


def read_speeds(path: Path) -> Speeds:
    """Read the speeds of a machine that was measured.

    Raises
    ------
    InputError
        The file is missing or malformed.
    """
    return read_json(path, _speeds_of)


def _speeds_of(values: object) -> Speeds:
    try:
        if not isinstance(values, dict):
            raise TypeError
        return Speeds(
            machine=str(values["machine"]),
            weights={str(name): float(value) for name, value in values["weights"].items()},
            connection_s=float(values["connection_s"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InputError("it has no speeds as `secfpp plan --calibrate` writes them") from None


TWO_CORES: Final = Speeds(
    machine="two cores of a virtual machine",
    weights=MappingProxyType(
        {
            "jobs": 2.8e-3,
            "rounds": 4.1e-4,
            "requests": 8.3e-5,
            "owners": 9.0e-5,
            "shared": 0.0,
            "opened": 1.5e-8,
            "dealt": 8.4e-10,
            "compared": 3.3e-9,
            "multiplied": 4.6e-11,
        }
    ),
    connection_s=2.9e-3,
)
"""Fitted to jobs of 2 and of 3 parties with 20 to 1500 points; connections to a run in shards with
24,000 data owners."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Largest memory of the processes of a job, in bytes."""

    party: float
    dealer: float
    simulation: float
    """The process that plays the server and all data owners, where one does."""


def memory_of(plan: JobPlan, *, connected: int | None = None) -> Memory:
    """Return about what the processes of a job take.

    Parameters
    ----------
    plan : JobPlan
    connected : int, optional
        Owners that are connected to every party; None: those of the job.

    Notes
    -----
    Fitted to the largest resident memory of jobs with 20 to 3000 owners, and within 7 % of each. A
    party holds 0.05 MB for every owner that is connected, and 143 bytes for every number that is
    shared; a step's tuples take a sixth of what the dealer sends for it.
    """
    shape = plan.shape
    entries = shape.num_points * (shape.dim + shape.payload)
    step = max((step.dealt for step in plan.steps), default=0)
    owners = shape.num_owners if connected is None else connected
    return Memory(
        party=353 * _MEGABYTE + 0.05 * _MEGABYTE * owners + 143 * entries + 0.154 * step,
        dealer=327 * _MEGABYTE + 73 * entries + 0.10 * step,
        simulation=53 * _MEGABYTE + 0.10 * _MEGABYTE * owners + 87 * entries,
    )
