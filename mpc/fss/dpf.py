"""Distributed point functions over small domains: look-ups in public tables at a secret index.

The dealer knows the mask r of an index x and shares the point function at r. For the public z = x
+ r mod 2^d, T[x] = sum_j e_r[z - j] T[j], so the same shares of e_r serve every table. They do not
depend on z and are expanded beforehand. `mpc.protocols.lookup` reads the tables.

On small domains the dealer shares the entries of e_r themselves: party 1 draws its share of every
entry from its stream, and party 0 receives the correction. Bytes that the dealer sends for one
look-up over 2^d points (trees are sent to both parties):

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

References
----------
Boyle, Gilboa, Ishai, "Function secret sharing: improvements and extensions", CCS 2016 (eprint
2018/707), section 3.2 (point functions, evaluation on the full domain).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from mpc.errors import InputError
from mpc.fss.checks import check_party, domain_points, ring_elements, root_seeds
from mpc.fss.correction_words import CorrectionWords, Layout, RingArray
from mpc.fss.dcf import SeedArray
from mpc.fss.eval_all import spread
from mpc.fss.keygen import grow
from mpc.fss.prg import Words
from mpc.ring.randomness import new_key

MAX_DOMAIN_BITS: Final = 14
CHUNK_BYTES: Final = 1 << 20
"""Bytes of shares expanded at a time."""


def point_layout(count: int, *, num_bits: int, ring_bits: int = 64) -> Layout:
    """Return the layout of the correction words of `count` point functions.

    Parameters
    ----------
    count : int
        Number of look-ups.
    num_bits : int
        1..14; the domain is 0 .. 2^num_bits - 1.
    ring_bits : int
        8 or 64.

    Raises
    ------
    InputError
        A number is out of range.
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
    """Generate the correction words of B point functions, as the dealer.

    Parameters
    ----------
    alpha : uint64 array (B,)
        Secret points, 0 .. 2^num_bits - 1: the masks of the indices.
    seeds_0, seeds_1 : int64 or uint64 arrays (B, 2)
        Root seeds drawn by the parties; use each for one tree only.
    num_bits : int
        1..14.
    ring_bits : int
        Of the shares, 8 or 64.
    key : bytes, optional
        16 public bytes; drawn by default. Pass it in tests only.

    Returns
    -------
    CorrectionWords
        The same for both parties.

    Raises
    ------
    InputError
        A type, shape or value is not as documented.
    """
    layout = point_layout(len(alpha), num_bits=num_bits, ring_bits=ring_bits)
    words = CorrectionWords.room(layout, new_key() if key is None else key)
    ones, zeros = ring_elements("beta", 1, layout), ring_elements("offset", 0, layout)
    roots = (root_seeds(seeds_0, layout.count), root_seeds(seeds_1, layout.count))
    grow(words, domain_points(alpha, num_bits), ones, zeros, roots)
    return words


def prefers_entries(num_bits: int, ring_bits: int) -> bool:
    """Return whether entries take fewer bytes from the dealer than two copies of a tree.

    Parameters
    ----------
    num_bits : int
        1..14; the domain is 0 .. 2^num_bits - 1.
    ring_bits : int
        8 or 64.
    """
    layout = point_layout(1, num_bits=num_bits, ring_bits=ring_bits)
    return (1 << num_bits) * ring_bits // 8 <= 2 * layout.bytes_per_tree


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
        The party is not 0 or 1, or the seeds have a wrong type or shape.
    """

    party: int
    seeds: SeedArray = field(repr=False)
    words: CorrectionWords

    def __post_init__(self) -> None:
        check_party(self.party)
        root_seeds(self.seeds, self.words.layout.count)

    def expand(self) -> RingArray:
        """Return shares of e_alpha on the full domain.

        Returns
        -------
        ring array (B, 2^num_bits)
            They sum to 1 at alpha and 0 elsewhere.

        Notes
        -----
        Cost: B 2^num_bits ring elements of memory; no communication.
        """
        layout = self.words.layout
        out = np.empty((layout.count, 1 << layout.num_bits), dtype=layout.dtype)
        for part in self._parts():
            out[part] = self._expand(part)
        return out

    def _parts(self) -> Iterator[slice]:
        """Yield chunks of keys whose expansion fits a cache."""
        layout = self.words.layout
        step = max(1, CHUNK_BYTES >> layout.num_bits)
        for start in range(0, layout.count, step):
            yield slice(start, min(start + step, layout.count))

    def _expand(self, part: slice) -> RingArray:
        """Return shares of some keys on the full domain."""
        return spread(self.party, root_seeds(self.seeds, self.words.layout.count), self.words, part)
