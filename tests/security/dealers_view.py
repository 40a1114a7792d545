"""All that a dealer knows of a job: every party's part of every tuple, from the dealer's keys.

Each party's stream is expanded as the dealer expands it, by the dealer's own code, and what is
drawn is kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mpc.net.frames import SIGN_KINDS
from mpc.preprocessing.expander import Expander, Masks
from mpc.preprocessing.mask_refs import MaskRef
from mpc.preprocessing.request_rules import MASKS_OF
from mpc.preprocessing.requests import TupleRequest, segment_of
from mpc.preprocessing.segments import digest_of, stream_of
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import KEY_BYTES, AesCtrStream
from mpc.roles.dry_run import JobShape, schedule_for


class Remembering:
    """A party's stream that keeps what was drawn of it."""

    def __init__(self, stream: AesCtrStream) -> None:
        self._stream = stream
        self.drawn: list[Int64Array] = []

    def ring(self, shape: Sequence[int]) -> Int64Array:
        self.drawn.append(self._stream.ring(shape))
        return self.drawn[-1]

    def bits(self, shape: Sequence[int], bit_length: int) -> Int64Array:
        self.drawn.append(self._stream.bits(shape, bit_length))
        return self.drawn[-1]


@dataclass(frozen=True, slots=True)
class Dealt:
    """One tuple, and what each party has of it, in rank order."""

    request: TupleRequest
    draws: list[list[Int64Array]]

    @property
    def masks_P(self) -> Int64Array:
        """Each party's share of the mask."""
        return np.stack([drawn[0] for drawn in self.draws])

    @property
    def parts_P(self) -> Int64Array:
        """Each party's share of what goes with the mask, or of the product of two of them."""
        return np.stack([drawn[-1] for drawn in self.draws])


class Place(NamedTuple):
    """A mask of an opening, by its place among those of a step, negative from the end."""

    step: str
    at: int


PAYLOAD = Place("norms", 1)
VALID = Place("norms", -3)
ROWS = Place("norms", -1)
ASSIGNMENT = Place("means", 0)
SUMS = Place("means", -1)
"""Those that are handed out, small ones withheld."""
SQNORMS = Place("distances", 0)
"""Under policy `distances`."""


@dataclass(frozen=True, slots=True)
class DealersView:
    """The tuples of a job, by step."""

    steps: dict[str, list[Dealt]]

    def mask(self, place: Place) -> Int64Array:
        """Return each party's share of a mask, (P, ...)."""
        return self._of_kind(place.step, "mask")[place.at].masks_P

    def product(self, step: str, *places: Place) -> Int64Array:
        """Return each party's share of the last product of two masks in a step, (P, ...)."""
        wanted = tuple(self._ref(place) for place in places)
        of_kind = self._of_kind(step, "product")
        return [each for each in of_kind if each.request.masks == wanted][-1].parts_P

    def lookup(self, step: str) -> tuple[Int64Array, Int64Array]:
        """Return the mask, (...), and each party's share of the rows, (P, ..., 2^bits)."""
        found = [each for each in self.steps[step] if each.request.kind == "lookup"][-1]
        return found.masks_P.sum(axis=0), found.parts_P

    def truncation(self, step: str, index: int) -> Int64Array:
        """Return each party's share of a mask, of it shifted, and of its top bit, (P, 3, ...)."""
        dealt = self._of_kind(step, "truncation")[index]
        return np.concatenate([dealt.masks_P[:, None], dealt.parts_P], axis=1)

    def shift(self, step: str, index: int) -> int:
        """Return by how many bits."""
        return self._of_kind(step, "truncation")[index].request.bits

    def _of_kind(self, step: str, kind: str) -> list[Dealt]:
        return [each for each in self.steps[step] if each.request.kind == kind]

    def _ref(self, place: Place) -> MaskRef:
        """Return how requests refer to a mask: by its number among all that the dealer keeps."""
        wanted, number = self._of_kind(place.step, "mask")[place.at], 0
        for each in self.steps[place.step]:
            if each is wanted:
                break
            number += MASKS_OF.get(each.request.kind, 0)
        return MaskRef(place.step, number)


def dealers_view(keys: bytes, shape: JobShape, job: int, iterations: int) -> DealersView:
    """Deal a job over again.

    Parameters
    ----------
    keys : bytes
        One after another, in rank order.
    shape : JobShape
    job : int
        Its number in the session.
    iterations : int
        How many were done.
    """
    schedule, masks = schedule_for(shape), Masks()
    steps = {}
    done = range(1, iterations + 1) if schedule.iterations else ()
    for step in (*schedule.once, *(f"iteration {i}" for i in done)):
        requests = schedule.tuples_of(step)
        digest, segment = digest_of(requests), segment_of(job, step)
        streams = [
            stream_of(keys[at : at + KEY_BYTES], segment, digest)
            for at in range(0, len(keys), KEY_BYTES)
        ]
        masks.begin(step)
        steps[step] = list(_dealt(requests, streams, masks))
    return DealersView(steps)


def _dealt(
    requests: Sequence[TupleRequest], streams: Sequence[AesCtrStream], masks: Masks
) -> Iterator[Dealt]:
    remembering = [Remembering(stream) for stream in streams]
    expander = Expander(remembering, masks)  # type: ignore[arg-type]
    for request in requests:
        corrections = []
        if not request.is_sent:
            expander.keep(request)
        elif request.kind in SIGN_KINDS:
            expander.sign_keys(request)
        elif request.kind == "point":
            expander.point_keys(request)
        else:
            corrections.append(expander.correction(request))
        draws = [list(stream.drawn) for stream in remembering]
        draws[0] += corrections
        yield Dealt(request, draws)
        for stream in remembering:
            stream.drawn.clear()
