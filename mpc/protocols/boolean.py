"""Boolean circuits on xor shares, with 64 elements of a batch in a word.

A batch of n numbers becomes bit planes: plane i holds bit i of every number, packed. One AND of
words serves 64 numbers, and a circuit sends only the bits it needs. Each party knows its own
additive share. With two parties, one round of ANDs between their known values adds every block of
four bits. With more, carry-save adders first reduce the shares to two addends. Carries run through
a tree.

Rounds for numbers of m bits, with s = 0, 1, 2, 3 carry-save steps for 2, 3, 4, 5 parties:

========== ========================= =======================
circuit    two parties               more
========== ========================= =======================
`negative` 1 + log2((m - 1) / 4)     s + 1 + log2(m - 1)
`to_ring`  1                         1
========== ========================= =======================

each fraction and logarithm rounded up. Only masked bits are opened.

`party` is the computing party, with its links and triples.

Shape letters: n numbers, W = ceil(n / 64) words, L planes.

References
----------
Damgard et al.: Unconditionally Secure Constant-Rounds Multi-Party Computation for Equality,
Comparison, Bits and Exponentiation, TCC 2006, section 6 (carries by a tree).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.engine.context import Party
from mpc.ring.fixedpoint import Int64Array

WORD_BITS: Final = 64
BLOCK_BITS: Final = 4
"""Bits that two parties add in one round. More bits cost bytes, 2^bits words per block and factor;
fewer cost rounds."""

Bits = npt.NDArray[np.uint8]
"""Each 0 or 1."""


def pack(bits_xn: Bits) -> Int64Array:
    """Pack bits (..., n) into words (..., W); the last word is padded with zeros."""
    missing = -bits_xn.shape[-1] % WORD_BITS
    if missing:
        padding = np.zeros((*bits_xn.shape[:-1], missing), dtype=np.uint8)
        bits_xn = np.concatenate([bits_xn, padding], axis=-1)
    words: Int64Array = np.packbits(bits_xn, axis=-1, bitorder="little").view(np.int64)
    return words


def unpack(words_xW: Int64Array, n: int) -> Bits:
    """Return the first n bits (..., n) of words (..., W)."""
    as_bytes = np.ascontiguousarray(words_xW).view(np.uint8)
    return np.unpackbits(as_bytes, axis=-1, count=n, bitorder="little")


def planes_of(ring_n: Int64Array, bit_length: int) -> Int64Array:
    """Return the low bits (1 to 64) of numbers as planes (bit_length, W), lowest first."""
    if not 1 <= bit_length <= WORD_BITS:
        raise ValueError(f"{bit_length} bits asked for; 1 to {WORD_BITS} are possible")
    as_bytes = np.ascontiguousarray(ring_n).view(np.uint8).reshape(-1, 8)
    used = -(-bit_length // 8)
    bits_nL = np.unpackbits(as_bytes[:, :used], axis=1, count=bit_length, bitorder="little")
    return pack(np.ascontiguousarray(bits_nL.T))


def negative(party: Party, share_n: Int64Array, bit_length: int) -> Int64Array:
    """Return the xor-shared plane (W,) of [x < 0] from additive shares; |x| < 2^(bit_length - 1).

    `bit_length` is at least 2.

    Notes
    -----
    The sign of a sum is the xor of the top bits and the carry into them.
    """
    if bit_length < 2:
        raise ValueError("a number and its sign take 2 bits or more")
    mine_LW = planes_of(share_n, bit_length)
    if party.num_parties == 2:
        carry_W = _carry(party, *_add_blocks(party, mine_LW[:-1]))
        top_W: Int64Array = mine_LW[-1]
    else:
        s_LW, c_LW = _carry_save(party, mine_LW)
        carry_W = _carry(party, s_LW[:-1] ^ c_LW[:-1], conjunction(party, s_LW[:-1], c_LW[:-1]))
        top_W = s_LW[-1] ^ c_LW[-1]
    return top_W ^ carry_W


def to_ring(party: Party, bits_n: Bits) -> Int64Array:
    """Return additive shares (n,) of xor-shared bits, in one round that sends n bits."""
    r_ring_enc, r_xor_enc = party.provider.B2A_rng((len(bits_n),))
    r_ring, r_xor = r_ring_enc.share.numpy(), r_xor_enc.share.numpy()
    opened = party.open_bits([pack(bits_n ^ (r_xor & 1).astype(np.uint8))])[0]
    flipped = unpack(opened, len(bits_n)).astype(np.int64)
    share: Int64Array = r_ring * (1 - 2 * flipped)
    return share + flipped if party.rank == 0 else share


def conjunction(party: Party, x: Int64Array, y: Int64Array) -> Int64Array:
    """Return xor shares of x & y, shapes broadcast, in one round by a Beaver triple."""
    triple = party.provider.generate_binary_triple(x.shape, y.shape)
    a, b, c = (part.share.numpy() for part in triple)
    x_masked, y_masked = party.open_bits([x ^ a, y ^ b])
    z: Int64Array = c ^ (b & x_masked) ^ (a & y_masked)
    return z ^ (x_masked & y_masked) if party.rank == 0 else z


def _carry(party: Party, p_LW: Int64Array, g_LW: Int64Array) -> Int64Array:
    """Return the carry out of planes or blocks, given which propagate and which generate one."""
    while (length := len(g_LW)) > 1:
        half = length // 2
        low, high, rest = slice(0, 2 * half, 2), slice(1, 2 * half, 2), slice(2 * half, None)
        passed = conjunction(party, p_LW[high], np.stack([g_LW[low], p_LW[low]]))
        g_LW = np.concatenate([g_LW[high] ^ passed[0], g_LW[rest]])
        p_LW = np.concatenate([passed[1], p_LW[rest]])
    carry_W: Int64Array = g_LW[0]
    return carry_W


def _carry_save(party: Party, mine_LW: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Reduce the parties' private addends to two xor-shared ones with the same sum mod 2^L."""
    others = np.zeros_like(mine_LW)
    addends = [mine_LW if rank == party.rank else others for rank in range(party.num_parties)]
    while len(addends) > 2:
        x, y, z, *left = addends
        majority = conjunction(party, (x ^ z)[:-1], (y ^ z)[:-1]) ^ z[:-1]
        carried = np.concatenate([np.zeros_like(z[:1]), majority])
        addends = [*left, x ^ y ^ z, carried]
    return addends[0], addends[1]


