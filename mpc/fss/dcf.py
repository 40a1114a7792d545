"""Distributed comparison functions: shares of offset + beta [x < alpha] at a public x.

The dealer knows alpha, beta and both parties' root seeds. It sends both the same correction words.

References
----------
Boyle, Chandran, Gilboa, Gupta, Ishai, Kumar, Rathee, "Function secret sharing for mixed-mode and
fixed-point secure computation", Eurocrypt 2021 (eprint 2020/1392), section 3 and Fig. 1.
"""

import numpy as np
from numpy.typing import NDArray

from mpc.fss.checks import check_party, domain_points, ring_elements, root_seeds
from mpc.fss.correction_words import CorrectionWords, Layout, RingArray
from mpc.fss.eval import walk
from mpc.fss.keygen import grow
from mpc.fss.prg import Words
from mpc.ring.randomness import new_key

SeedArray = NDArray[np.uint64] | NDArray[np.int64]


def generate(
    alpha: Words,
    beta: RingArray | int,
    seeds_0: SeedArray,
    seeds_1: SeedArray,
    *,
    num_bits: int,
    ring_bits: int,
    offset: RingArray | int = 0,
    key: bytes | None = None,
) -> CorrectionWords:
    """Generate the correction words of B DCFs, as the dealer.

    Parameters
    ----------
    alpha : uint64 array (B,)
        Secret thresholds, 0 .. 2^num_bits - 1.
    beta, offset : ring array (B,) or int
        Secret payload, and a secret constant added for every x; the offset costs nothing.
    seeds_0, seeds_1 : int64 or uint64 arrays (B, 2)
        Root seeds drawn by party 0 and party 1; use each for one tree only.
    num_bits : int
        1..64.
    ring_bits : int
        8 for uint8 shares in Z_256, 64 for uint64 shares in Z_2^64.
    key : bytes, optional
        16 public bytes; drawn from the operating system by default. Pass it in tests only.

    Returns
    -------
    CorrectionWords
        The same for both parties.

    Raises
    ------
    InputError
        A type, shape or value is not as documented.

    Notes
    -----
    Cost: six AES blocks a level and tree. Leakage: none beyond the shape, to one party.
    """
    layout = _layout(len(alpha), num_bits, ring_bits)
    words = CorrectionWords.room(layout, new_key() if key is None else key)
    grow(
        words,
        domain_points(alpha, num_bits),
        ring_elements("beta", beta, layout),
        ring_elements("offset", offset, layout),
        (root_seeds(seeds_0, layout.count), root_seeds(seeds_1, layout.count)),
    )
    return words


def evaluate(party: int, seeds: SeedArray, words: CorrectionWords, points: Words) -> RingArray:
    """Compute a party's additive shares of B DCFs at public points.

    Parameters
    ----------
    party : int
        0 or 1.
    seeds : int64 or uint64 array (B, 2)
        The party's root seeds.
    words : CorrectionWords
        From the dealer.
    points : uint64 array (B,)
        Public, 0 .. 2^num_bits - 1.

    Returns
    -------
    uint8 or uint64 array (B,)
        Shares of offset + beta [points < alpha], mod 2^8 or 2^64.

    Raises
    ------
    InputError
        A type, shape or value is not as documented.

    Notes
    -----
    Cost: two AES blocks a level and tree, no communication.
    """
    check_party(party)
    layout = words.layout
    checked = domain_points(points, layout.num_bits, layout.count)
    return walk(party, root_seeds(seeds, layout.count), words, checked)


def _layout(count: int, num_bits: int, ring_bits: int) -> Layout:
    """Return the layout of a batch of DCFs."""
    return Layout(num_bits=num_bits, count=count, ring_bits=ring_bits, has_values=True)
