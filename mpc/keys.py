"""A party's keys of function secret sharing, as they come from the dealer; two parties only."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import torch

from mpc.duels import num_duels
from mpc.fixedpoint import Int64Array
from mpc.frames import SIGN_KINDS, TupleKind
from mpc.fss import CorrectionWords, evaluate_sign, prefers_entries, sign_layout, weight_shares
from mpc.fss.point import MAX_DOMAIN_BITS
from mpc.fss.words import RingArray
from mpc.tuples import TupleRequest

FEW_ENTRIES: Final = 1 << 13
"""Entries of look-ups that are sent rather than expanded from keys, which takes longer."""
SIGNS_CHUNK: Final = 1 << 14
"""Signs whose keys are in flight at once: 10 MB with 40 bits, and as many as a walk takes."""


class Signs(Protocol):
    """Keys for signs of masked numbers: each is good for one opening."""

    @property
    def masks(self) -> Int64Array:
        """A party's share of r."""

    def evaluate(self, opened: Int64Array) -> RingArray:
        """Return its additive shares of signs, flat, at the public x + r, mod 256 or 2^64."""


@dataclass(frozen=True, slots=True, eq=False)
class SignsPart:
    """One party's side of a chunk of signs, but for the correction words."""

    request: TupleRequest
    masks: torch.Tensor = field(repr=False)
    """Its share of r."""
    seeds: torch.Tensor = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SignKeys:
    """One party's keys from the dealer; words are read chunk by chunk, as they are used."""

    party: int
    parts: tuple[SignsPart, ...]
    words_of: Callable[[TupleRequest], bytes | bytearray]

    @property
    def masks(self) -> Int64Array:
        """Its share of r."""
        return np.concatenate([part.masks.numpy() for part in self.parts])

    def evaluate(self, opened: Int64Array) -> RingArray:
        """Return its additive shares of signs, flat, at the public x + r, mod 256 or 2^64."""
        shares, done = [], 0
        for part in self.parts:
            request, count = part.request, len(part.masks)
            layout = sign_layout(
                request.num_signs, num_bits=request.bits, ring_bits=SIGN_KINDS[request.kind]
            )
            words = CorrectionWords.from_bytes(layout, self.words_of(request))
            points = request.compared(opened[done : done + count]).view(np.uint64)
            weights = None
            if request.kind == "lesser":
                masks = request.compared(part.masks.numpy()).view(np.uint64)
                weights = weight_shares(self.party, masks)
            seeds = part.seeds.numpy()
            shares.append(evaluate_sign(self.party, seeds, words, points, weights))
            done += count
        return np.concatenate(shares)


def by_points(count: int, bit_length: int, has_keys: bool) -> bool:
    """Tell whether rows of look-ups come from keys: where entries are more, and many."""
    if not has_keys or bit_length > MAX_DOMAIN_BITS or prefers_entries(bit_length, 64):
        return False
    return count << bit_length > FEW_ENTRIES


def sign_requests(
    kind: TupleKind, count: int, num_bits: int, groups: tuple[int, ...]
) -> Iterator[TupleRequest]:
    """Yield requests for keys of so many numbers, pairs or rows of candidates, chunk by chunk."""
    step = max(1, SIGNS_CHUNK // num_duels(groups)) if groups else SIGNS_CHUNK
    for start in range(0, count, step):
        rows = min(step, count - start)
        yield TupleRequest(kind, _shapes(kind, rows, groups), num_bits)


def _shapes(kind: TupleKind, rows: int, groups: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    if groups:
        return (rows, sum(groups)), groups
    return ((rows, 2),) if kind == "lesser" else ((rows,),)
