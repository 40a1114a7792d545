"""The exact cost of a job: rounds, online and offline bytes, counted in a dry run.

Bytes are those of payloads, without frame headers, TLS and TCP.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from mpc.preprocessing.mask_refs import ITERATION
from mpc.preprocessing.requests import TupleRequest
from mpc.roles.dry_run import JobShape, StepCounts, dry_run

_ELEMENT_BYTES = 8


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one step, or of several consecutive steps."""

    rounds: int = 0
    online: int = 0
    """Bytes that a party sends to each of the other parties."""
    dealer_to_first: int = 0
    """Bytes from the dealer to party 0."""
    dealer_to_others: int = 0
    """Bytes from the dealer to each of the other parties: keys, with two parties."""

    def dealt(self, parties: int) -> int:
        """Return the bytes that the dealer sends to all parties together."""
        return self.dealer_to_first + (parties - 1) * self.dealer_to_others

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.rounds + other.rounds,
            self.online + other.online,
            self.dealer_to_first + other.dealer_to_first,
            self.dealer_to_others + other.dealer_to_others,
        )


def total(costs: Iterable[Cost]) -> Cost:
    """Add up the costs of consecutive steps."""
    return sum(costs, start=Cost())


def job_steps(
    shape: JobShape, *, iterations: int, converged: bool = False
) -> dict[str, StepCounts]:
    """Return the counts of every step that a job does, by name, in the order they are done.

    Parameters
    ----------
    shape : JobShape
        The job's bounds must be known.
    iterations : int
        Reassignments done, as in the result.
    converged : bool
        Whether the job ended because the last iteration changed nothing. If assignments are secret,
        the result includes the iteration that finds this.
    """
    return steps_done(
        partial(dry_run, shape),
        iterations=iterations,
        ends=converged and iterations < shape.job.iterations,
    )


def steps_done(
    counted: Callable[..., dict[str, StepCounts]], *, iterations: int, ends: bool
) -> dict[str, StepCounts]:
    """Return the counts of every step that is done, by name, in the order they are done.

    Parameters
    ----------
    counted : callable
        Does a dry run; takes `converges`, as `mpc.roles.dry_run.dry_run` has it.
    iterations : int
        Reassignments done.
    ends : bool
        Whether one more iteration finds that the last one changed nothing.
    """
    counts = counted()
    steps = list(counts)
    loop = [step for step in steps if step.startswith(ITERATION)]
    first = steps.index(loop[0]) if loop else len(steps)
    done = {step: counts[step] for step in steps[:first]}
    for number in range(1, iterations + 1) if loop else ():
        done[f"{ITERATION}{number}"] = counts[f"{ITERATION}{min(number, len(loop))}"]
    if ends:
        number = min(iterations + 1, len(loop))
        done[f"{ITERATION}{iterations + 1}"] = counted(converges=number)[f"{ITERATION}{number}"]
    return done | {step: counts[step] for step in steps[first + len(loop) :]}


def job_cost(shape: JobShape, *, iterations: int, converged: bool = False) -> dict[str, Cost]:
    """Return the cost of every step of a job, by name; parameters are those of `job_steps`.

    Notes
    -----
    The dealer deals all tuples of an iteration that is cut short; the cost includes only the
    requests that it reached.
    """
    done = job_steps(shape, iterations=iterations, converged=converged)
    return {step: cost_of(counts) for step, counts in done.items()}


def cost_of(counts: StepCounts) -> Cost:
    """Return the cost of a step with these counts."""
    return Cost(
        rounds=counts.rounds,
        online=_ELEMENT_BYTES * counts.elements,
        dealer_to_first=sum(map(_bytes_to_first, counts.requests)),
        dealer_to_others=sum(request.key_bytes for request in counts.requests),
    )


def _bytes_to_first(request: TupleRequest) -> int:
    if not request.is_sent:
        return 0
    return request.key_bytes or _ELEMENT_BYTES * math.prod(request.out_shape)
