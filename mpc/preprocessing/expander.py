"""The dealer's expansion of every party's part of each tuple, and the corrections.

Kinds of tuples (all additive shares mod 2^64 unless said otherwise):

========== =========================== =====================================================
mul        a, b, c = a * b             one elementwise product
matmul     a, b, c = a @ b             one matrix product
square     r, r^2                      one square
binary     a, b, c = a & b (xor)       one AND
wraps      r, wraps of its shares      CrypTen's truncation with three or more parties
bit        r in {0, 1}, both ways      xor share to additive share
truncation r, r >> m, top bit of r     two limbs of a number, see `mpc.protocols.division`
lookup     r, one-hot row of r mod 2^d look-up in a public table, see `mpc.protocols.lookup`
point      r, keys for the same row    the same for two parties, where keys are shorter
sign       r, keys for [z - r < 0]     comparison in one round, two parties only, see `mpc.fss`;
                                       or r, keys for all pairs of [(z - r)_i < (z - r)_j]
digits     truth tables for [z - a <   comparison in two rounds of what a mask a hides, or of all
           0], products of flips       pairs inside blocks; see `mpc.gates.lut_comparison`
mask       a                           one opening, reused by products; see `mpc.engine.openings`
product    f(a, b) of two such masks   any bilinear map of what they mask, no further opening
========== =========================== =====================================================

The dealer keeps and counts every mask (`mpc.preprocessing.mask_refs`). It keeps three masks of a
truncation: r, its shifted part and its top bit.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from mpc.errors import FrameError
from mpc.fss import generate_point, generate_sign
from mpc.gates import lut_comparison
from mpc.net.frames import DIGIT_KINDS, SIGN_KINDS
from mpc.preprocessing.mask_refs import MaskStore
from mpc.preprocessing.requests import TupleRequest, matmul_shape
from mpc.ring.bilinear import Formula, bilinear
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import AesCtrStream

Masks = MaskStore[Int64Array]
"""Masks that the dealer keeps; each is the sum of all parties' parts."""

_SMALL_PRODUCT: Final = 1 << 24
"""Most multiplications for which NumPy (1 ns each) is faster than loading torch (2 s)."""


