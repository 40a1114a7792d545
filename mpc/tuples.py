"""Requests for correlated randomness: what party 0 asks the dealer for, and in which segment.

A job is cut into segments (a step of its protocol each). Every segment has its own counter range of
the AES streams that parties share with the dealer, so that a segment that turns out not to be
needed can be skipped by all without a word.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self, cast

import numpy as np

from mpc.bilinear import bilinear_shape
from mpc.digits import Plan, plan_of
from mpc.duels import differences, num_duels
from mpc.errors import FrameError
from mpc.fixedpoint import Int64Array
from mpc.frames import CORRECTIONS, DIGIT_KINDS, SIGN_KINDS, UNSENT_KINDS, TupleKind
from mpc.fss import point_layout, sign_layout

Shape = tuple[int, ...]

STEPS: Final = ("norms", "distances", "start", "assignments", "choice", "means")
"""Steps of a job that are done once."""
_SEGMENT_BITS: Final = 24
_Json = tuple[TupleKind, list[list[int]], int, list[str], str]


def segment_of(job: int, step: str) -> int:
    """Return the number of a job's step, different from all others of the session.

    Parameters
    ----------
    job : int
        1, 2, ... in the order of jobs.
    step : str
        One of `STEPS`, or "iteration i" with i from 1.
    """
    if step in STEPS:
        index = STEPS.index(step)
    else:
        index = len(STEPS) + int(step.removeprefix("iteration "))
    return (job << _SEGMENT_BITS) + index


def job_of(segment: int) -> int:
    """Return the number of the job that a segment is of."""
    return segment >> _SEGMENT_BITS


@dataclass(frozen=True, slots=True)
class TupleRequest:
    """One tuple: its kind, the shapes of its factors, and a number that some kinds need."""

    kind: TupleKind
    shapes: tuple[Shape, ...]
    bits: int = 0
    """How far a truncation shifts; of how many bits a look-up's index, or a compared number, is."""
    names: tuple[str, ...] = ()
    """Of masks that the dealer notes, or noted earlier in the job; see `mpc.dealer`."""
    formula: str = ""
    """Of a product of two noted masks; see `mpc.bilinear`."""

    @property
    def is_sent(self) -> bool:
        """Whether the dealer sends anything."""
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
        return (2, *self.shapes[0]) if self.kind == "truncation" else self.shapes[0]

    @property
    def key_bytes(self) -> int:
        """Bytes of the keys that both parties get; 0 for tuples with a last part."""
        if self.kind == "point":
            return point_layout(math.prod(self.shapes[0]), num_bits=self.bits).num_bytes
        ring_bits = SIGN_KINDS.get(self.kind)
        if ring_bits is None:
            return 0
        return sign_layout(self.num_signs, num_bits=self.bits, ring_bits=ring_bits).num_bytes

    @property
    def plan(self) -> Plan:
        """How numbers are cut into digits."""
        return plan_of(self.bits, DIGIT_KINDS[self.kind])

    @property
    def num_signs(self) -> int:
        """How many numbers are compared with zero, or pairs with each other.

        The second of two shapes has the sizes of the groups inside which all pairs of a row are.
        Digits are of some rows of a noted mask; their first shape is the first row, and how many.
        """
        first, *groups = self.shapes
        rows = first[1] if self.kind in DIGIT_KINDS else first[0]
        return rows * num_duels(groups[0]) if groups else rows

    def compared(self, values: Int64Array) -> Int64Array:
        """Return what has the sign that is asked for, flat: of opened numbers, or of masks."""
        first, *groups = self.shapes
        if self.kind in DIGIT_KINDS:
            start, count = first
            values = values[start : start + count]
        return differences(values, groups[0]) if groups else values.reshape(-1)

    def as_json(self) -> list[object]:
        """Return plain values for a control message."""
        return [self.kind, self.shapes, self.bits, self.names, self.formula]

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Rebuild a request that came in a control message.

        Raises
        ------
        FrameError
        """
        try:
            kind, shapes, bits, names, formula = cast(_Json, values)
            if kind not in CORRECTIONS and kind not in UNSENT_KINDS:
                raise ValueError(f"no such kind {kind!r}")
            return cls(
                kind,
                tuple(tuple(int(n) for n in shape) for shape in shapes),
                int(bits),
                tuple(str(name) for name in names),
                str(formula),
            )
        except (TypeError, ValueError) as error:
            raise FrameError(f"a malformed request for a tuple: {error}") from None


def matmul_shape(left: Shape, right: Shape) -> Shape:
    """Return the shape of a matrix product, with broadcasting of leading axes."""
    if min(len(left), len(right)) < 2:
        raise FrameError(f"matrices are needed for a product, got shapes {left} and {right}")
    return (*np.broadcast_shapes(left[:-2], right[:-2]), left[-2], right[-1])


def requests_of(values: object) -> list[TupleRequest]:
    """Rebuild a list of requests."""
    if not isinstance(values, Sequence):
        raise FrameError("a malformed list of requests")
    return [TupleRequest.from_json(value) for value in values]
