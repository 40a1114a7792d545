"""What the processes of a job compute, as counts that the time of a job is a weighted sum of."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Final

from mpc.costs.job_cost import cost_of, total
from mpc.net.frames import DIGIT_KINDS, SIGN_KINDS
from mpc.preprocessing.requests import TupleRequest
from mpc.roles.dry_run import JobShape, StepCounts


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """Counts of one job."""

    jobs: float = 0
    rounds: float = 0
    requests: float = 0
    """Tuples that the dealer is asked for."""
    owners: float = 0
    """Data owners, each of which hears terms, shares, and receives a result from every party."""
    shared: float = 0
    """Ring elements that owners share, with each of the parties."""
    opened: float = 0
    """Ring elements that a party sends to another."""
    dealt: float = 0
    """Bytes that the dealer sends to all parties."""
    compared: float = 0
    """Bits of all compared numbers."""
    multiplied: float = 0
    """Multiplications of all products."""

    def as_row(self) -> tuple[float, ...]:
        """Return the counts in the order of `COUNTS`."""
        return astuple(self)


COUNTS: Final = tuple(field.name for field in fields(Work))


def work_of(shape: JobShape, done: Sequence[StepCounts], dealt: Sequence[StepCounts]) -> Work:
    """Add up the work of a job's steps.

    Parameters
    ----------
    shape : JobShape
    done : sequence of StepCounts
        Steps of the protocol.
    dealt : sequence of StepCounts
        Steps that the dealer deals for.
    """
    parties = shape.num_parties
    requests = [request for step in dealt for request in step.requests]
    return Work(
        jobs=1,
        rounds=sum(step.rounds for step in done),
        requests=len(requests),
        owners=parties * shape.num_owners,
        shared=parties * shape.num_points * (shape.dim + shape.payload),
        opened=parties * (parties - 1) * sum(step.elements for step in done),
        dealt=total(map(cost_of, dealt)).dealt(parties),
        compared=sum(map(_compared, requests)),
        multiplied=parties * sum(map(_multiplied, requests)),
    )


def _compared(request: TupleRequest) -> int:
    if request.kind in SIGN_KINDS or request.kind in DIGIT_KINDS:
        return request.num_signs * request.bits
    if request.kind in ("point", "lookup"):
        return math.prod(request.shapes[0]) * (1 << request.bits)
    return 0


def _multiplied(request: TupleRequest) -> int:
    if request.kind == "matmul":
        left, right = request.shapes
        return math.prod(request.out_shape) * left[-1]
    if request.kind == "product":
        letters = request.formula.split("->")[0].split(",")
        sizes = {
            axis: size
            for axes, shape in zip(letters, request.shapes, strict=True)
            for axis, size in zip(axes, shape, strict=True)
        }
        return math.prod(sizes.values())
    return math.prod(request.out_shape) if request.kind in ("mul", "square", "binary") else 0
