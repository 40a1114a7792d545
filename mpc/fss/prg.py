"""The pseudorandom generator of the trees: two public permutations, on arrays of nodes.

A node's secret is a 128-bit seed. It is expanded in the Matyas-Meyer-Oseas form,
H(x) = pi(x) xor x, with two permutations pi that are AES-128 under two public keys:

- its child seeds, H_1(seed xor label), where a child's label is its path from the root;
- its value block, H_2(seed). Inner nodes use up to 64 bits of it as a group element and one more
  bit to derive control bits; leaves use all of it (with the label of the block, as for children).

Notes
-----
Security as a pseudorandom generator: the trees only require that outputs are indistinguishable from
uniform while the seed is uniform and unknown. Model pi as a random permutation. An adversary with q
queries to pi and its inverse and M observed nodes distinguishes them from uniform with probability
about (3 M q + M^2) / 2^127: it must hit a secret input or its image, of which it knows only the xor
with the secret (Guo, Katz, Wang and Yu 2020, section 7, on pi(x) xor x). Their linear orthomorphism
sigma, in pi(sigma(x)) xor sigma(x), is for seeds with a common secret difference that also masks
the hashed input (circular correlation, same section). Here the seeds of a path are independent, so
sigma is not needed.

All 128 bits of a child block are seed. Control bits and values are not taken from it: an 8-bit
value there would leave 119 bits, and hitting one of M seeds would be 256 times as likely. They come
from the second permutation, which has a different key, so no input is shared.

Both public keys are derived from one key that the dealer draws for each batch. M therefore counts
the nodes of one batch only: precomputation for one batch is useless for another.

References
----------
Guo, Katz, Wang, Yu, "Efficient and secure multiparty computation from fixed-key block ciphers",
IEEE S&P 2020 (eprint 2019/074), section 7 (hash functions from a fixed-key permutation).
"""

from hashlib import sha256
from typing import Final, TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers import (
    Cipher,
    CipherContext,
    algorithms,
    modes,
)
from numpy.typing import NDArray

from mpc.errors import InputError

KEY_BYTES: Final = 16
ALL_ONES: Final = np.uint64((1 << 64) - 1)
Words: TypeAlias = NDArray[np.uint64]


def block_room(count: int) -> Words:
    """Return an output buffer of `Prg` for `count` blocks.

    Parameters
    ----------
    count : int
        Number of 16-byte blocks.

    Returns
    -------
    uint64 array (count + 1, 2)
        Uninitialised; the cipher requires the last block as spare room.
    """
    return np.empty((count + 1, 2), dtype=np.uint64)


def check_key(key: bytes) -> None:
    """Raise InputError unless the public key has 16 bytes."""
    if len(key) != KEY_BYTES:
        raise InputError(f"the public key has {len(key)} bytes; {KEY_BYTES} are needed")


class Prg:
    """The two public permutations of a batch of trees.

    Parameters
    ----------
    key : bytes
        16 public bytes, drawn after the root seeds and independent of them.

    Raises
    ------
    InputError
        The key does not have 16 bytes.
    """

    def __init__(self, key: bytes) -> None:
        check_key(key)
        keys = sha256(b"mpc.fss: permutations of nodes and values" + key).digest()
        self._nodes = _permutation(keys[:16])
        self._values = _permutation(keys[16:])

    def children(self, labelled: Words, room: Words) -> None:
        """Write the child seeds H_1(x), where x is a seed xor the child's label.

        Parameters
        ----------
        labelled : uint64 array (..., 2)
            Contiguous, n blocks.
        room : uint64 array (at least n + 1, 2)
            Contiguous, a different array; receives n blocks, and the next block is overwritten.
        """
        count = labelled.size // 2
        self._nodes.update_into(labelled.data.cast("B"), room[: count + 1].data.cast("B"))
        children = room[:count].reshape(labelled.shape)
        np.bitwise_xor(children, labelled, out=children)

    def permute_values(self, blocks: Words, room: Words) -> None:
        """Write pi_2(x). For H_2, callers xor x to the words that they use.

        Parameters
        ----------
        blocks, room
            As for `children`.
        """
        count = blocks.size // 2
        self._values.update_into(blocks.data.cast("B"), room[: count + 1].data.cast("B"))


def _permutation(key: bytes) -> CipherContext:
    """Return AES-128 under a public key; ECB applies the permutation to each block."""
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
