"""Trees of function secret sharing, in plain integers; see `plain`."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from tests.vectors.notation import RING, integers, lines, numbers
from tests.vectors.plain_streams import aes

Case = dict[str, Any]


class Tree:
    """One tree of a batch; blocks of 16 bytes are little-endian integers of 128 bits."""

    def __init__(self, key: bytes, num_bits: int, ring_bits: int, has_values: bool) -> None:
        keys = hashlib.sha256(b"mpc.fss: permutations of nodes and values" + key).digest()
        self._keys = keys[:16], keys[16:]
        self.num_bits, self.ring_bits, self.has_values = num_bits, ring_bits, has_values
        self.block_bits = {8: 4, 64: 1}[ring_bits]
        self.leaf_bits = min(num_bits, self.block_bits + 1)
        self.levels = num_bits - self.leaf_bits
        self.size = 1 << ring_bits

    def hashed(self, which: int, block: int) -> int:
        """Return H_1 for which = 0, H_2 for which = 1: AES of a block, xor the block."""
        out = aes(self._keys[which], block.to_bytes(16, "little"))
        return int.from_bytes(out, "little") ^ block

    def value(self, node: int) -> tuple[int, int]:
        """Return a node's value and the bit tau."""
        block = self.hashed(1, node)
        return (block >> 64 if self.ring_bits == 8 else block) % self.size, block >> 127

    def leaf(self, node: int, point: int) -> int:
        """Return what a leaf's node gives at a point, without the leaf word."""
        block = self.hashed(1, node ^ (point >> self.block_bits))
        place = point % (1 << self.block_bits)
        return (block >> (place * self.ring_bits)) % self.size

    def grow(self, alpha: int, beta: int, offset: int, roots: tuple[int, int]) -> Case:
        """Return seed words, value words, leaf words and control bits of one tree."""
        nodes, flags = list(roots), [0, 1]
        reached = -offset if self.has_values else 0
        words: Case = {"seeds": [], "values": [], "control": []}
        for level in range(self.levels):
            label = alpha >> (self.num_bits - 1 - level)
            bit = label & 1
            (value_0, tau_0), (value_1, tau_1) = (self.value(node) for node in nodes)
            if self.has_values:
                target = beta * bit
                word = target - reached - value_0 + value_1
                words["values"].append((-word if flags[1] else word) % self.size)
                reached = target
            lost = [self.hashed(0, node ^ label ^ 1) for node in nodes]
            words["seeds"].append(lost[0] ^ lost[1])
            turn = 1 ^ tau_0 ^ tau_1
            words["control"].append(turn ^ bit)
            nodes = [
                self.hashed(0, node ^ label) ^ (flag * words["seeds"][-1])
                for node, flag in zip(nodes, flags, strict=True)
            ]
            flags = [tau ^ (flag & turn) for tau, flag in zip((tau_0, tau_1), flags, strict=True)]
        words["leaves"] = []
        first = alpha >> self.leaf_bits << self.leaf_bits
        for point in range(first, first + (1 << self.leaf_bits)):
            hit = point < alpha if self.has_values else point == alpha
            word = beta * hit - reached - self.leaf(nodes[0], point) + self.leaf(nodes[1], point)
            words["leaves"].append((-word if flags[1] else word) % self.size)
        return words

    def walk(self, party: int, root: int, words: Case, point: int) -> int:
        """Return a party's share at a point."""
        node, flag, total = root, party, 0
        for level in range(self.levels):
            label = point >> (self.num_bits - 1 - level)
            value, tau = self.value(node)
            if self.has_values:
                total += value + flag * words["values"][level]
            node = self.hashed(0, node ^ label) ^ (flag * words["seeds"][level])
            flag = tau ^ (flag & ((label & 1) ^ words["control"][level]))
        total += self.leaf(node, point) + flag * words["leaves"][point % (1 << self.leaf_bits)]
        share: int = (-total if party else total) % self.size
        return share

    def flat(self, batch: list[Case], key: bytes) -> bytes:
        """Return the words of a batch as they go over the wire."""
        width = self.ring_bits // 8
        out = b""
        for level in range(self.levels):
            out += b"".join(words["seeds"][level].to_bytes(16, "little") for words in batch)
        for level in range(self.levels if self.has_values else 0):
            out += b"".join(words["values"][level].to_bytes(width, "little") for words in batch)
        for words in batch:
            out += b"".join(word.to_bytes(width, "little") for word in words["leaves"])
        for words in batch:
            packed = sum(
                bit << (self.levels - 1 - level) for level, bit in enumerate(words["control"])
            )
            out += packed.to_bytes(-(-self.levels // 8), "little")
        return out + key


def pairs_of(blocks: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield all pairs of candidates inside blocks, the lower first."""
    start = 0
    for size in blocks:
        for low in range(start, start + size):
            yield from ((low, high) for high in range(low + 1, start + size))
        start += size


def differences(rows: list[list[int]], blocks: Sequence[int]) -> list[int]:
    """Return the higher candidate less the lower one, of every pair of every row."""
    return [(row[high] - row[low]) % RING for row in rows for low, high in pairs_of(blocks)]


def _roots(given: Case) -> list[tuple[int, int]]:
    """Return both parties' root seeds, one pair a tree."""
    blocks = [
        [int.from_bytes(bytes.fromhex(of), "little") for of in each] for each in given["seeds"]
    ]
    return list(zip(*blocks, strict=True))


def dcf(given: Case) -> Case:
    """Make and walk the trees of comparisons."""
    key, ring_bits = bytes.fromhex(given["key"]), given["ring_bits"]
    tree, roots = Tree(key, given["num_bits"], ring_bits, True), _roots(given)
    payloads = (integers(given[name]) for name in ("alpha", "beta", "offset"))
    batch = [
        tree.grow(alpha, beta, offset, root)
        for alpha, beta, offset, root in zip(*payloads, roots, strict=True)
    ]
    shares = [
        [
            [
                tree.walk(party, root[party], words, point)
                for root, words, point in zip(roots, batch, row, strict=True)
            ]
            for row in integers(given["points"])
        ]
        for party in (0, 1)
    ]
    total = [
        [(a + b) % tree.size for a, b in zip(*rows, strict=True)]
        for rows in zip(*shares, strict=True)
    ]
    return {
        "words": lines(tree.flat(batch, key)),
        "shares": numbers(shares, ring_bits),
        "sums": numbers(total, ring_bits),
    }


def sign(given: Case) -> Case:
    """Make and walk the trees of signs, or of signs of all pairs."""
    blocks, bits = given.get("blocks", []), given["num_bits"]
    x, r = integers(given["x"]), integers(given["r"])
    if blocks:
        sums = [
            [(a + b) % RING for a, b in zip(*rows, strict=True)] for rows in zip(x, r, strict=True)
        ]
        opened = numbers(sums)
        masks, z = differences(r, blocks), differences(sums, blocks)
    else:
        masks, z = r, [(a + b) % RING for a, b in zip(x, r, strict=True)]
        opened = numbers(z)
    key, ring_bits = bytes.fromhex(given["key"]), given["ring_bits"]
    tree, size = Tree(key, bits - 1, ring_bits, True), 1 << ring_bits
    batch: list[Case] = []
    shares: tuple[list[int], list[int]] = ([], [])
    for mask, point, roots in zip(masks, z, _roots(given), strict=True):
        top, low = mask >> (bits - 1) & 1, mask % (1 << (bits - 1))
        words = tree.grow(low, 1 - 2 * top, top, roots)
        batch.append(words)
        for party in (0, 1):
            share = tree.walk(party, roots[party], words, point % (1 << (bits - 1)))
            if point >> (bits - 1) & 1:
                share = (1 - party - share) % size
            shares[party].append(share)
    total = [sum(each) % size for each in zip(*shares, strict=True)]
    return {
        "opened": opened,
        "words": lines(tree.flat(batch, key)),
        "shares": numbers(shares, ring_bits),
        "sums": numbers(total, ring_bits),
    }


def dpf(given: Case) -> Case:
    """Make point functions, and expand them."""
    key, ring_bits, bits = bytes.fromhex(given["key"]), given["ring_bits"], given["num_bits"]
    tree, roots, size = Tree(key, bits, ring_bits, False), _roots(given), 1 << bits
    alphas = integers(given["alpha"])
    batch = [tree.grow(alpha, 1, 0, root) for alpha, root in zip(alphas, roots, strict=True)]
    rows = [
        [
            [tree.walk(party, root[party], words, point) for point in range(size)]
            for root, words in zip(roots, batch, strict=True)
        ]
        for party in (0, 1)
    ]
    return {
        "words": lines(tree.flat(batch, key)),
        "rows": numbers(rows, ring_bits),
    }
