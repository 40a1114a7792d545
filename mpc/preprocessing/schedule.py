"""The tuples of each step of a job, so that the dealer can send them ahead of need."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mpc.preprocessing.mask_refs import ITERATION
from mpc.preprocessing.requests import TupleRequest
from mpc.preprocessing.segments import digest_of

Tuples = tuple[TupleRequest, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """The tuples of a job's steps; the same for every job of one shape."""

    once: Mapping[str, Tuples] = field(default_factory=dict)
    """Tuples of the steps that are done once."""
    iterations: tuple[Tuples, ...] = ()
    """Tuples of the first iterations; all later ones need those of the last entry."""
    limit: int = 0
    """Most iterations of the job."""
    _digests: dict[int, bytes] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Cached digests of the lists above, by identity; a schedule serves many jobs."""

    @property
    def at_first(self) -> tuple[str, ...]:
        """Steps to request before the job begins: those done once, then the first iteration."""
        return (*self.once, *([f"{ITERATION}1"] if self.limit else []))

    def tuples_of(self, step: str) -> Tuples:
        """Return the tuples of a step, in the order of use."""
        if not step.startswith(ITERATION):
            return self.once[step]
        iteration = int(step.removeprefix(ITERATION))
        return self.iterations[min(iteration, len(self.iterations)) - 1]

    def digest_of(self, step: str) -> bytes:
        """Return the digest that binds a step's streams to its tuples; see `segments.digest_of`."""
        tuples = self.tuples_of(step)
        if id(tuples) not in self._digests:
            self._digests[id(tuples)] = digest_of(tuples)
        return self._digests[id(tuples)]

    def after(self, step: str) -> str | None:
        """Return the step to request when `step` begins: the next iteration, if any."""
        if not step.startswith(ITERATION):
            return None
        following = int(step.removeprefix(ITERATION)) + 1
        return f"{ITERATION}{following}" if following <= self.limit else None


def schedule_of(recorded: Mapping[str, Tuples], *, limit: int) -> Schedule:
    """Turn the requests of a dry run into a schedule for up to `limit` iterations."""
    numbers = sorted(
        int(step.removeprefix(ITERATION)) for step in recorded if step.startswith(ITERATION)
    )
    return Schedule(
        once={step: t for step, t in recorded.items() if not step.startswith(ITERATION)},
        iterations=tuple(recorded[f"{ITERATION}{number}"] for number in numbers),
        limit=limit if numbers else 0,
    )
