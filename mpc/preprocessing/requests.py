"""Preprocessing requests: the tuples that party 0 requests from the dealer, by segment.

Each step of a job is a segment. Every segment has its own AES streams, one per party, shared with
the dealer (`mpc.preprocessing.segments`). All parties can therefore skip an unneeded segment
without a message.
"""

import math
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Final, Self

import numpy as np

from mpc.errors import FrameError, InputError
from mpc.fss import point_layout, sign_layout
from mpc.gates.lut_comparison import Plan, plan_of
from mpc.gates.pairs import differences, num_pairs
from mpc.jobs.job import MAX_ITERATIONS, MAX_JOBS
from mpc.net.frames import CORRECTIONS, DIGIT_KINDS, SIGN_KINDS, UNSENT_KINDS, TupleKind
from mpc.preprocessing.mask_refs import ITERATION, ITERATION_BEFORE, THIS_ITERATION, MaskRef
from mpc.ring.bilinear import bilinear_shape
from mpc.ring.fixedpoint import Int64Array

Shape = tuple[int, ...]

STEPS: Final = ("norms", "distances", "start", "assignments", "choice", "means")
"""Steps that a job does once, in the order in which they are requested from the dealer."""
_MASK_STEPS: Final = (*STEPS, THIS_ITERATION, ITERATION_BEFORE)
"""Steps that a mask may come from; a message has the index in this list."""
_SEGMENT_BITS: Final = 24
"""Bits for the steps and iterations of a job, enough that segments of two jobs differ."""


def segment_of(job: int, step: str) -> int:
    """Return the segment number of a job's step, which is unique in the session.

    Parameters
    ----------
    job : int
        1, 2, ... `MAX_JOBS`, in the order of jobs.
    step : str
        One of `STEPS`, or "iteration i" with i from 1 to `MAX_ITERATIONS`.

    Raises
    ------
    InputError
        The job or the step is out of range; its number could collide with another.
    """
    if not 1 <= job <= MAX_JOBS:
        raise InputError(f"job {job} of a session; 1 to {MAX_JOBS} are possible")
    return (job << _SEGMENT_BITS) + _place_of(step)


def _place_of(step: str) -> int:
    if step in STEPS:
        return STEPS.index(step)
    iteration = step.removeprefix(ITERATION)
    if not (iteration.isdecimal() and 1 <= int(iteration) <= MAX_ITERATIONS):
        raise InputError(f"no step {step!r} of a job; iterations are 1 to {MAX_ITERATIONS}")
    return len(STEPS) + int(iteration)


def place_of(segment: int) -> tuple[int, str]:
    """Return the job and the step of a segment number; the inverse of `segment_of`.

    Raises
    ------
    InputError
        No segment has this number.
    """
    job, place = job_of(segment), segment & ((1 << _SEGMENT_BITS) - 1)
    step = STEPS[place] if place < len(STEPS) else f"{ITERATION}{place - len(STEPS)}"
    segment_of(job, step)
    return job, step


def in_words(segment: int) -> str:
    """Return the name of a segment for messages."""
    job, step = place_of(segment)
    return f"the tuples of step {step!r} of job {job}"


def job_of(segment: int) -> int:
    """Return the number of a segment's job."""
    return segment >> _SEGMENT_BITS


_IN_PARTS: Final[frozenset[TupleKind]] = frozenset({"truncation", "division"})
"""Kinds that deal two values for every r."""


