"""Public draws of k-means++: who knows the seed knows them, and they say nothing of the data.

No mask, share or key is ever drawn here; the stream is one of AES only because there is one.

Shape letters: N points, K clusters, B restarts.
"""

import math
from hashlib import sha256
from typing import Final

import numpy as np

from mpc.ring.fixedpoint import GRAM_BITS, Int64Array
from mpc.ring.randomness import KEY_BYTES, AesCtrStream

_WEIGHT_BITS: Final = GRAM_BITS + 2
"""A squared distance of two points is at most 4."""
_MOST_BITS: Final = 16
"""Of a draw; fewer where N leaves less room in the ring."""


def draw_bits(num_points: int) -> int:
    """Return q: of how many bits a draw is, so that its product with a total of N weights fits."""
    return min(_MOST_BITS, 62 - _WEIGHT_BITS - math.ceil(math.log2(num_points + 1)))


def public_draws(seed: int, num_points: int, restarts: int, k: int) -> Int64Array:
    """Return draws from 1 .. 2^q - 1, (B, K), the same for all who know the seed."""
    key = sha256(f"mpc.draws: k-means++ {seed}".encode()).digest()[:KEY_BYTES]
    drawn = AesCtrStream(key).bits((restarts, k), draw_bits(num_points))
    return np.maximum(drawn, 1)
