"""Public draws of k-means++, leaders and random rows, from a public seed and not from the data.

Masks, shares and keys never come from here. The draws reuse `AesCtrStream` for convenience only.

Shape letters: N points, K clusters, B restarts.
"""

import math
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import numpy as np

from mpc.ring.fixedpoint import GRAM_BITS, POINT_BITS, Int64Array
from mpc.ring.randomness import KEY_BYTES, AesCtrStream

_WEIGHT_BITS: Final = GRAM_BITS + 2
"""Bits of a squared distance between points, which is at most 4."""
_MOST_BITS: Final = 16
"""Most bits of a draw; fewer if N leaves less room in the ring."""

_DIRECTIONS: Final = 8
"""Candidates for each direction."""
_DICE: Final = 8
_DIE_BITS: Final = 16
"""The sum of 8 uniform numbers is nearly normal, so that directions are nearly uniform."""
_LENGTH_BITS: Final = POINT_BITS - 2


def draw_bits(num_points: int) -> int:
    """Return q, the bits of a draw such that its product with a sum of N weights fits the ring."""
    return min(_MOST_BITS, 62 - _WEIGHT_BITS - math.ceil(math.log2(num_points + 1)))


def public_draws(seed: int, num_points: int, restarts: int, k: int) -> Int64Array:
    """Return draws from 1 .. 2^q - 1, (B, K), determined by the arguments."""
    key = sha256(f"mpc.draws: k-means++ {seed}".encode()).digest()[:KEY_BYTES]
    drawn = AesCtrStream(key).bits((restarts, k), draw_bits(num_points))
    return np.maximum(drawn, 1)


def public_orders(seed: int, num_points: int, restarts: int) -> Int64Array:
    """Return orders of the rows, (B, N): the rows as they are, then orders drawn with the seed.

    The first of B orders do not depend on B.
    """
    key = sha256(f"mpc.draws: leaders {seed}".encode()).digest()[:KEY_BYTES]
    drawn = AesCtrStream(key).ring((restarts, num_points))
    drawn[0] = np.arange(num_points)
    return np.argsort(drawn, axis=1, kind="stable")


def near_normal(purpose: str, shape: tuple[int, int]) -> Int64Array:
    """Return nearly normal integers of mean 0, determined by the purpose and the shape alone."""
    key = sha256(purpose.encode()).digest()[:KEY_BYTES]
    dice = AesCtrStream(key).bits((*shape, _DICE), _DIE_BITS)
    return np.asarray(dice.sum(axis=2) * 2 - _DICE * ((1 << _DIE_BITS) - 1))


def public_directions(seed: int, k: int, dim: int) -> Int64Array:
    """Return directions far from one another, (K, D), determined by the arguments alone.

    Vectors have a quarter of the length of `mpc.jobs.encoding.point_scale`, in units of 2^-18 of
    it. All arithmetic is exact, so all machines get the same.

    Notes
    -----
    Some random directions for each cluster are drawn; the first one is taken, then always the one
    that is farthest from those taken.
    """
    drawn = near_normal(f"mpc.draws: directions {seed}", (_DIRECTIONS * k, dim))
    vectors = np.stack([_of_length(row) for row in drawn])
    taken = [0]
    products = vectors @ vectors.T
    while len(taken) < k:
        taken.append(int(np.argmin(products[taken].max(axis=0))))
    return vectors[taken]


def _of_length(row_D: Int64Array) -> Int64Array:
    """Return a vector of length 2^`_LENGTH_BITS`, rounded down in magnitude."""
    length = math.isqrt(sum(int(x) ** 2 for x in row_D)) or 1
    return np.array(
        [int(math.copysign((abs(int(x)) << _LENGTH_BITS) // length, x)) for x in row_D],
        dtype=np.int64,
    )


def first_rows(seed: int, num_points: int, blocks: Sequence[int]) -> Int64Array:
    """Return the drawn rows of starts of these sizes side by side, (C,).

    The s-th start of each size is the s-th start of `public_rows`.
    """
    orders_BN = public_rows(seed, num_points, max(Counter(blocks).values()), num_points)
    place: Counter[int] = Counter()
    rows = []
    for size in blocks:
        rows.append(orders_BN[place[size], :size])
        place[size] += 1
    return np.concatenate(rows)


def public_rows(seed: int, num_points: int, restarts: int, k: int) -> Int64Array:
    """Return rows drawn uniformly, distinct within each start, (B, K).

    The first of B starts do not depend on B.
    """
    key = sha256(f"mpc.draws: random rows {seed}".encode()).digest()[:KEY_BYTES]
    drawn = AesCtrStream(key).ring((restarts, num_points))
    return np.ascontiguousarray(np.argsort(drawn, axis=1, kind="stable")[:, :k])
