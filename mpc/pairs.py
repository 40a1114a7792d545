"""The first of two stages in which the nearest is found: neighbours meet; by keys only.

Of K candidates K/2 pairs meet, and then all pairs of the K/2 that are left, in place of all pairs
of K, for one round more: with 8 candidates 10 comparisons in place of 28. Keys for pairs give the
lesser number together with who it is.

Shape letters: N points, C columns of all groups, E pairs, H columns that the second stage has.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import torch

from mpc._crypten import provider, rank_and_parties
from mpc.duels import num_duels
from mpc.fixedpoint import COMPARED_BITS, Int64Array
from mpc.fss import sign_layout, unpack
from mpc.fss.words import RingArray
from mpc.masked import Pending

ROUND_BYTES: Final = 500_000
"""What a round of 40 ms is worth at 100 Mbit/s: keys that are fewer by so much pay for one more."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Who meets whom in the first stage."""

    heads: Int64Array
    """Columns that have a place in the second stage, (H,): the lower of each pair, or one alone."""
    paired: Int64Array
    """Which of the H have a neighbour, the next column, (E,)."""
    halved: tuple[int, ...]
    """Sizes of the groups in the second stage."""


@lru_cache(maxsize=64)
def pairs_of(groups: tuple[int, ...]) -> Pairs:
    """Return the pairs inside groups."""
    place = np.concatenate([np.arange(size) for size in groups])
    last = np.cumsum(groups) - 1
    heads = np.flatnonzero(place % 2 == 0)
    return Pairs(
        heads=heads,
        paired=np.flatnonzero(~np.isin(heads, last)),
        halved=tuple((size + 1) // 2 for size in groups),
    )


@lru_cache(maxsize=64)
def pays(num_points: int, groups: tuple[int, ...]) -> bool:
    """Tell whether two stages save more bytes of keys than a round is worth."""
    pairs = pairs_of(groups)
    duel, lesser = (
        sign_layout(1, num_bits=COMPARED_BITS, ring_bits=bits).bytes_per_tree for bits in (8, 64)
    )
    saved = (num_duels(groups) - num_duels(pairs.halved)) * duel - len(pairs.paired) * lesser
    return num_points * saved >= ROUND_BYTES


def lesser_of_pairs(
    share_NC: torch.Tensor, pairs: Pairs
) -> Pending[tuple[torch.Tensor, torch.Tensor]]:
    """Return shares of the lesser of each pair, and of whether it is the later one.

    Returns
    -------
    Pending of two int64 tensors, (N, H)
        The numbers, right mod 2^`COMPARED_BITS`, but for one unit once in 2^31 pairs (see
        `mpc.fss.packed`); bits, whose shares' lowest bits are shares under xor. Columns without a
        neighbour are themselves, and never the later.
    """
    low = pairs.heads[pairs.paired]
    both = torch.stack([share_NC[:, low], share_NC[:, low + 1]], dim=2).reshape(-1, 2)
    keys = provider().lessers(len(both), COMPARED_BITS)

    def settle(opened: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        shares: RingArray = keys.evaluate(opened.numpy())
        bit, product = (
            torch.from_numpy(part).reshape(len(share_NC), -1)
            for part in unpack(rank_and_parties()[0], shares)
        )
        gap = (opened[:, 1] - opened[:, 0]).reshape(bit.shape)
        lesser = share_NC[:, pairs.heads]
        later = torch.zeros_like(lesser)
        lesser[:, pairs.paired] += bit * gap - product
        later[:, pairs.paired] = bit
        return lesser, later

    return Pending(masked=both + torch.from_numpy(keys.masks), settle=settle)
