"""The exact cost of a job: rounds, online and offline bytes, counted in a dry run.

Bytes are those of payloads, without frame headers, TLS and TCP.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

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


def job_cost(shape: JobShape, *, iterations: int, converged: bool = False) -> dict[str, Cost]:
    """Return the cost of every step of a job, by name.

    Parameters
    ----------
    shape : JobShape
        The job's bounds must be known.
    iterations : int
        Reassignments done, as in the result.
    converged : bool
        Whether the job ended because the last iteration changed nothing. If assignments are secret,
        the result includes the iteration that finds this.

    Notes
    -----
    The dealer deals all tuples of an iteration that is cut short; the cost includes only the
    requests that it reached.
    """
    counts = dry_run(shape)
    steps = [step for step in counts if not step.startswith(ITERATION)]
    cost = {step: _cost_of(counts[step]) for step in steps}
    last = sum(step.startswith(ITERATION) for step in counts)
    for number in range(1, iterations + 1) if last else ():
        cost[f"{ITERATION}{number}"] = _cost_of(counts[f"{ITERATION}{min(number, last)}"])
    if converged and iterations < shape.job.iterations:
        number = min(iterations + 1, last)
        cut_short = dry_run(shape, converges=number)[f"{ITERATION}{number}"]
        cost[f"{ITERATION}{iterations + 1}"] = _cost_of(cut_short)
    return cost


def _cost_of(counts: StepCounts) -> Cost:
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
