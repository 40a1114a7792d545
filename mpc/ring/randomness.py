"""Masks from AES-128 in counter mode, and key agreement of two parties; no torch.

CrypTen draws masks from torch's mt19937, which uses only 32 bits of the seed. This package draws
every mask, share and zero sharing from an `AesCtrStream` instead, with a 128-bit key from the
operating system or a `KeyAgreement`.

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
"""Plaintext, encrypted in pieces; pieces that fit the cache are fastest."""
_SMALL_COUNT: Final = 1 << 11
"""Most elements for which a copy costs less than preallocating the output."""
_SPARE: Final = 2
"""Spare elements that the cipher requires after its output."""


def new_key() -> bytes:
    """Return a fresh 128-bit key from the operating system's CSPRNG."""
    return os.urandom(KEY_BYTES)


class AesCtrStream:
    """A stream of uniform ring elements; two holders of a key draw the same stream.

    Parameters
    ----------
    key : bytes
        16 bytes.
    nonce : int
        0 .. 2^64 - 1, the upper half of the counter block: a key has a stream of 2^68 bytes for
        each nonce. Use a pair of key and nonce for one stream only; its counter starts at zero.
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
        if count <= _SMALL_COUNT:
            return np.ndarray(shape, np.int64, bytearray(self._cipher.update(_ZEROS[: 8 * count])))
        out = np.empty(count + _SPARE, dtype=np.int64)
        out_bytes = out.data.cast("B")
        for start in range(0, 8 * count, len(_ZEROS)):
            end = min(start + len(_ZEROS), 8 * count)
            self._cipher.update_into(_ZEROS[: end - start], out_bytes[start : end + 8 * _SPARE])
        return out[:count].reshape(shape)

    def bits(self, shape: Sequence[int], bit_length: int) -> Int64Array:
        """Draw uniform integers of `bit_length` bits (1..63), as int64 of the given shape."""
        return self.ring(shape) & np.int64((1 << bit_length) - 1)


class KeyAgreement:
    """One side of a Diffie-Hellman key agreement on X25519, with a fresh private key.

    Notes
    -----
    The agreement does not authenticate the peer: exchange public keys over authenticated links.
    """

    def __init__(self) -> None:
        self._private = X25519PrivateKey.generate()

    def public_bytes(self) -> bytes:
        """Return the public key for the peer, 32 bytes."""
        return self._private.public_key().public_bytes_raw()

    def shared_key(self, peer_public: bytes, *, context: bytes) -> bytes:
        """Derive the 16-byte key shared with the peer.

        Parameters
        ----------
        peer_public : bytes
            The peer's public key, 32 bytes.
        context : bytes
            Purpose of the key, equal on both sides; different contexts give different keys.

        Raises
        ------
        FrameError
            The peer's key is malformed, of low order (no secret results), or this side's own.
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
