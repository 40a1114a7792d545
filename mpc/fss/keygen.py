"""Key generation: the dealer's correction words from both parties' root seeds.

A tree shares a step function, g(x) = offset + beta [x < alpha] (a DCF), or a point function,
e(x) = beta [x = alpha] (a DPF). Two changes to Fig. 1 of Boyle et al. make a level cheaper:

- One value per node serves both branches, instead of one value per branch. A DCF then needs no sum
  V_alpha over the path. After level i the sum on the special path must be beta a_i, where a_i is
  alpha's bit, since all x that leave the path there have this value. The levels' increments are
  therefore Delta_i = beta (a_i - a_(i-1)). Delta_0 also includes the offset, at no cost. Each value
  word is masked by the value v of the node whose seed the observing party does not know.
- One control bit per level. The bits of the two children are tau and tau xor t, with tau from the
  value block. On the path the parties' t differ, so the xor of both parties' bits is delta for the
  left child and delta xor 1 for the right. c = delta xor 1 xor a makes it 1 for the child on the
  path and 0 for the other. c is masked by the tau that the observing party does not know.

The security argument is that of Fig. 1 (Theorem 1 there, hybrids over levels). Given one party's
view, the other's seed on the path is uniform, so its children, v and tau are replaced by uniform
ones. Seed word, value word and c are then uniform. The next seed on the path is uniform again, as
the seed word comes from the other child. t is the complement of the observing party's own.

References
----------
Boyle, Chandran, Gilboa, Gupta, Ishai, Kumar, Rathee, "Function secret sharing for mixed-mode and
fixed-point secure computation", Eurocrypt 2021 (eprint 2020/1392), section 3 and Fig. 1, Gen.
Boyle, Gilboa, Ishai, "Function secret sharing: improvements and extensions", CCS 2016 (eprint
2018/707), section 3.2, for points and wide leaves.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mpc.fss.correction_words import CorrectionWords, RingArray, low_parts
from mpc.fss.prg import ALL_ONES, Prg, Words, block_room

CHUNK: Final = 16384
"""Trees at a time: with two nodes per tree, as many nodes as in `mpc.fss.eval` (measured)."""
_ONE: Final = np.uint64(1)
_SIGN: Final = 63


def grow(
    words: CorrectionWords,
    alpha: Words,
    beta: RingArray,
    offset: RingArray,
    seeds: tuple[Words, Words],
) -> None:
    """Fill in the correction words of a batch.

    Parameters
    ----------
    words : CorrectionWords
        Of B trees, with the public key; DCFs if the layout has values, DPFs otherwise.
    alpha : uint64 array (B,)
        0 .. 2^num_bits - 1.
    beta, offset : ring array (B,)
        Payloads; the offset is ignored for DPFs.
    seeds : two uint64 arrays (B, 2)
        Root seeds of party 0 and 1.
    """
    for start in range(0, words.layout.count, CHUNK):
        part = slice(start, start + CHUNK)
        chunk_seeds = (seeds[0][part], seeds[1][part])
        _Grower(words, part, alpha[part], beta[part], offset[part]).grow(chunk_seeds)


class _Grower:
    """Both parties' nodes on the special paths of a chunk of trees."""

    def __init__(
        self,
        words: CorrectionWords,
        part: slice,
        alpha: Words,
        beta: RingArray,
        offset: RingArray,
    ) -> None:
        self._words, self._layout, self._part = words, words.layout, part
        self._alpha, self._beta = alpha, beta
        self._prg = Prg(words.key)
        count = len(alpha)
        self._buffers = [block_room(2 * count) for _ in range(3)]
        self._masks = np.empty((2, count), dtype=np.uint64)
        self._control = np.zeros(count, dtype=np.uint64)
        self._reached = np.negative(offset) if self._layout.has_values else np.zeros_like(beta)
        """Sum on the path after the levels so far, minus the offset."""

    def grow(self, seeds: tuple[Words, Words]) -> None:
        """Fill in the chunk's correction words."""
        nodes = self._buffer(2)
        nodes[0], nodes[1] = seeds
        self._masks[0], self._masks[1] = 0, ALL_ONES
        for level in range(self._layout.levels):
            tau = self._write_values(nodes, level)
            nodes = self._descend(nodes, level)
            self._update_control(tau, level)
        self._write_leaves(nodes)
        control = _as_bytes(self._control ^ (self._alpha >> np.uint64(self._layout.leaf_bits)))
        self._words.control[self._part] = control[:, : self._layout.control_bytes]

    def _buffer(self, index: int) -> Words:
        """Return a work buffer as nodes (2, n, 2)."""
        return self._buffers[index][:-1].reshape(2, -1, 2)

    def _write_values(self, nodes: Words, level: int) -> Words:
        """Write the level's value words; return tau in the highest bits, (2, n)."""
        self._prg.permute_values(nodes, self._buffers[0])
        high = self._buffer(0)[..., 1] ^ nodes[..., 1]
        if self._layout.has_values:
            low = high if self._layout.ring_bits == 8 else self._buffer(0)[..., 0] ^ nodes[..., 0]
            values = low_parts(low, self._layout.dtype)
            target = self._beta & np.negative(low_parts(self._bit(level), self._layout.dtype))
            increment = target - self._reached
            self._words.values[level, self._part] = self._corrected(increment, values)
            self._reached = target
        return high

    def _bit(self, level: int) -> Words:
        """Return alpha's bit at a level."""
        return (self._alpha >> np.uint64(self._layout.num_bits - 1 - level)) & _ONE

    def _corrected(self, target: RingArray, values: RingArray) -> RingArray:
        """Return the word that makes v_0 + t_0 V - v_1 - t_1 V the target."""
        word: RingArray = target - values[0]
        word += values[1]
        negative = low_parts(self._masks[1], self._layout.dtype)
        if word.ndim == 2:
            negative = negative[:, None]
        word ^= negative
        word -= negative
        return word

    def _descend(self, nodes: Words, level: int) -> Words:
        """Write the level's seed words; return the child nodes on the path."""
        label = self._alpha >> np.uint64(self._layout.num_bits - 1 - level)
        nodes[..., 0] ^= label
        self._prg.children(nodes, self._buffers[0])
        nodes[..., 0] ^= _ONE
        self._prg.children(nodes, self._buffers[1])
        kept, lost = self._buffer(0), self._buffer(1)
        words = self._words.seeds[level, self._part]
        np.bitwise_xor(lost[0], lost[1], out=words)
        for half in range(2):
            kept[..., half] ^= words[:, half] & self._masks
        self._buffers[0], self._buffers[2] = self._buffers[2], self._buffers[0]
        return kept

    def _update_control(self, tau: Words, level: int) -> None:
        """Append the level's bit a xor c; set each party's t = tau xor t (a xor c)."""
        swap = ~(tau[0] ^ tau[1])
        self._control <<= _ONE
        self._control |= swap >> np.uint64(_SIGN)
        np.bitwise_and(self._masks, swap, out=self._masks)
        np.bitwise_xor(self._masks, tau, out=self._masks)
        signs: NDArray[np.int64] = self._masks.view(np.int64)
        np.right_shift(signs, _SIGN, out=signs)

    def _write_leaves(self, nodes: Words) -> None:
        """Write the leaf words."""
        layout = self._layout
        first = (self._alpha >> np.uint64(layout.leaf_bits)) << np.uint64(
            layout.leaf_bits - layout.block_bits if layout.leaf_bits > layout.block_bits else 0
        )
        size = 1 << layout.leaf_bits
        leaves = leaf_elements(self._prg, nodes, first, size, layout.dtype)
        low_bits = self._alpha & np.uint64(size - 1)
        hits = (np.less if layout.has_values else np.equal)(
            np.arange(size, dtype=np.uint64), low_bits[:, None]
        )
        target = np.where(hits, self._beta[:, None], self._beta.dtype.type(0))
        if layout.has_values:
            target -= self._reached[:, None]
        self._words.leaves[self._part] = self._corrected(target, leaves)


def leaf_elements(
    prg: Prg, nodes: Words, first: Words, size: int, dtype: np.dtype[np.unsignedinteger[Any]]
) -> RingArray:
    """Expand nodes into wide leaves.

    Parameters
    ----------
    prg : Prg
        Of the batch.
    nodes : uint64 array (..., 2)
        Seeds.
    first : uint64 array, broadcast to (...)
        Label of each leaf's first block.
    size : int
        Elements in a leaf.
    dtype : dtype
        Of the ring.

    Returns
    -------
    ring array (..., size)
    """
    num_blocks = max(1, size * dtype.itemsize // 16)
    inputs = np.repeat(nodes[..., None, :], num_blocks, axis=-2)
    inputs[..., 0] ^= first[..., None] | np.arange(num_blocks, dtype=np.uint64)
    room = block_room(inputs.size // 2)
    prg.permute_values(inputs, room)
    blocks = room[:-1].reshape(inputs.shape)
    blocks ^= inputs
    return blocks.reshape(*nodes.shape[:-1], -1).view(dtype)[..., :size]


def _as_bytes(words: Words) -> NDArray[np.uint8]:
    """Return a view of words (n,) as bytes (n, 8)."""
    return words.view(np.uint8).reshape(-1, 8)
