"""Correction words: the dealer's message for a batch of trees, as one flat array.

A batch of B trees over `num_bits` bits with payloads of `ring_bits` bits has L = num_bits -
leaf_bits levels. The last leaf_bits levels are one wide leaf with as many elements as two AES
blocks hold (early termination, Boyle, Gilboa and Ishai 2016, section 3.2). A tree takes

    16 L                      seed words
    + L ring_bits / 8         value words (comparisons only)
    + 2^leaf_bits ring_bits / 8   leaf words
    + ceil(L / 8)             control bits, one per level

bytes, and a batch 16 more for the public key. With 63 bits (the sign of a 64-bit number) a tree in
Z_256 has L = 58 and 928 + 58 + 32 + 8 = 1026 bytes, instead of 1080 without early termination. In
Z_2^64 it has L = 61 and 976 + 488 + 32 + 8 = 1504 bytes.

References
----------
Boyle, Gilboa, Ishai, "Function secret sharing: improvements and extensions", CCS 2016 (eprint
2018/707), section 3.2 (early termination).
"""

from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mpc.errors import FrameError, InputError
from mpc.fss.prg import KEY_BYTES, Words, check_key

RingArray: TypeAlias = NDArray[np.unsignedinteger[Any]]
_DTYPES: Final[dict[int, type[np.unsignedinteger[Any]]]] = {8: np.uint8, 64: np.uint64}
_BLOCK_BITS: Final = {8: 4, 64: 1}
"""Log2 of the ring elements in a block of 16 bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The public shape of a batch of trees.

    Parameters
    ----------
    num_bits : int
        1..64; the domain is 0 .. 2^num_bits - 1.
    count : int
        Number of trees B, at least 0.
    ring_bits : int
        8 or 64: payloads and shares are in Z_2^ring_bits.
    has_values : bool
        Whether levels have value words: DCFs do, DPFs do not.

    Raises
    ------
    InputError
        A number is out of range.
    """

    num_bits: int
    count: int
    ring_bits: int
    has_values: bool

    def __post_init__(self) -> None:
        if not 1 <= self.num_bits <= 64:
            raise InputError(f"num_bits is {self.num_bits}; choose 1..64")
        if self.ring_bits not in _DTYPES:
            raise InputError(f"ring_bits is {self.ring_bits}; choose 8 (Z_256) or 64 (Z_2^64)")
        if self.count < 0:
            raise InputError(f"count is {self.count}; a batch has 0 or more trees")

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """The type of ring elements: uint8 or uint64."""
        return np.dtype(_DTYPES[self.ring_bits])

    @property
    def block_bits(self) -> int:
        """Log2 of the ring elements in one AES block."""
        return _BLOCK_BITS[self.ring_bits]

    @property
    def leaf_bits(self) -> int:
        """Log2 of the ring elements in a wide leaf: two blocks, or the whole domain."""
        return min(self.num_bits, self.block_bits + 1)

    @property
    def levels(self) -> int:
        """Levels L above the wide leaves."""
        return self.num_bits - self.leaf_bits

    @property
    def control_bytes(self) -> int:
        """Bytes for one control bit per level."""
        return (self.levels + 7) // 8

    @property
    def bytes_per_tree(self) -> int:
        """Bytes of correction words for one tree."""
        value_levels = self.levels if self.has_values else 0
        elements = value_levels + (1 << self.leaf_bits)
        return 16 * self.levels + elements * self.ring_bits // 8 + self.control_bytes

    @property
    def num_bytes(self) -> int:
        """Bytes of correction words for the batch."""
        return self.count * self.bytes_per_tree + KEY_BYTES


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CorrectionWords:
    """The correction words of a batch of trees, the same for both parties.

    They reveal nothing to a party that knows only its own root seeds.

    Parameters
    ----------
    layout : Layout
        Of the batch; public.
    flat : uint8 array (layout.num_bytes,)
        All words, contiguous; the other attributes are views of it.

    Raises
    ------
    FrameError
        `flat` has a wrong type or size.
    """

    layout: Layout
    flat: NDArray[np.uint8] = field(repr=False)

    def __post_init__(self) -> None:
        if self.flat.dtype != np.uint8 or self.flat.shape != (self.layout.num_bytes,):
            raise FrameError(
                f"correction words are {self.flat.dtype} of shape {self.flat.shape}; "
                f"uint8 of shape ({self.layout.num_bytes},) are needed for {self.layout}"
            )

    @classmethod
    def room(cls, layout: Layout, key: bytes) -> Self:
        """Return uninitialised words with the public key in place.

        Raises
        ------
        InputError
            The key does not have 16 bytes.
        """
        check_key(key)
        flat = np.empty(layout.num_bytes, dtype=np.uint8)
        flat[-KEY_BYTES:] = np.frombuffer(key, dtype=np.uint8)
        return cls(layout=layout, flat=flat)

    @classmethod
    def from_bytes(cls, layout: Layout, data: bytes | bytearray | memoryview) -> Self:
        """Return words that view `data` from `to_bytes`, without a copy.

        Raises
        ------
        FrameError
            `data` does not have the size given by `layout`.
        """
        return cls(layout=layout, flat=np.frombuffer(data, dtype=np.uint8))

    def to_bytes(self) -> bytes:
        """Return a copy of `flat` as bytes."""
        return self.flat.tobytes()

    @property
    def seeds(self) -> Words:
        """Seed words, uint64 (L, B, 2)."""
        layout = self.layout
        stop = 16 * layout.levels * layout.count
        return self.flat[:stop].view(np.uint64).reshape(layout.levels, layout.count, 2)

    @property
    def values(self) -> RingArray:
        """Value words, ring elements (L, B), or (0, B) for DPFs."""
        levels = self.layout.levels if self.layout.has_values else 0
        start = 16 * self.layout.levels * self.layout.count
        return self._elements(start, (levels, self.layout.count))

    @property
    def leaves(self) -> RingArray:
        """Leaf words, ring elements (B, 2^leaf_bits)."""
        start = 16 * self.layout.levels * self.layout.count + self.values.nbytes
        return self._elements(start, (self.layout.count, 1 << self.layout.leaf_bits))

    @property
    def control(self) -> NDArray[np.uint8]:
        """Control bits, uint8 (B, ceil(L / 8)): little-endian, level 0 is bit L - 1."""
        size = self.layout.count * self.layout.control_bytes
        packed = self.flat[-KEY_BYTES - size : -KEY_BYTES]
        return packed.reshape(self.layout.count, self.layout.control_bytes)

    @property
    def key(self) -> bytes:
        """The batch's public key of 16 bytes."""
        return self.flat[-KEY_BYTES:].tobytes()

    def _elements(self, start: int, shape: tuple[int, int]) -> RingArray:
        """Return ring elements that start at byte `start`."""
        size = shape[0] * shape[1] * self.layout.ring_bits // 8
        return self.flat[start : start + size].view(self.layout.dtype).reshape(shape)


def low_parts(words: Words, dtype: np.dtype[np.unsignedinteger[Any]]) -> RingArray:
    """Return a view of words mod the ring's size (little-endian).

    Parameters
    ----------
    words : uint64 array (..., n)
        Contiguous along the last axis.
    dtype : dtype
        uint8 or uint64.

    Returns
    -------
    array (..., n) of `dtype`
        A view: the lowest byte of each word, or the words.
    """
    return words.view(dtype)[..., :: 8 // dtype.itemsize]
