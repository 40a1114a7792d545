"""Comparisons by look-up tables of digits, in plain integers; see `plain`."""

from typing import Any

from tests.vectors.notation import RING, integers, numbers
from tests.vectors.plain_streams import elements

Case = dict[str, Any]


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


Rows = list[list[int]]


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

    def _dealt(self, words: Rows, products: Rows) -> list[tuple[Rows, Rows]]:
        """Return the shares of words and products; the first party's make the others fit."""
        others = [self._parts(flat) for flat in self._drawn]
        for their_words, their_products in others:
            words = [
                [a ^ b for a, b in zip(*rows, strict=True)]
                for rows in zip(words, their_words, strict=True)
            ]
            products = [
                [(a - b) % self._size for a, b in zip(*rows, strict=True)]
                for rows in zip(products, their_products, strict=True)
            ]
        return [(words, products), *others]

    def _opened(self, words_of: list[Rows], points: list[int], flips_of: list[Rows]) -> Rows:
        """Return the bits (U, B) that the parties open: what stands at the points, flipped."""
        opened = [[0] * self._count for _ in flips_of[0]]
        for party, (words, flips) in enumerate(zip(words_of, flips_of, strict=True)):
            for at, z in enumerate(points):
                found = self._looked_up(party, [row[at] for row in words], z)
                for row, (bit, flip) in enumerate(zip(found, flips, strict=True)):
                    opened[row][at] ^= bit ^ flip[at]
        return opened

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
        own, *others = self._dealt(words, products)
        points = [(a + b) % RING for a, b in zip(self._x, self._r, strict=True)]
        opened = self._opened([of for of, _ in (own, *others)], points, shares_of_flips)
        shares = [
            [
                self._folded(party, [row[at] for row in of], z, [row[at] for row in opened])
                for at, z in enumerate(points)
            ]
            for party, (_, of) in enumerate((own, *others))
        ]
        return {
            "opened_numbers": numbers(points),
            "flips": ["".join(map(str, row)) for row in flips],
            "tables": numbers(words),
            "products": numbers(products, self._ring_bits),
            "first_share": numbers(self._flat(*own)),
            "opened_bits": ["".join(map(str, row)) for row in opened],
            "shares": numbers(shares, self._ring_bits),
            "signs": [sum(of) % self._size for of in zip(*shares, strict=True)],
        }
