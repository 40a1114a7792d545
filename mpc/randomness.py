"""Masks from AES-128 in counter mode, keyed by the operating system; no torch or NumPy generator.

CrypTen draws its masks from torch's mt19937, which keeps 32 bits of its seed. Every mask, share and
zero sharing of this package comes from an `AesCtrStream` with a 128-bit key instead.

References
----------
NIST SP 800-38A, section 6.5 (counter mode).
"""

import math
import os
from collections.abc import Sequence
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from mpc.fixedpoint import Int64Array

KEY_BYTES: Final = 16


def new_key() -> bytes:
    """Return a fresh 128-bit key from the operating system's CSPRNG."""
    return os.urandom(KEY_BYTES)


class AesCtrStream:
    """A stream of uniform ring elements; two holders of one key draw the same stream.

    Parameters
    ----------
    key : bytes
        16 bytes, used for this stream only: the counter starts at zero.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key has {len(key)} bytes; {KEY_BYTES} are needed")
        self._encryptor = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()

    def ring(self, shape: Sequence[int]) -> Int64Array:
        """Draw uniform elements of the ring mod 2^64, as int64 of the given shape."""
        count = math.prod(shape)
        keystream = self._encryptor.update(bytes(8 * count))
        return np.frombuffer(bytearray(keystream), dtype=np.int64).reshape(tuple(shape))

    def bits(self, shape: Sequence[int], bit_length: int) -> Int64Array:
        """Draw uniform integers of `bit_length` bits (1..63), as int64 of the given shape."""
        return self.ring(shape) & np.int64((1 << bit_length) - 1)