def _one_hot_blocks(mine_LW: Int64Array, padding: int) -> Int64Array:
    """Return one-hot bits (2^r, blocks, W) of the value of each block of r planes."""
    missing = -len(mine_LW) % BLOCK_BITS
    rest = np.full((missing, mine_LW.shape[1]), padding, dtype=np.int64)
    planes = np.concatenate([mine_LW, rest]).reshape(-1, BLOCK_BITS, mine_LW.shape[1])
    values = np.full((1, len(planes), mine_LW.shape[1]), -1, dtype=np.int64)
    for bit in range(BLOCK_BITS):
        values = np.concatenate([values & ~planes[:, bit], values & planes[:, bit]])
    return values


def _add_blocks(party: Party, mine_LW: Int64Array) -> Int64Array:
    """Return whether each block of two parties' addends propagates, and generates, a carry.

    Returns
    -------
    ndarray, (2, blocks, W)
        Propagates; generates.

    Notes
    -----
    Let a and b be the parties' values of a block of r bits. [a + b = 2^r - 1] is the sum over v of
    [a = v] [b = 2^r - 1 - v], and [a + b > 2^r - 1] the sum of [a = v] [b > 2^r - 1 - v]. One party
    knows all left factors, the other all right ones. The last block is padded with planes that
    propagate.
    """
    left = _one_hot_blocks(mine_LW, padding=0 if party.rank == 0 else -1)
    equal = left[::-1]
    above = np.bitwise_xor.accumulate(equal, axis=0) ^ equal
    right = np.stack([equal, above])
    if party.rank == 0:
        right = np.zeros_like(right)
    else:
        left = np.zeros_like(left)
    blocks: Int64Array = np.bitwise_xor.reduce(conjunction(party, left, right), axis=1)
    return blocks
