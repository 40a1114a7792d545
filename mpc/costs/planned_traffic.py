"""Bytes of every role of a job, counted from the layout of messages before anybody runs it.

Shape letters: N points, D dimensions of a point, M of a payload, P parties.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from mpc.consent.terms import DIGEST_BYTES, Terms
from mpc.costs.job_cost import cost_of, total
from mpc.jobs.order import Order
from mpc.net.frames import HEADER_BYTES, KEY_KINDS, RUN_BYTES
from mpc.preprocessing.requests import STEPS, segment_of
from mpc.roles.dry_run import JobShape, StepCounts
from mpc.traffic import Phase

_ELEMENT_BYTES = 8
_REPORT_BYTES, _FIRST_REPORT_BYTES, _BYTES_OF_A_STEP = 2250, 1800, 750
"""About what a party tells the server at the end of a job; the first one tells of every step."""
_SESSION = "s" * 64
"""The name of a session: the longest there is, as sessions on one machine have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedTraffic:
    """Bytes of one role in one phase, with frame headers but without those of TLS and TCP."""

    role: str
    """`party:0` ..., `dealer`, `server`, or `client` for each data owner."""
    phase: Phase
    sent: float
    received: float


def planned_traffic(
    shape: JobShape, done: Sequence[StepCounts], dealt: Sequence[StepCounts]
) -> tuple[PlannedTraffic, ...]:
    """Return the bytes of every role, by phase.

    Parameters
    ----------
    shape : JobShape
    done : sequence of StepCounts
        Steps of the protocol.
    dealt : sequence of StepCounts
        Steps that the dealer deals for; an iteration ahead may be among them.

    Notes
    -----
    What a party reports to the server at the end is about right; the rest is exact, up to the
    digits of numbers in JSON.
    """
    parties = shape.num_parties
    owners = shape.num_owners
    share, terms, result = _input(shape)
    lines = []
    for rank in range(parties):
        role = f"party:{rank}"
        online = (parties - 1) * sum(HEADER_BYTES * s.rounds + cost_of(s).online for s in done)
        asked = sum(_asked_for(step) for step in dealt) if rank == 0 else 0
        lines += [
            PlannedTraffic(role=role, phase="online", sent=online, received=online),
            PlannedTraffic(role=role, phase="offline", sent=asked, received=_dealt(dealt, rank)),
            PlannedTraffic(
                role=role,
                phase="input",
                sent=owners * (terms + result),
                received=owners * share,
            ),
        ]
    order = len(json.dumps(_order_of(shape).as_json())) + len(json.dumps({"go": True}))
    order += 2 * HEADER_BYTES
    reports = _FIRST_REPORT_BYTES + _BYTES_OF_A_STEP * len(done) + (parties - 1) * _REPORT_BYTES
    if shape.job.evaluate:
        reports += parties * _ELEMENT_BYTES * shape.num_points
    asked = sum(_asked_for(step) for step in dealt)
    sent = sum(_dealt(dealt, rank) for rank in range(parties))
    return (
        *lines,
        PlannedTraffic(role="dealer", phase="offline", sent=sent, received=asked),
        PlannedTraffic(role="server", phase="control", sent=parties * order, received=reports),
        PlannedTraffic(
            role="client",
            phase="input",
            sent=parties * share,
            received=parties * (terms + result),
        ),
    )


def _input(shape: JobShape) -> tuple[float, int, float]:
    """Return the bytes that an owner sends to a party, hears, and receives at the end."""
    rows = shape.num_points / shape.num_owners
    order = _order_of(shape)
    terms = Terms.of(order, session=_SESSION, run="0" * (2 * RUN_BYTES), parties=shape.num_parties)
    share = HEADER_BYTES + DIGEST_BYTES + _ELEMENT_BYTES * rows * (shape.dim + shape.payload)
    result = HEADER_BYTES + _ELEMENT_BYTES * rows * (shape.payload + 1)
    return share, HEADER_BYTES + len(terms.encoded()), result


def _order_of(shape: JobShape) -> Order:
    owner_of = shape.owner_of_N or range(shape.num_points)
    rows: dict[str, list[int]] = {}
    for row, owner in enumerate(owner_of):
        rows.setdefault(f"client:{owner}", []).append(row)
    return Order(number=1, job=shape.job, rows=rows, dim=shape.dim, payload=shape.payload)


def _dealt(steps: Sequence[StepCounts], rank: int) -> int:
    """Return the bytes that the dealer sends to a party for these steps."""
    cost = total(map(cost_of, steps))
    requests = [request for step in steps for request in step.requests if request.is_sent]
    if rank > 0:
        requests = [request for request in requests if request.kind in KEY_KINDS]
    return HEADER_BYTES * len(requests) + (cost.dealer_to_others if rank else cost.dealer_to_first)


def _asked_for(step: StepCounts) -> int:
    """Return the bytes of party 0's request for a step."""
    tuples = [request.as_json() for request in step.requests]
    return HEADER_BYTES + len(json.dumps({"segment": segment_of(1, STEPS[0]), "tuples": tuples}))
