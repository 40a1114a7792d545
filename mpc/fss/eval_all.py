"""Full-domain evaluation of point functions, one level of all trees at a time.

References
----------
Boyle, Gilboa, Ishai, CCS 2016 (eprint 2018/707), section 3.2 (evaluation on the full domain).
"""

import numpy as np

from mpc.fss.correction_words import CorrectionWords, RingArray, low_parts
from mpc.fss.eval import unpack_control
from mpc.fss.keygen import leaf_elements
from mpc.fss.prg import ALL_ONES, Prg, Words, block_room

_ONE = np.uint64(1)
_SIGN = 63


def spread(party: int, seeds: Words, words: CorrectionWords, part: slice) -> RingArray:
    """Return a party's shares of some of a batch's point functions on the full domain.

    Parameters
    ----------
    party : int
        0 or 1.
    seeds : uint64 array (B, 2)
        The party's root seeds.
    words : CorrectionWords
        Of B trees without values.
    part : slice
        Selects n trees.

    Returns
    -------
    ring array (n, 2^num_bits)
    """
    layout, prg = words.layout, Prg(words.key)
    nodes = seeds[part][:, None, :]
    masks = np.full(nodes.shape[:2], ALL_ONES if party else np.uint64(0))
    control = unpack_control(words.control[part], layout)
    for level in range(layout.levels):
        bit = (control >> np.uint64(layout.num_bits - 1 - level)) & _ONE
        children = _children(prg, nodes, masks, words.seeds[level, part])
        masks = _child_masks(prg, nodes, masks, np.negative(bit)[:, None])
        nodes = children
    shares = _leaves(prg, nodes, masks, words, part)
    return np.negative(shares, out=shares) if party else shares


def _children(prg: Prg, nodes: Words, masks: Words, seed_words: Words) -> Words:
    """Return the corrected child seeds (n, 2 m, 2) of seeds (n, m, 2)."""
    num_trees, width, _ = nodes.shape
    labelled = np.repeat(nodes, 2, axis=1)
    labelled[..., 0] ^= np.arange(2 * width, dtype=np.uint64)
    room = block_room(labelled.size // 2)
    prg.children(labelled, room)
    pairs = room[:-1].reshape(num_trees, width, 2, 2)
    for half in range(2):
        correction = seed_words[:, half, None] & masks
        pairs[:, :, 0, half] ^= correction
        pairs[:, :, 1, half] ^= correction
    return pairs.reshape(num_trees, 2 * width, 2)


def _child_masks(prg: Prg, nodes: Words, masks: Words, control: Words) -> Words:
    """Return the children's control bits (n, 2 m) as masks: tau xor t (b xor c)."""
    room = block_room(nodes.size // 2)
    blocks = np.ascontiguousarray(nodes)
    prg.permute_values(blocks, room)
    high = room[:-1, 1].reshape(masks.shape) ^ nodes[..., 1]
    tau = (high.view(np.int64) >> _SIGN).view(np.uint64)
    below = np.empty((*masks.shape, 2), dtype=np.uint64)
    below[..., 0] = tau ^ (masks & control)
    below[..., 1] = tau ^ (masks & ~control)
    return below.reshape(len(masks), -1)


def _leaves(prg: Prg, nodes: Words, masks: Words, words: CorrectionWords, part: slice) -> RingArray:
    """Return the corrected elements (n, 2^num_bits) of wide leaves."""
    layout = words.layout
    size = 1 << layout.leaf_bits
    num_blocks = max(1, size >> layout.block_bits)
    first = np.arange(nodes.shape[1], dtype=np.uint64) * np.uint64(num_blocks)
    elements = leaf_elements(prg, nodes, first, size, layout.dtype)
    correction = words.leaves[part][:, None, :] & low_parts(masks, layout.dtype)[..., None]
    shares = elements + correction
    return shares.reshape(len(nodes), -1)
