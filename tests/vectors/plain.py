"""A second implementation of every primitive, in plain integers, from the descriptions alone.

Nothing of `mpc` is used, nor NumPy. One tree, one number or one element is computed at a time. AES
comes from `cryptography`, HMAC and SHA-256 from the standard library.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.vectors.notation import RING, integers, lines, numbers

Case = dict[str, Any]


def aes(key: bytes, block: bytes) -> bytes:
    """Encrypt blocks with AES-128, each alone."""
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)  # noqa: S305


def key_stream(key: bytes, nonce: int, size: int) -> bytes:
    """Return the first bytes of a stream: AES of nonce || counter, both of 8 bytes, big-endian."""
    blocks = -(-size // 16)
    counters = b"".join(nonce.to_bytes(8, "big") + at.to_bytes(8, "big") for at in range(blocks))
    return aes(key, counters)[:size]


def elements(stream: bytes) -> list[int]:
    """Return 64-bit numbers of bytes, little-endian."""
    return [int.from_bytes(stream[at : at + 8], "little") for at in range(0, len(stream), 8)]


def aes_stream(given: Case) -> Case:
    """Draw ring elements, numbers of fewer bits, or many elements of which a digest is taken."""
    draws = given["draws"]
    size = 8 * sum(draw["count"] for draw in draws)
    stream = key_stream(bytes.fromhex(given["key"]), int(given["nonce"], 16), size)
    done, drawn = 0, []
    for draw in draws:
        piece = stream[done : done + 8 * draw["count"]]
        done += len(piece)
        if draw["as"] == "sha256":
            drawn.append(hashlib.sha256(piece).hexdigest())
        else:
            kept = (1 << draw.get("bit_length", 64)) - 1
            drawn.append(numbers([of & kept for of in elements(piece)]))
    return {"drawn": drawn}


STEPS = ("norms", "distances", "start", "assignments", "choice", "means")


def segment_key(given: Case) -> Case:
    """Derive the key of a segment's stream from all that is asked for in it."""
    step = given["step"]
    place = STEPS.index(step) if step in STEPS else len(STEPS) + int(step.split(" ")[1])
    segment = given["job"] * 2**24 + place
    text = json.dumps(given["requests"], ensure_ascii=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode("ascii")).digest()
    message = b"secfpp stream of a segment" + segment.to_bytes(8, "big") + digest
    key = hmac.new(bytes.fromhex(given["dealer_key"]), message, hashlib.sha256).digest()[:16]
    return {
        "segment": segment,
        "text": text,
        "digest": digest.hex(),
        "stream_key": key.hex(),
        "ring": numbers(elements(key_stream(key, 0, 32))),
    }