@dataclass(frozen=True, slots=True)
class TupleRequest:
    """One tuple: its kind, the shapes of its factors, and parameters of some kinds."""

    kind: TupleKind
    shapes: tuple[Shape, ...]
    bits: int = 0
    """The shift of a truncation, the divisor of a division, or the bits of a look-up's index or a
    compared number."""
    masks: tuple[MaskRef, ...] = ()
    """Kept masks that the tuple depends on."""
    formula: str = ""
    """Formula of a product of two masks; see `mpc.ring.bilinear`."""

    @property
    def is_sent(self) -> bool:
        """Whether the dealer sends a message for the tuple."""
        return self.kind not in UNSENT_KINDS

    @property
    def out_shape(self) -> Shape:
        """Shape of the part that the dealer corrects."""
        if self.kind == "product":
            return bilinear_shape(self.formula, *self.shapes)
        if self.kind in ("mul", "binary"):
            return np.broadcast_shapes(*self.shapes)
        if self.kind == "matmul":
            return matmul_shape(*self.shapes)
        if self.kind in DIGIT_KINDS:
            return (self.plan.size(self.num_signs),)
        if self.kind == "lookup":
            return (*self.shapes[0], 1 << self.bits)
        return (2, *self.shapes[0]) if self.kind in _IN_PARTS else self.shapes[0]

    @property
    def key_bytes(self) -> int:
        """Bytes of the keys that both parties receive; 0 for tuples with a last part."""
        if self.kind == "point":
            return point_layout(math.prod(self.shapes[0]), num_bits=self.bits).num_bytes
        ring_bits = SIGN_KINDS.get(self.kind)
        if ring_bits is None:
            return 0
        return sign_layout(self.num_signs, num_bits=self.bits, ring_bits=ring_bits).num_bytes

    @property
    def plan(self) -> Plan:
        """Split of numbers into digits."""
        return plan_of(self.bits, DIGIT_KINDS[self.kind])

    @property
    def num_signs(self) -> int:
        """Number of comparisons: of numbers with zero, or of pairs.

        The second of two shapes has the sizes of the blocks; all pairs inside a block of a row are
        compared. For digits, the first shape is the first row of a mask and the number of rows.
        """
        first, *blocks = self.shapes
        rows = first[1] if self.kind in DIGIT_KINDS else first[0]
        return rows * num_pairs(blocks[0]) if blocks else rows

    def compared(self, values: Int64Array) -> Int64Array:
        """Return the values whose signs are requested, flat, from opened numbers or masks."""
        first, *blocks = self.shapes
        if self.kind in DIGIT_KINDS:
            start, count = first
            values = values[start : start + count]
        return differences(values, blocks[0]) if blocks else values.reshape(-1)

    def as_json(self) -> list[object]:
        """Return the value of every field, for a control message and for keys of streams."""
        kind, shapes, bits, masks, formula = _FIELDS(self)
        places = [[_MASK_STEPS.index(mask.step), mask.number] for mask in masks]
        return [kind, shapes, bits, places, formula]

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Rebuild a request that came in a control message.

        Raises
        ------
        FrameError
        """
        if not isinstance(values, list) or len(values) != len(fields(cls)):
            raise FrameError(f"a malformed request for a tuple: {values!r:.200}")
        kind, shapes, bits, masks, formula = values
        if _text(kind) not in CORRECTIONS and kind not in UNSENT_KINDS:
            raise FrameError(f"a malformed request for a tuple: no such kind {kind!r:.40}")
        return cls(
            kind,
            tuple(tuple(integer(n) for n in _list(shape)) for shape in _list(shapes)),
            integer(bits),
            tuple(_mask_ref(mask) for mask in _list(masks)),
            _text(formula),
        )


_FIELDS: Final = attrgetter(*(field.name for field in fields(TupleRequest)))


def integer(value: object) -> int:
    """Return an integer of a request.

    Raises
    ------
    FrameError
        The value has another type.
    """
    if type(value) is not int:
        raise FrameError(f"a malformed request: {value!r:.40} is no integer")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise FrameError(f"a malformed request: {value!r:.40} is no text")
    return value


def _mask_ref(value: object) -> MaskRef:
    place, number = map(integer, _list(value)) if len(_list(value)) == 2 else (-1, 0)
    if not 0 <= place < len(_MASK_STEPS):
        raise FrameError(f"a malformed request: {value!r:.40} is no mask")
    return MaskRef(_MASK_STEPS[place], number)


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise FrameError(f"a malformed request: {value!r:.40} is no list")
    return value


def matmul_shape(left: Shape, right: Shape) -> Shape:
    """Return the shape of a matrix product, with broadcasting of leading axes."""
    if min(len(left), len(right)) < 2:
        raise FrameError(f"matrices are needed for a product, got shapes {left} and {right}")
    if left[-1] != right[-2]:
        raise FrameError(f"matrices of shapes {left} and {right} do not fit each other")
    return (*np.broadcast_shapes(left[:-2], right[:-2]), left[-2], right[-1])


def requests_of(values: object) -> list[TupleRequest]:
    """Rebuild a list of requests."""
    return [TupleRequest.from_json(value) for value in _list(values)]
