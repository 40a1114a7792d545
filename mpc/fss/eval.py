"""Evaluation: a party evaluates a batch of trees at one point each, from root to leaf.

All trees of a chunk descend one level at a time, and a chunk fits the caches. A level costs two AES
blocks per tree and some passes over 8 or 16 bytes per tree, without allocations.

A node's state is its seed s and its control bit t, stored as a mask of all zeros or all ones. At a
level with seed word CW, value word V and control bit c, for the branch b:

    block = H_2(s)                         value v and bit tau, for either branch
    sum  += v + t V
    s     = H_1(s xor label) xor t CW
    t     = tau xor t (b xor c)

Off the special path both parties have the same s and t, so their contributions cancel. On it, their
seeds are independent and their control bits differ, so exactly one party applies the words.

References
----------
Boyle et al., "Function secret sharing for mixed-mode and fixed-point secure computation", Eurocrypt
2021 (eprint 2020/1392), Fig. 1, Eval. See `mpc.fss.keygen` for the differences.
"""

from typing import Final

import numpy as np

from mpc.fss.correction_words import CorrectionWords, Layout, RingArray, low_parts
from mpc.fss.prg import ALL_ONES, Prg, Words, block_room

CHUNK: Final = 32768
"""Trees at a time: 5 MiB of state. A quarter of it was measured to be 10 per cent slower."""
_SIGN: Final = 63


def walk(party: int, seeds: Words, words: CorrectionWords, points: Words) -> RingArray:
    """Evaluate every tree of a batch at one point.

    Parameters
    ----------
    party : int
        0 or 1.
    seeds : uint64 array (B, 2)
        The party's root seeds.
    words : CorrectionWords
        Of B trees.
    points : uint64 array (B,)
        0 .. 2^num_bits - 1.

    Returns
    -------
    ring array (B,)
        The party's additive shares.
    """
    out = np.zeros(words.layout.count, dtype=words.layout.dtype)
    walker = _Walker(party, words)
    for start in range(0, len(out), CHUNK):
        part = slice(start, start + CHUNK)
        walker.walk(part, seeds[part], points[part], out[part])
    return np.negative(out, out=out) if party else out


class _Walker:
    """State of one chunk of trees during evaluation, and the correction words."""

    def __init__(self, party: int, words: CorrectionWords) -> None:
        self._layout, self._root_control = words.layout, party
        self._prg = Prg(words.key)
        self._seed_words, self._value_words = words.seeds, words.values
        self._leaf_words, self._control_words = words.leaves, words.control
        self._room = min(CHUNK, words.layout.count)
        self._node_room, self._child_room = block_room(self._room), block_room(self._room)
        self._block_room = block_room(self._room)
        self._scratch = np.empty((4, self._room), dtype=np.uint64)
        self._masked = np.empty((self._room, 2), dtype=np.uint64)
        self._value_scratch = np.empty(self._room, dtype=words.layout.dtype)

    def walk(self, part: slice, seeds: Words, points: Words, out: RingArray) -> None:
        """Add the trees' values to `out`, without the party's sign."""
        self._enter(part, seeds, points)
        for level in range(self._layout.levels):
            self._add_values(out, level)
            self._descend(level)
        self._add_leaves(out)

    def _enter(self, part: slice, seeds: Words, points: Words) -> None:
        """Initialise the state at the roots."""
        count = len(seeds)
        self._part, self._points = part, points
        self._nodes, self._blocks = self._node_room[:count], self._block_room[:count]
        self._nodes[:] = seeds
        self._mask, self._tau, self._label, self._swaps = self._scratch[:, :count]
        self._mask[:] = ALL_ONES if self._root_control else 0
        self._mask_element = low_parts(self._mask, self._layout.dtype)
        self._value = self._value_scratch[:count]
        np.bitwise_xor(points, unpack_control(self._control_words[part], self._layout), self._swaps)

    def _add_values(self, out: RingArray, level: int) -> None:
        """Expand the value blocks; add v + t V."""
        self._prg.permute_values(self._nodes, self._block_room)
        np.bitwise_xor(self._blocks[:, 1], self._nodes[:, 1], out=self._tau)
        if not self._layout.has_values:
            return
        np.bitwise_and(self._value_words[level, self._part], self._mask_element, out=self._value)
        np.add(out, self._value, out=out)
        if self._layout.ring_bits == 8:
            np.add(out, low_parts(self._tau, self._layout.dtype), out=out)
        else:
            np.bitwise_xor(self._blocks[:, 0], self._nodes[:, 0], out=self._value)
            np.add(out, self._value, out=out)

    def _descend(self, level: int) -> None:
        """Move to the child selected by each point's next bit."""
        nodes, masked = self._nodes, self._masked[: len(self._nodes)]
        np.right_shift(self._points, np.uint64(self._layout.num_bits - 1 - level), out=self._label)
        np.bitwise_xor(nodes[:, 0], self._label, out=nodes[:, 0])
        self._prg.children(nodes, self._child_room)
        masked[:, 0] = self._mask
        masked[:, 1] = self._mask
        np.bitwise_and(masked, self._seed_words[level, self._part], out=masked)
        self._node_room, self._child_room = self._child_room, self._node_room
        self._nodes = self._node_room[: len(nodes)]
        np.bitwise_xor(self._nodes, masked, out=self._nodes)
        self._update_control(level)

    def _update_control(self, level: int) -> None:
        """Set t = tau xor t (b xor c) in the highest bit, then copy it to all bits."""
        shift, swap = 64 - self._layout.num_bits + level, self._label
        np.left_shift(self._swaps, np.uint64(shift), out=swap)
        np.bitwise_and(swap, self._mask, out=swap)
        np.bitwise_xor(swap, self._tau, out=swap)
        np.right_shift(swap.view(np.int64), _SIGN, out=self._mask.view(np.int64))

    def _add_leaves(self, out: RingArray) -> None:
        """Add the element of the wide leaf selected by each point's last bits."""
        nodes, layout = self._nodes, self._layout
        nodes[:, 0] ^= self._points >> np.uint64(layout.block_bits)
        self._prg.permute_values(nodes, self._block_room)
        blocks = np.bitwise_xor(self._blocks, nodes, out=self._blocks)
        out += _pick(blocks.view(layout.dtype), self._points)
        out += _pick(self._leaf_words[self._part], self._points) & self._mask_element


def unpack_control(packed: RingArray, layout: Layout) -> Words:
    """Return control bits aligned with the points' bits of the same level.

    Parameters
    ----------
    packed : uint8 array (n, ceil(L / 8))
        As in the correction words.
    layout : Layout
        Of the batch.

    Returns
    -------
    uint64 array (n,)
        Level i is bit num_bits - 1 - i; other bits are zero.
    """
    bits = np.zeros((len(packed), 8), dtype=np.uint8)
    bits[:, : layout.control_bytes] = packed
    return bits.view(np.uint64)[:, 0] << np.uint64(layout.leaf_bits)


def _pick(rows: RingArray, points: Words) -> RingArray:
    """Return rows[i, points[i] mod the number of columns, a power of two]."""
    num_columns = rows.shape[1]
    columns = (points & np.uint64(num_columns - 1)).astype(np.intp)
    columns += np.arange(0, rows.size, num_columns)
    return rows.reshape(-1).take(columns)
