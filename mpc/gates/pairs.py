"""Pairs of candidates to compare, inside blocks.

Shape letters: L candidates of all blocks side by side, E pairs.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from mpc.ring.fixedpoint import Int64Array

CHUNK: Final = 1 << 14
"""Comparisons whose keys or tables are in memory at a time: 10 MB of keys for 40 bits."""


@lru_cache(maxsize=64)
def pairs_of(blocks: tuple[int, ...]) -> tuple[Int64Array, Int64Array]:
    """Return the candidates of all pairs inside blocks, (E,) each, the lower of each pair first."""
    pairs = [np.triu_indices(size, k=1) for size in blocks]
    offsets = np.cumsum([0, *blocks[:-1]])
    low, high = (
        np.concatenate([offset + of[side] for offset, of in zip(offsets, pairs, strict=True)])
        for side in range(2)
    )
    return low, high


def num_pairs(blocks: Sequence[int]) -> int:
    """Return E."""
    return sum(size * (size - 1) // 2 for size in blocks)


def differences(values_BL: Int64Array, blocks: Sequence[int]) -> Int64Array:
    """Return the higher candidate minus the lower one of every pair, flat (B E,), mod 2^64."""
    low, high = pairs_of(tuple(blocks))
    return np.ascontiguousarray(values_BL[:, high] - values_BL[:, low]).reshape(-1)


def chunks(count: int, blocks: Sequence[int] = ()) -> Iterator[tuple[int, int]]:
    """Yield first row and number of rows of chunks; a row is a number, or candidates in blocks."""
    step = max(1, CHUNK // num_pairs(blocks)) if blocks else CHUNK
    for start in range(0, count, step):
        yield start, min(step, count - start)
