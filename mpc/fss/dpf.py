"""Distributed point functions over small domains: look-ups in public tables at a secret index.

The dealer knows the mask r of an index x and shares the point function at r. For the public z = x
+ r mod 2^d, T[x] = sum_j e_r[z - j] T[j], and every table is served by the same shares of e_r.
These do not depend on z and can be expanded ahead of it. If all that is asked is whether x equals
one public c, the one element e_r[z - c] suffices, and a walk to one leaf is enough:
`PointKeys.equals`.

References
----------
Boyle, Gilboa, Ishai, "Function secret sharing: improvements and extensions", CCS 2016 (eprint
2018/707), section 3.2 (point functions, evaluation on the full domain).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mpc.errors import InputError
from mpc.fss.checks import check_party, domain_points, ring_elements, root_seeds
from mpc.fss.correction_words import CorrectionWords, Layout, RingArray
from mpc.fss.dcf import SeedArray
from mpc.fss.eval import walk
from mpc.fss.eval_all import spread
from mpc.fss.keygen import grow
from mpc.fss.prg import Words
from mpc.fss.tables import look_up
from mpc.ring.randomness import new_key

MAX_DOMAIN_BITS: Final = 14
CHUNK_BYTES: Final = 1 << 20
"""Bytes of expanded shares at a time in a look-up."""


def point_layout(count: int, *, num_bits: int, ring_bits: int = 64) -> Layout:
    """Return the shape of the correction words of `count` point functions.

    Parameters
    ----------
    count : int
        Number of look-ups.
    num_bits : int
        1..14, the domain is 0 .. 2^num_bits - 1.
    ring_bits : int
        8 or 64.

    Raises
    ------
    InputError
        A number is out of its range.
    """
    if not 1 <= num_bits <= MAX_DOMAIN_BITS:
        raise InputError(f"the domain has {num_bits} bits; look-ups are for 1..{MAX_DOMAIN_BITS}")
    return Layout(num_bits=num_bits, count=count, ring_bits=ring_bits, has_values=False)


def generate_point(
    alpha: Words,
    seeds_0: SeedArray,
    seeds_1: SeedArray,
    *,
    num_bits: int,
    ring_bits: int = 64,
    key: bytes | None = None,
) -> CorrectionWords:
    """Make the correction words of B point functions, as the dealer.

    Parameters
    ----------
    alpha : uint64 array (B,)
        Secret points, 0 .. 2^num_bits - 1: the masks of the indices.
    seeds_0, seeds_1 : int64 or uint64 arrays (B, 2)
        Root seeds that the parties drew; each for one tree only.
    num_bits : int
        1..14.
    ring_bits : int
        8 or 64, of the shares.
    key : bytes, optional
        16 public bytes; drawn by default. Give them in tests only.

    Returns
    -------
    CorrectionWords
        The same for both parties.

    Raises
    ------
    InputError
        A type, shape or value is not as above.
    """
    layout = point_layout(len(alpha), num_bits=num_bits, ring_bits=ring_bits)
    words = CorrectionWords.room(layout, new_key() if key is None else key)
    ones, zeros = ring_elements("beta", 1, layout), ring_elements("offset", 0, layout)
    roots = (root_seeds(seeds_0, layout.count), root_seeds(seeds_1, layout.count))
    grow(words, domain_points(alpha, num_bits), ones, zeros, roots)
    return words


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PointKeys:
    """One party's keys of B point functions.

    Parameters
    ----------
    party : int
        0 or 1.
    seeds : int64 or uint64 array (B, 2)
        The party's root seeds; secret.
    words : CorrectionWords
        From `generate_point`.

    Raises
    ------
    InputError
        Another party, or seeds of another type or shape.
    """

    party: int
    seeds: SeedArray = field(repr=False)
    words: CorrectionWords

    def __post_init__(self) -> None:
        check_party(self.party)
        root_seeds(self.seeds, self.words.layout.count)

    def expand(self) -> RingArray:
        """Return shares of e_alpha over the whole domain.

        Returns
        -------
        ring array (B, 2^num_bits)
            They add up to 1 at alpha and 0 elsewhere.

        Notes
        -----
        Cost: B 2^num_bits ring elements of memory; no communication.
        """
        layout = self.words.layout
        out = np.empty((layout.count, 1 << layout.num_bits), dtype=layout.dtype)
        for part in self._parts():
            out[part] = self._expand(part)
        return out

    def at(self, points: Words) -> RingArray:
        """Return shares of e_alpha at one point for each key.

        Parameters
        ----------
        points : uint64 array (B,)
            Public, 0 .. 2^num_bits - 1.

        Raises
        ------
        InputError
            Points of another type or shape, or out of range.
        """
        layout = self.words.layout
        checked = domain_points(points, layout.num_bits, layout.count)
        return walk(self.party, root_seeds(self.seeds, layout.count), self.words, checked)

    def equals(self, constant: int, masked: Words) -> RingArray:
        """Return shares of [x = constant] for the public masked = x + alpha mod 2^num_bits.

        Parameters
        ----------
        constant : int
            0 .. 2^num_bits - 1, public.
        masked : uint64 array (B,)
            Public.

        Raises
        ------
        InputError
            A constant or points out of range, or points of another type or shape.
        """
        size = 1 << self.words.layout.num_bits
        if not 0 <= constant < size:
            raise InputError(f"the constant is {constant}; choose 0..{size - 1}")
        return self.at((masked - np.uint64(constant)) & np.uint64(size - 1))

    def lookup(self, tables: NDArray[np.int64], masked: Words) -> RingArray:
        """Return shares of T[x] for several public tables T at once.

        Parameters
        ----------
        tables : int64 array (t, 2^num_bits)
            Ring elements; a smaller domain is padded by the caller.
        masked : uint64 array (B,)
            Public, x + alpha mod 2^num_bits.

        Returns
        -------
        ring array (t, B)
            Shares of T[x] mod 2^ring_bits.

        Raises
        ------
        InputError
            Tables or points of another type or shape, or points out of range.

        Notes
        -----
        Cost: 2^num_bits ring elements a look-up, about a MiB of them at a time; no communication.
        """
        layout = self.words.layout
        points = domain_points(masked, layout.num_bits, layout.count)
        out = np.empty((len(tables), layout.count), dtype=layout.dtype)
        for part in self._parts():
            out[:, part] = look_up(tables, self._expand(part), points[part])
        return out

    def _parts(self) -> Iterator[slice]:
        """Yield chunks of keys whose expansion fits a cache."""
        layout = self.words.layout
        step = max(1, CHUNK_BYTES >> layout.num_bits)
        for start in range(0, layout.count, step):
            yield slice(start, min(start + step, layout.count))

    def _expand(self, part: slice) -> RingArray:
        """Return shares of some keys over the whole domain."""
        return spread(self.party, root_seeds(self.seeds, self.words.layout.count), self.words, part)
