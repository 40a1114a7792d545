"""Interface of correlated randomness for protocols; the dealer's side is `mpc.preprocessing`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import torch

from mpc.engine.mask_id import MaskId
from mpc.fss.correction_words import RingArray
from mpc.gates.comparison_choice import Comparing
from mpc.gates.lut_comparison import Bits, Plan, Words
from mpc.net.frames import TupleKind
from mpc.ring.bilinear import Formula
from mpc.ring.fixedpoint import Int64Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Mask:
    """A uniform value that the dealer keeps, and this party's share of it."""

    id: MaskId
    share: torch.Tensor = field(repr=False)


class Truncation(NamedTuple):
    """A uniform r and its parts, all three kept by the dealer."""

    whole: Mask
    """r"""
    shifted: Mask
    """r >> shift, as a logical shift."""
    top: Mask
    """r's top bit."""


class Share(Protocol):
    """CrypTen's tensor with one party's share."""

    share: torch.Tensor


class SignKeys(Protocol):
    """Keys for signs of masked numbers; each is used for one opening."""

    @property
    def masks(self) -> Int64Array:
        """A party's share of r."""

    def evaluate(self, opened: Int64Array) -> RingArray:
        """Return additive shares of the signs at the public x + r, flat, mod 256 or 2^64."""


class Digits(Protocol):
    """A chunk of numbers, or of pairs of candidates, to compare by digits."""

    @property
    def plan(self) -> Plan:
        """Split of numbers into digits."""

    def compared(self, values: Int64Array) -> Int64Array:
        """Return the opened values, or their differences, whose signs are requested, flat."""


class Provider(Protocol):
    """A source of correlated randomness."""

    comparing: Comparing
    """Comparison methods of this job."""

    def mask(self, size: Sequence[int]) -> Mask:
        """Return a uniform mask that the dealer keeps."""

    def product(
        self, formula: Formula, masks: tuple[MaskId, MaskId], shapes: tuple[Sequence[int], ...]
    ) -> torch.Tensor:
        """Return a share of a bilinear map of two masks, taken in these shapes."""

    def truncation(self, size: Sequence[int], shift: int) -> Truncation:
        """Return a uniform mask, its high part and its top bit; the shift is 1..63."""

    def division(
        self, size: Sequence[int], divisor: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return shares of a uniform r, of r over a divisor (rounded down) and of r's top bit."""

    def lookup(self, size: Sequence[int], bit_length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return shares of a uniform r and of the one-hot rows of r mod 2^bit_length.

        The rows have one axis more than `size`, of length 2^bit_length.
        """

    def signs(self, count: int, num_bits: int) -> SignKeys:
        """Return keys for signs of `num_bits`-bit numbers, mod 2^64; two parties only.

        Correction words are read on evaluation, which must happen before anything else is drawn.
        """

    def pair_signs(self, batch: int, blocks: tuple[int, ...], num_bits: int) -> SignKeys:
        """Return keys for all pairs inside blocks of candidates, mod 256; as `signs`.

        Every candidate has one mask, however many pairs it is in. Shares are of [higher < lower].
        """

    def digits(
        self,
        kind: TupleKind,
        count: int,
        num_bits: int,
        mask: MaskId,
        blocks: tuple[int, ...] = (),
    ) -> Iterator[tuple[Digits, Bits, Words]]:
        """Yield truth tables for masked numbers, chunk by chunk; each is received on use.

        Parameters
        ----------
        kind : {"digits4", "digits8", "digits64"}
        count : int
            Numbers, or rows of candidates.
        num_bits : int
        mask : MaskId
            Mask of shape (count,), or (count, sum(blocks)) for all pairs inside blocks.
        blocks : tuple of int

        Yields
        ------
        Digits
        uint8 array (U, B)
            The party's shares of flips.
        uint64 array
            The party's share of tables and products, in the format of
            `mpc.gates.lut_comparison.Plan.parts`.
        """

    def generate_additive_triple(
        self, size0: Sequence[int], size1: Sequence[int], op: TupleKind
    ) -> tuple[Share, Share, Share]:
        """Return shares of a, b and a op b, for op `mul` (broadcasting) or `matmul`."""

    def generate_binary_triple(
        self, size0: Sequence[int], size1: Sequence[int]
    ) -> tuple[Share, Share, Share]:
        """Return xor shares of a, b and a & b."""

    def B2A_rng(self, size: Sequence[int]) -> tuple[Share, Share]:  # noqa: N802
        """Return additive and xor shares of one random bit per element."""
