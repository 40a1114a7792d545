"""A party's keys for function secret sharing, received from the dealer; two parties only."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch

from mpc.fss import CorrectionWords, evaluate_sign, prefers_entries, sign_layout
from mpc.fss.correction_words import RingArray
from mpc.fss.dpf import MAX_DOMAIN_BITS
from mpc.gates.pairs import chunks
from mpc.net.frames import SIGN_KINDS, TupleKind
from mpc.preprocessing.mask_refs import MaskRef
from mpc.preprocessing.requests import TupleRequest
from mpc.ring.fixedpoint import Int64Array

FEW_ENTRIES: Final = 1 << 13
"""Most entries of look-ups that are sent; expanding more from keys is worth the time."""


@dataclass(frozen=True, slots=True, eq=False)
class SignsPart:
    """One party's masks and seeds for a chunk of signs."""

    request: TupleRequest
    masks: torch.Tensor = field(repr=False)
    """Its share of r."""
    seeds: torch.Tensor = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DealtSignKeys:
    """One party's sign keys from the dealer; correction words are read chunk by chunk on use."""

    party: int
    parts: tuple[SignsPart, ...]
    words_of: Callable[[TupleRequest], bytes | bytearray]

    @property
    def masks(self) -> Int64Array:
        """Its share of r."""
        return np.concatenate([part.masks.numpy() for part in self.parts])

    def evaluate(self, opened: Int64Array) -> RingArray:
        """Return additive shares of the signs at the public x + r, flat, mod 256 or 2^64."""
        shares, done = [], 0
        for part in self.parts:
            request, count = part.request, len(part.masks)
            layout = sign_layout(
                request.num_signs, num_bits=request.bits, ring_bits=SIGN_KINDS[request.kind]
            )
            words = CorrectionWords.from_bytes(layout, self.words_of(request))
            points = request.compared(opened[done : done + count]).view(np.uint64)
            shares.append(evaluate_sign(self.party, part.seeds.numpy(), words, points))
            done += count
        return np.concatenate(shares)


def by_points(count: int, bit_length: int, has_keys: bool) -> bool:
    """Whether one-hot rows are expanded from keys: if these are shorter than many entries."""
    if not has_keys or bit_length > MAX_DOMAIN_BITS or prefers_entries(bit_length, 64):
        return False
    return count << bit_length > FEW_ENTRIES


def sign_requests(
    kind: TupleKind, count: int, num_bits: int, blocks: tuple[int, ...]
) -> Iterator[TupleRequest]:
    """Yield requests for sign keys of numbers, or of rows of candidates, chunk by chunk."""
    for _, rows in chunks(count, blocks):
        shapes = ((rows, sum(blocks)), blocks) if blocks else ((rows,),)
        yield TupleRequest(kind, shapes, num_bits)


def digit_requests(
    kind: TupleKind, count: int, num_bits: int, blocks: tuple[int, ...], mask: MaskRef
) -> Iterator[TupleRequest]:
    """Yield requests for truth tables of masked numbers or rows of candidates, chunk by chunk."""
    for start, rows in chunks(count, blocks):
        shapes = ((start, rows), blocks) if blocks else ((start, rows),)
        yield TupleRequest(kind, shapes, num_bits, (mask,))
