"""The requests that the dealer accepts: those that the dry run of some job could produce.

The dealer does not know the job. It knows the number of parties, the masks it keeps, and the form
of every kind of tuple. It refuses any other request: shapes with a size of 0, whose corrections
would be the plain streams of the other parties, or tuples larger than any job's.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mpc.errors import FrameError, MpcError
from mpc.fss.dpf import MAX_DOMAIN_BITS
from mpc.gates.lut_comparison import MOST_BITS
from mpc.jobs.job import MAX_ENTRIES, MAX_POINTS
from mpc.net.frames import DIGIT_KINDS, KEY_KINDS, SIGN_KINDS, TupleKind
from mpc.preprocessing.mask_refs import MaskStore
from mpc.preprocessing.requests import Shape, TupleRequest

MAX_NUMBERS: Final = 2 * MAX_ENTRIES
"""Most numbers in one factor or result of a tuple: 2 GB."""
MAX_AXES: Final = 8

Shapes = MaskStore[Shape]
"""Shapes of the masks that the dealer keeps."""


@dataclass(frozen=True, slots=True)
class Form:
    """Valid ranges for the requests of a kind."""

    shapes: range
    """Number of shapes."""
    masks: range = range(1)
    """Number of masks that the tuple depends on."""
    bits: range = range(1)
    """Values of `TupleRequest.bits`."""


_ONE, _TWO, _ONE_OR_TWO = range(1, 2), range(2, 3), range(1, 3)

FORMS: Final[Mapping[TupleKind, Form]] = {
    "mul": Form(_TWO),
    "matmul": Form(_TWO),
    "square": Form(_ONE),
    "binary": Form(_TWO),
    "wraps": Form(_ONE),
    "bit": Form(_ONE),
    "truncation": Form(_ONE, bits=range(1, 64)),
    "division": Form(_ONE, bits=range(1, MAX_POINTS + 1)),
    "sign8": Form(_ONE_OR_TWO, bits=range(2, 65)),
    "sign64": Form(_ONE_OR_TWO, bits=range(2, 65)),
    "digits4": Form(_ONE_OR_TWO, _ONE, range(2, MOST_BITS + 1)),
    "digits8": Form(_ONE_OR_TWO, _ONE, range(2, MOST_BITS + 1)),
    "digits64": Form(_ONE_OR_TWO, _ONE, range(2, MOST_BITS + 1)),
    "lookup": Form(_ONE, bits=range(1, 33)),
    "point": Form(_ONE, bits=range(1, MAX_DOMAIN_BITS + 1)),
    "mask": Form(_ONE),
    "product": Form(_TWO, _TWO),
}


MASKS_OF: Final[Mapping[TupleKind, int]] = {"mask": 1, "truncation": 3}
"""Number of masks that the dealer keeps of a tuple; 0 for other kinds."""


def check_requests(requests: Sequence[TupleRequest], kept: Shapes, num_parties: int) -> None:
    """Refuse a list that no dry run could produce, before any of it is dealt.

    Parameters
    ----------
    requests : sequence of TupleRequest
        All requests of a segment.
    kept : MaskStore of tuple of int
        Shapes of the masks kept so far, in the segment's step; those of these requests are added.
    num_parties : int

    Raises
    ------
    FrameError
        The message names the first invalid request and the reason.
    """
    for request in requests:
        try:
            _check_alone(request)
            _check_masks(request, kept)
            if request.kind in KEY_KINDS and num_parties != 2:
                raise ValueError(f"keys are for 2 parties, not {num_parties}")
        except (ValueError, LookupError, MpcError) as error:
            kind = request.kind
            raise FrameError(f"dealer cannot serve a request of party:0: {kind}: {error}") from None
        _keep(request, kept)


@lru_cache(maxsize=4096)
def _check_alone(request: TupleRequest) -> None:
    """Refuse requests that are invalid for any kept masks; cached, since iterations repeat."""
    _check_form(request)
    _check_sizes(request)


def _check_form(request: TupleRequest) -> None:
    form = FORMS[request.kind]
    for what, number, possible in (
        ("shapes", len(request.shapes), form.shapes),
        ("masks", len(request.masks), form.masks),
        ("bits", request.bits, form.bits),
    ):
        if number not in possible:
            raise ValueError(f"{number} {what}; {possible[0]} to {possible[-1]} are possible")
    if request.formula and request.kind != "product":
        raise ValueError("a formula is for products alone")


def _check_sizes(request: TupleRequest) -> None:
    """Refuse sizes below 1, and shapes that do not fit each other or are too large."""
    compared = request.kind in (*SIGN_KINDS, *DIGIT_KINDS)
    blocks = request.shapes[1:] if compared else ()
    if any(min(block, default=1) < 1 for block in blocks):
        raise ValueError(f"blocks {blocks}: none of size 0 is possible")
    others = () if compared else request.shapes[1:]
    shapes = [_counted(request), *others] if request.shapes else []
    for shape in shapes:
        if len(shape) > MAX_AXES or min(shape, default=1) < 1:
            raise ValueError(f"shape {shape}: up to {MAX_AXES} axes, none of size 0, are possible")
        _check_number(math.prod(shape))
    if compared:
        _check_comparisons(request)
    elif request.kind == "lookup":
        _check_number(math.prod(shapes[0]) << request.bits)
    elif request.is_sent:
        _check_number(math.prod(request.out_shape))


def _counted(request: TupleRequest) -> Shape:
    """Return the first shape; for digits, where it is (first row, count), only the count."""
    first = request.shapes[0]
    if request.kind not in DIGIT_KINDS:
        return first
    if len(first) != 2 or first[0] < 0:
        raise ValueError(f"rows {first}; the first, and how many, are needed")
    return first[1:]


def _check_comparisons(request: TupleRequest) -> None:
    if not request.shapes[0]:
        raise ValueError("rows of shape () have no numbers")
    if not 1 <= request.num_signs <= MAX_NUMBERS:
        raise ValueError(f"{request.num_signs} comparisons; 1 to {MAX_NUMBERS} are possible")


def _check_number(numbers: int) -> None:
    if numbers > MAX_NUMBERS:
        raise ValueError(f"{numbers} numbers, but no job has more than {MAX_NUMBERS} in one tuple")


def _check_masks(request: TupleRequest, masks: Shapes) -> None:
    """Refuse masks that are not kept, and shapes that differ from those of the masks."""
    kind, shapes = request.kind, [masks[mask] for mask in request.masks]
    if kind == "product":
        for mask, kept, shape in zip(request.masks, shapes, request.shapes, strict=True):
            if math.prod(kept) != math.prod(shape):
                raise ValueError(f"mask {mask} of shape {kept} is not of {shape}")
    elif kind in DIGIT_KINDS:
        _check_rows(request, shapes[0])
        start, count = request.shapes[0]
        if start + count > shapes[0][0]:
            raise ValueError(f"mask {request.masks[0]} has fewer rows than requested")
    elif kind in SIGN_KINDS:
        _check_rows(request, request.shapes[0])


def _check_rows(request: TupleRequest, rows: Shape) -> None:
    """Refuse rows that are neither numbers nor candidates of the given blocks."""
    blocks = request.shapes[1:]
    if len(rows) != 1 + len(blocks) or (blocks and rows[1] != sum(blocks[0])):
        raise ValueError(f"rows of shape {rows} are not of blocks {blocks}")


def _keep(request: TupleRequest, masks: Shapes) -> None:
    """Store the shapes of the masks that the dealer will keep."""
    for _ in range(MASKS_OF.get(request.kind, 0)):
        masks.keep(request.shapes[0])
