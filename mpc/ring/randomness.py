"""Masks from AES-128 in counter mode, and key agreement between two parties.

CrypTen draws its masks from torch's mt19937, which keeps 32 bits of its seed. Every mask, share and
zero sharing of this package comes instead from an `AesCtrStream`, whose 128-bit key comes from the
operating system or from a `KeyAgreement`.

References
----------
NIST SP 800-38A, section 6.5 (counter mode). RFC 7748, sections 5 and 6.1 (X25519). RFC 5869 (HKDF).
"""

import math
import os
from collections.abc import Sequence
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mpc.errors import FrameError
from mpc.ring.fixedpoint import Int64Array

KEY_BYTES: Final = 16
_ZEROS: Final = memoryview(bytes(1 << 18))
"""Plaintext of the stream, encrypted piece by piece; pieces that fit a cache are fastest."""
_FEW: Final = 1 << 11
"""Most elements for which a copy is faster than an output buffer."""
_ROOM: Final = 2
"""Spare elements that a cipher needs behind its output."""


def new_key() -> bytes:
    """Return a fresh 128-bit key from the operating system's CSPRNG."""
    return os.urandom(KEY_BYTES)


class AesCtrStream:
    """A stream of uniform ring elements; two holders of one key draw the same stream.

    Parameters
    ----------
    key : bytes
        16 bytes.
    nonce : int
        0 .. 2^64 - 1, the upper half of the counter block. Each nonce gives a stream of 2^68 bytes,
        whose counter starts at zero. A pair of key and nonce must be used for one stream only.
    """

    def __init__(self, key: bytes, nonce: int = 0) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key has {len(key)} bytes; {KEY_BYTES} are needed")
        if not 0 <= nonce < 1 << 64:
            raise ValueError(f"nonce {nonce} is not in 0 .. 2^64 - 1")
        first_block = nonce.to_bytes(8, "big") + bytes(8)
        self._cipher = Cipher(algorithms.AES(key), modes.CTR(first_block)).encryptor()

    def ring(self, shape: Sequence[int]) -> Int64Array:
        """Draw uniform elements of the ring mod 2^64, as a writable int64 array."""
        count = math.prod(shape)
        if count <= _FEW:
            return np.ndarray(shape, np.int64, bytearray(self._cipher.update(_ZEROS[: 8 * count])))
        out = np.empty(count + _ROOM, dtype=np.int64)
        room = out.data.cast("B")
        for start in range(0, 8 * count, len(_ZEROS)):
            end = min(start + len(_ZEROS), 8 * count)
            self._cipher.update_into(_ZEROS[: end - start], room[start : end + 8 * _ROOM])
        return out[:count].reshape(shape)

    def bits(self, shape: Sequence[int], bit_length: int) -> Int64Array:
        """Draw uniform integers of `bit_length` bits (1..63), as int64 of the given shape."""
        return self.ring(shape) & np.int64((1 << bit_length) - 1)


class KeyAgreement:
    """One side of a Diffie-Hellman key agreement on X25519, with a fresh private key.

    Notes
    -----
    It does not authenticate the peer: public keys must come over authenticated links.
    """

    def __init__(self) -> None:
        self._private = X25519PrivateKey.generate()

    def public_bytes(self) -> bytes:
        """Return the 32 bytes of the public key, for the peer."""
        return self._private.public_key().public_bytes_raw()

    def shared_key(self, peer_public: bytes, *, context: bytes) -> bytes:
        """Derive the 16-byte key that both sides share.

        Parameters
        ----------
        peer_public : bytes
            The peer's 32 public bytes.
        context : bytes
            Purpose of the key, the same on both sides. Different contexts give different keys.

        Raises
        ------
        FrameError
            The peer's key is malformed, or of low order, so that the result would not be secret.
        """
        if peer_public == self.public_bytes():
            raise FrameError("the peer's public key is this side's own; a key agreement needs two")
        try:
            secret = self._private.exchange(X25519PublicKey.from_public_bytes(peer_public))
        except ValueError:
            raise FrameError(
                f"the peer's public key ({len(peer_public)} bytes) is not usable: 32 bytes of a "
                "point of high order are needed"
            ) from None
        return HKDF(SHA256(), length=KEY_BYTES, salt=None, info=context).derive(secret)