class Expander:
    """The dealer's copy of all parties' streams, for one segment.

    Parameters
    ----------
    streams : sequence of AesCtrStream
        One stream per party, in rank order, at the same position as the party's copy.
    masks : MaskStore, optional
        Masks of the job, in the segment's step; new ones are added. None: an empty store.
    """

    def __init__(self, streams: Sequence[AesCtrStream], masks: Masks | None = None) -> None:
        self._streams = streams
        self._masks: Masks = MaskStore() if masks is None else masks

    def keep(self, request: TupleRequest) -> None:
        """Draw a mask, which takes no message, and keep it."""
        self._masks.keep(self._sum(request.shapes[0]))

    def correction(self, request: TupleRequest) -> Int64Array:
        """Return party 0's last part of the next tuple, with shape `request.out_shape`."""
        shapes, kind = request.shapes, request.kind
        if kind in ("mul", "matmul"):
            a, b = self._sum(shapes[0]), self._sum(shapes[1])
            c = ring_matmul(a, b) if kind == "matmul" else a * b
            return c - self._sum(c.shape, skip_first=True)
        if kind == "binary":
            a, b = self._xor(shapes[0]), self._xor(shapes[1])
            c = a & b
            return c ^ self._xor(c.shape, skip_first=True)
        if kind == "product":
            c = self._product(request)
            return c - self._sum(c.shape, skip_first=True)
        if kind in DIGIT_KINDS:
            return self._digits(request)
        return self._unary(request) - self._sum(request.out_shape, skip_first=True)

    def _digits(self, request: TupleRequest) -> Int64Array:
        """Return party 0's tables and products, flat."""
        masks = request.compared(self._masks[request.masks[0]]).view(np.uint64)
        if len(masks) != request.num_signs:
            raise ValueError(f"mask {request.masks[0]} has fewer rows than requested")
        plan, count = request.plan, len(masks)
        flips = plan.flips(self._xor((plan.flips_size(count),)), count)
        others = [stream.ring(request.out_shape) for stream in self._streams[1:]]
        return lut_comparison.fitting(plan, lut_comparison.make(plan, masks, flips), others).view(
            np.int64
        )

    def _product(self, request: TupleRequest) -> Int64Array:
        shapes = zip(request.masks, request.shapes, strict=True)
        a, b = (self._masks[mask].reshape(shape) for mask, shape in shapes)
        if not request.out_shape:
            raise ValueError(f"no such formula {request.formula!r}")
        formula: Formula = request.formula  # type: ignore[assignment]
        return bilinear(formula, a, b, ring_matmul)

    def sign_keys(self, request: TupleRequest) -> memoryview:
        """Return the correction words for signs, the same for both parties."""
        self._check_two()
        numbers = request.compared(self._sum(request.shapes[0])).view(np.uint64)
        seeds_0, seeds_1 = (stream.ring((len(numbers), 2)) for stream in self._streams)
        words = generate_sign(
            numbers,
            seeds_0,
            seeds_1,
            num_bits=request.bits,
            ring_bits=SIGN_KINDS[request.kind],
        )
        return words.flat.data

    def point_keys(self, request: TupleRequest) -> memoryview:
        """Return the correction words for point functions, the same for both parties."""
        self._check_two()
        points = self._sum(request.shapes[0]).reshape(-1) & ((1 << request.bits) - 1)
        seeds_0, seeds_1 = (stream.ring((len(points), 2)) for stream in self._streams)
        words = generate_point(points.view(np.uint64), seeds_0, seeds_1, num_bits=request.bits)
        return words.flat.data

    def _check_two(self) -> None:
        if len(self._streams) != 2:
            raise FrameError(f"keys are for 2 parties, not {len(self._streams)}")

    def _unary(self, request: TupleRequest) -> Int64Array:
        """Draw r and return the functions of it that are shared."""
        shape = request.shapes[0]
        if request.kind == "square":
            r = self._sum(shape)
            return r * r
        if request.kind == "wraps":
            return count_wraps([stream.ring(shape) for stream in self._streams])
        if request.kind == "bit":
            return self._xor(shape, bit_length=1)
        if request.kind == "lookup":
            return one_hot_rows(self._sum(shape), request.bits)
        r = self._sum(shape)
        if request.kind == "division":
            return np.stack(division_pair(r, request.bits))
        shifted, top = truncation_pair(r, request.bits)
        for part in (r, shifted, top):
            self._masks.keep(part)
        return np.stack([shifted, top])

    def _sum(self, shape: Sequence[int], *, skip_first: bool = False) -> Int64Array:
        total = np.zeros(tuple(shape), dtype=np.int64)
        for stream in self._streams[skip_first:]:
            total += stream.ring(shape)
        return total

    def _xor(
        self, shape: Sequence[int], *, skip_first: bool = False, bit_length: int = 64
    ) -> Int64Array:
        total = np.zeros(tuple(shape), dtype=np.int64)
        for stream in self._streams[skip_first:]:
            total ^= stream.ring(shape) if bit_length == 64 else stream.bits(shape, bit_length)
        return total


def ring_matmul(a: Int64Array, b: Int64Array) -> Int64Array:
    """Multiply matrices mod 2^64; torch is loaded only for large products."""
    if math.prod(matmul_shape(a.shape, b.shape)) * a.shape[-1] <= _SMALL_PRODUCT:
        small: Int64Array = np.matmul(a, b)
        return small
    import torch  # takes seconds to load, and most dealers do not need it

    torch.set_num_threads(1)
    product: Int64Array = torch.matmul(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    return product


def truncation_pair(r: Int64Array, shift: int) -> tuple[Int64Array, Int64Array]:
    """Return r >> shift as a logical shift, and r's top bit; the shift is 1..63."""
    # int64 shifts arithmetically, so copies of the sign bit are masked out.
    return (r >> shift) & np.int64((1 << (64 - shift)) - 1), (r >> 63) & 1


def division_pair(r: Int64Array, divisor: int) -> tuple[Int64Array, Int64Array]:
    """Return unsigned r over a divisor, rounded down, and r's top bit."""
    return (r.view(np.uint64) // np.uint64(divisor)).view(np.int64), (r >> 63) & 1


def one_hot_rows(r: Int64Array, bit_length: int) -> Int64Array:
    """Return rows of length 2^bit_length with a 1 at r mod 2^bit_length; r is of any shape."""
    size = 1 << bit_length
    rows: Int64Array = ((r & (size - 1))[..., None] == np.arange(size)).astype(np.int64)
    return rows


def count_wraps(parts: Sequence[Int64Array]) -> Int64Array:
    """Count how often the sum of the signed parts wraps around, with sign."""
    total, wraps = np.zeros_like(parts[0]), np.zeros_like(parts[0])
    for part in parts:
        new = total + part
        wraps += (total > 0) & (part > 0) & (new < 0)
        wraps -= ((total < 0) & (part < 0) & (new >= 0)).astype(np.int64)
        total = new
    return wraps
