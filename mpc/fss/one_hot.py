"""Look-ups in tiny domains: a one-hot vector shared entry by entry.

Party 1 draws its share of every entry from its stream; the dealer sends party 0 the rest. Bytes
that the dealer sends for one look-up over 2^d points (trees are sent to both parties):

    ====  ================  ==============  ==================  ================
    d     entries, Z_256    trees, Z_256    entries, Z_2^64     trees, Z_2^64
    ====  ================  ==============  ==================  ================
    3     8                 2 x 8           64                  2 x 49
    4     16                2 x 16          128                 2 x 65
    5     32                2 x 32          256                 2 x 81
    6     64                2 x 49          512                 2 x 97
    7     128               2 x 65          1024                2 x 113
    8     256               2 x 81          2048                2 x 129
    ====  ================  ==============  ==================  ================

Entries up to 2^4 points in Z_2^64 and 2^7 in Z_256 are fewer bytes and no AES calls beyond a
stream's; above that `PointKeys` are better: `prefers_entries`.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mpc.errors import InputError
from mpc.fss.checks import domain_points
from mpc.fss.correction_words import RingArray
from mpc.fss.dpf import point_layout
from mpc.fss.prg import Words
from mpc.fss.tables import look_up


def prefers_entries(num_bits: int, ring_bits: int) -> bool:
    """Return whether entries take fewer bytes from the dealer than two copies of a tree.

    Parameters
    ----------
    num_bits : int
        1..14, the domain is 0 .. 2^num_bits - 1.
    ring_bits : int
        8 or 64.
    """
    layout = point_layout(1, num_bits=num_bits, ring_bits=ring_bits)
    return (1 << num_bits) * ring_bits // 8 <= 2 * layout.bytes_per_tree


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class OneHotTable:
    """One party's shares of B one-hot vectors.

    Parameters
    ----------
    shares : uint8 or uint64 array (B, 2^d)
        Party 1: as drawn from its stream. Party 0: as the dealer sent them. One look-up each.

    Raises
    ------
    InputError
        Another type, or a number of columns that is no power of two.
    """

    shares: RingArray = field(repr=False)

    def __post_init__(self) -> None:
        dtype, shape = self.shares.dtype, self.shares.shape
        if dtype not in (np.dtype(np.uint8), np.dtype(np.uint64)) or len(shape) != 2:
            raise InputError(f"shares are {dtype} of shape {shape}; uint8 or uint64 (B, 2^d)")
        if shape[1] < 2 or shape[1] & (shape[1] - 1):
            raise InputError(f"shares have {shape[1]} columns; a power of two from 2 is needed")

    @classmethod
    def deal(cls, alpha: Words, drawn: RingArray) -> "OneHotTable":
        """Make party 0's shares, as the dealer.

        Parameters
        ----------
        alpha : uint64 array (B,)
            Secret points, below 2^d: the masks of the indices.
        drawn : uint8 or uint64 array (B, 2^d)
            Party 1's shares.

        Raises
        ------
        InputError
            Types, shapes or points are not as above.
        """
        table = cls(shares=np.negative(drawn))
        points = domain_points(alpha, table.num_bits, len(drawn))
        table.shares[np.arange(len(drawn)), points.astype(np.intp)] += drawn.dtype.type(1)
        return table

    @property
    def num_bits(self) -> int:
        """d, where the domain is 0 .. 2^d - 1."""
        return int(self.shares.shape[1]).bit_length() - 1

    def equals(self, constant: int, masked: Words) -> RingArray:
        """Return shares of [x = constant] for the public masked = x + alpha mod 2^d.

        Parameters
        ----------
        constant : int
            0 .. 2^d - 1, public.
        masked : uint64 array (B,)
            Public.

        Raises
        ------
        InputError
            A constant or points out of range, or points of another type or shape.
        """
        size = self.shares.shape[1]
        if not 0 <= constant < size:
            raise InputError(f"the constant is {constant}; choose 0..{size - 1}")
        points = domain_points(masked, self.num_bits, len(self.shares)).astype(np.intp)
        columns = (points - constant) & (size - 1)
        shares: RingArray = self.shares[np.arange(len(columns)), columns]
        return shares

    def lookup(self, tables: NDArray[np.int64], masked: Words) -> RingArray:
        """Return shares of T[x] for several public tables T at once, as `PointKeys.lookup` does.

        Parameters
        ----------
        tables : int64 array (t, 2^d)
            Public.
        masked : uint64 array (B,)
            Public, x + alpha mod 2^d.

        Returns
        -------
        ring array (t, B)

        Raises
        ------
        InputError
            Tables or points of another type or shape, or points out of range.
        """
        return look_up(tables, self.shares, domain_points(masked, self.num_bits, len(self.shares)))