def hkdf(secret: bytes, info: bytes, size: int) -> bytes:
    """Return HKDF-SHA256 without salt."""
    extracted = hmac.digest(bytes(32), secret, "sha256")
    out = last = b""
    for at in range(1, -(-size // 32) + 1):
        last = hmac.digest(extracted, last + info + bytes([at]), "sha256")
        out += last
    return out[:size]


def x25519(private: bytes, public: bytes) -> bytes:
    """Return the X25519 function, by the ladder of RFC 7748, section 5."""
    prime = 2**255 - 19
    scalar = int.from_bytes(private, "little") & ~7 & ((1 << 254) - 1) | 1 << 254
    start = int.from_bytes(public, "little") % (1 << 255)
    x_2, z_2, x_3, z_3, swapped = 1, 0, start, 1, 0
    for at in range(254, -1, -1):
        bit = scalar >> at & 1
        if bit ^ swapped:
            x_2, z_2, x_3, z_3 = x_3, z_3, x_2, z_2
        swapped = bit
        plus, minus = x_2 + z_2, x_2 - z_2
        square, other = plus * plus % prime, minus * minus % prime
        gap = square - other
        left, right = (x_3 - z_3) * plus, (x_3 + z_3) * minus
        x_3, z_3 = (left + right) ** 2 % prime, start * (left - right) ** 2 % prime
        x_2, z_2 = square * other % prime, gap * (square + 121665 * gap) % prime
    if swapped:
        x_2, z_2 = x_3, z_3
    return (x_2 * pow(z_2, prime - 2, prime) % prime).to_bytes(32, "little")


def key_agreement(given: Case) -> Case:
    """Return a side's public bytes, and the key that it shares with a peer."""
    private, peer = bytes.fromhex(given["private"]), bytes.fromhex(given["peer_public"])
    secret = x25519(private, peer)
    return {
        "public": x25519(private, (9).to_bytes(32, "little")).hex(),
        "shared_key": hkdf(secret, given["context"].encode(), 16).hex(),
    }


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


def plan_of(num_bits: int, ring_bits: int) -> tuple[list[int], int]:
    """Return the digits that take the fewest bytes, and the bytes a number."""
    low = num_bits - 1
    fewest = -(-low // 8)
    plans = []
    for count in range(fewest, min(low, fewest + 5) + 1):
        digits = [low // count + (at < low % count) for at in range(count)]
        words = sum(1 << max(bits - 6, 0) for bits in digits)
        plans.append((8 * words + -(-3 * 2 ** (count - 1) * ring_bits // 8), count, digits))
    size, _, digits = min(plans)
    return digits, size


def lut_comparison(given: Case) -> Case:
    """Choose digits, or compare numbers by truth tables of digits."""
    if given["kind"] == "plan":
        digits, size = plan_of(given["num_bits"], given["ring_bits"])
        return {"digits": digits, "bytes_per_number": size}
    return _Digits(given).out()


class _Digits:
    """Signs of some numbers by truth tables."""

    def __init__(self, given: Case) -> None:
        self._digits, self._ring_bits = given["digits"], given["ring_bits"]
        self._x, self._r = integers(given["x"]), integers(given["r"])
        self._count, self._last = len(self._r), len(self._digits) - 1
        self._drawn_flips = integers(given["drawn_flips"])
        self._drawn = integers(given["drawn_shares"])
        self._size = 1 << self._ring_bits
        self._words = [1 << max(bits - 6, 0) for bits in self._digits]
        self._products = 3 << self._last

    def _cut(self, number: int) -> list[int]:
        """Return a number's digits, the lowest first, and its top bit."""
        out = []
        for bits in [*self._digits, 1]:
            out.append(number % (1 << bits))
            number >>= bits
        return out

    def _flips(self, drawn: list[int]) -> list[list[int]]:
        """Return bits (U, B) of drawn words: bytes in order, the highest bit of each first."""
        data = b"".join(word.to_bytes(8, "little") for word in drawn)
        bits = [byte >> (7 - at) & 1 for byte in data for at in range(8)]
        rows = 2 * len(self._digits) - 1
        return [bits[row * self._count : (row + 1) * self._count] for row in range(rows)]

    def _secret(self, at: int, flips: list[int]) -> tuple[list[int], list[int]]:
        """Return the words of tables of one number, and its products."""
        *digits, top = self._cut(self._r[at])
        words = []
        for digit, size in zip(digits, self._words, strict=True):
            table = (1 << digit) - 1  # bit z is [z < r]
            words += [(table >> 64 * place) % RING for place in range(size)]
        products, sign = [], 1 - 2 * top
        products += [sign * self._of_set(flips, chosen) for chosen in range(1 << self._last)]
        for digit in range(self._last + 1):
            flip = flips[max(2 * digit - 1, 0)]
            for chosen in range(1 << (self._last - digit)):
                products.append(sign * flip * self._of_set(flips, chosen))
        return words, [of % self._size for of in [*products, top]]

    def _of_set(self, flips: list[int], chosen: int) -> int:
        """Return the product of flips of e of a set's digits; the highest digit is bit 0."""
        out = 1
        for place in range(self._last):
            if chosen >> place & 1:
                out *= flips[2 * (self._last - place)]
        return out

    def _flat(self, words: list[list[int]], products: list[list[int]]) -> list[int]:
        """Return words (W, B) and products (E, B) as one flat array of words."""
        out = [word for row in words for word in row]
        rows = [list(row) for row in products]
        if self._ring_bits == 4:
            half = -(-len(rows) // 2)
            pad = [[0] * self._count] * (2 * half - len(rows))
            high = rows[half:] + pad
            rows = [
                [a | b << 4 for a, b in zip(*both, strict=True)]
                for both in zip(rows[:half], high, strict=True)
            ]
        width = max(self._ring_bits // 8, 1)
        data = b"".join(of.to_bytes(width, "little") for row in rows for of in row)
        return out + elements(data + bytes(-len(data) % 8))

    def _parts(self, flat: list[int]) -> tuple[list[list[int]], list[list[int]]]:
        """Return words (W, B) and products (E, B) of a flat array."""
        count, num_words = self._count, sum(self._words)
        words = [flat[row * count : (row + 1) * count] for row in range(num_words)]
        data = b"".join(of.to_bytes(8, "little") for of in flat[num_words * count :])
        width = max(self._ring_bits // 8, 1)
        num_rows = -(-self._products // 2) if self._ring_bits == 4 else self._products
        values = [
            int.from_bytes(data[at : at + width], "little")
            for at in range(0, num_rows * count * width, width)
        ]
        rows = [values[row * count : (row + 1) * count] for row in range(num_rows)]
        if self._ring_bits == 4:
            rows = [[of & 15 for of in row] for row in rows] + [
                [of >> 4 for of in row] for row in rows
            ]
        return words, rows[: self._products]

    def _looked_up(self, party: int, words: list[int], z: int) -> list[int]:
        """Return a party's shares of g and e of every digit, under xor."""
        bits, done = [], 0
        for place, digit in enumerate(self._cut(z)[:-1]):
            table = sum(
                word << 64 * at for at, word in enumerate(words[done : done + self._words[place]])
            )
            done += self._words[place]
            less = table >> digit & 1
            bits.append(less)
            if place:
                before = table >> ((digit - 1) % (1 << self._digits[place])) & 1
                bits.append(less ^ before ^ (party == 0 and digit == 0))
        return bits

    def _folded(self, party: int, products: list[int], z: int, opened: list[int]) -> int:
        """Return a party's share of [x < 0]: the sum over digits and sets, written out."""
        total, done = products[-1], 1 << self._last
        for digit in range(self._last + 1):
            u_g = opened[max(2 * digit - 1, 0)]
            sets = 1 << (self._last - digit)
            for chosen in range(sets):
                factor = 1
                for place in range(self._last - digit):
                    u_e = opened[2 * (self._last - place)]
                    factor *= 1 - 2 * u_e if chosen >> place & 1 else u_e
                plain, flipped = products[chosen], products[done + chosen]
                total += factor * (u_g * plain + (1 - 2 * u_g) * flipped)
            done += sets
        if self._cut(z)[-1]:
            total = (1 if party == 0 else 0) - total
        share: int = total % self._size
        return share

    def out(self) -> Case:
        """Return what the dealer makes, what is opened, and the shares."""
        shares_of_flips = [self._flips(drawn) for drawn in self._drawn_flips]
        flips = [
            [sum(bits) % 2 for bits in zip(*rows, strict=True)]
            for rows in zip(*shares_of_flips, strict=True)
        ]
        secret = [self._secret(at, [row[at] for row in flips]) for at in range(self._count)]
        words = [list(row) for row in zip(*(of for of, _ in secret), strict=True)]
        products = [list(row) for row in zip(*(of for _, of in secret), strict=True)]
        others = [self._parts(flat) for flat in self._drawn]
        own_words, own_products = words, products
        for their_words, their_products in others:
            own_words = [
                [a ^ b for a, b in zip(*rows, strict=True)]
                for rows in zip(own_words, their_words, strict=True)
            ]
            own_products = [
                [(a - b) % self._size for a, b in zip(*rows, strict=True)]
                for rows in zip(own_products, their_products, strict=True)
            ]
        parts = [(own_words, own_products), *others]
        points = [(a + b) % RING for a, b in zip(self._x, self._r, strict=True)]
        opened = [[0] * self._count for _ in flips]
        for party, (of_words, _) in enumerate(parts):
            for at, z in enumerate(points):
                found = self._looked_up(party, [row[at] for row in of_words], z)
                for row, bit in enumerate(found):
                    opened[row][at] ^= bit ^ shares_of_flips[party][row][at]
        shares = [
            [
                self._folded(party, [row[at] for row in of], z, [row[at] for row in opened])
                for at, z in enumerate(points)
            ]
            for party, (_, of) in enumerate(parts)
        ]
        return {
            "opened_numbers": numbers(points),
            "flips": ["".join(map(str, row)) for row in flips],
            "tables": numbers(words),
            "products": numbers(products, self._ring_bits),
            "first_share": numbers(self._flat(own_words, own_products)),
            "opened_bits": ["".join(map(str, row)) for row in opened],
            "shares": numbers(shares, self._ring_bits),
            "signs": [sum(of) % self._size for of in zip(*shares, strict=True)],
        }


def truncation(given: Case) -> Case:
    """Divide what masks hide by 2^shift, rounding down, or up."""
    shift, offset = given["shift"], 1 << 62 if given["signed"] else 0
    r = integers(given["r"])
    parts = [of >> shift for of in r], [of >> 63 for of in r]
    opened = [(a + b) % RING for a, b in zip(integers(given["x"]), r, strict=True)]
    public = [((z + offset) % RING >> shift) - (offset >> shift) for z in opened]
    may_wrap = [1 - ((z + offset) % RING >> 63) for z in opened]
    factors = [of << (64 - shift) for of in may_wrap]
    return _quotient(given, parts, opened, public, factors)


def division(given: Case) -> Case:
    """Divide what masks hide by a public number, up to less than 2."""
    divisor, offset = given["divisor"], 1 << 62
    r = integers(given["r"])
    parts = [of // divisor for of in r], [of >> 63 for of in r]
    opened = [(a + b) % RING for a, b in zip(integers(given["x"]), r, strict=True)]
    public = [(z + offset) % RING // divisor - offset // divisor for z in opened]
    factors = [(1 - ((z + offset) % RING >> 63)) * (RING // divisor) for z in opened]
    return _quotient(given, parts, opened, public, factors)


def _quotient(
    given: Case,
    parts: tuple[list[int], list[int]],
    opened: list[int],
    public: list[int],
    factors: list[int],
) -> Case:
    """Return shares of public - part + factor * top."""
    theirs = [integers(given["drawn_shares"][name]) for name in ("quotient", "top")]
    first = [
        [(whole - share) % RING for whole, share in zip(*both, strict=True)]
        for both in zip(parts, theirs, strict=True)
    ]
    shares = []
    for party, (quotients, tops) in enumerate((first, theirs)):
        rows = zip(public, quotients, factors, tops, strict=True)
        shares.append([(a * (party == 0) - b + c * d) % RING for a, b, c, d in rows])
    return {
        "quotient_of_r": numbers(parts[0]),
        "top_of_r": numbers(parts[1]),
        "first_share": {"quotient": numbers(first[0]), "top": numbers(first[1])},
        "opened": numbers(opened),
        "shares": numbers(shares),
        "value": numbers([sum(each) % RING for each in zip(*shares, strict=True)]),
    }


def lookup(given: Case) -> Case:
    """Look up a table at a number that a mask hides, with a one-hot row."""
    bits = given["bit_length"]
    size = 1 << bits
    x, r, table = (integers(given[name]) for name in ("x", "r", "table"))
    rows = [[int(place == of % size) for place in range(size)] for of in r]
    theirs = integers(given["drawn_rows"])
    first = [
        [(a - b) % RING for a, b in zip(*both, strict=True)]
        for both in zip(rows, theirs, strict=True)
    ]
    opened = [(a + b) % RING for a, b in zip(x, r, strict=True)]
    shares = [
        [
            sum(row[j] * table[(z - j) % size] for j in range(size)) % RING
            for row, z in zip(of, opened, strict=True)
        ]
        for of in (first, theirs)
    ]
    return {
        "one_hot": rows,
        "first_rows": numbers(first),
        "opened": numbers(opened),
        "shares": numbers(shares),
        "entry": numbers([sum(each) % RING for each in zip(*shares, strict=True)]),
    }
