"""Signs of masked numbers, digit by digit, from one-time truth tables, for any number of parties.

The dealer knows the mask r of a number x of n bits, and z = x + r is open. As in `mpc.fss.sign`,

    [x < 0] = z_top xor r_top xor f,    f = [z_low < r_low].

The low bits are split into C digits, the lowest first. With g_c = [z_c < r_c] and e_c = [z_c =
r_c], of which at most one is 1,

    f = g_{C-1} + e_{C-1} (g_{C-2} + e_{C-2} (... + e_1 g_0)).

First round. The dealer xor-shares a table of g_c over all values of z_c. The entry at z_c gives
shares of g_c; with the entry before it, also of e_c. Parties open all of these bits xored with
secret flips, of which each party has drawn shares. The opened bits are therefore uniform.

Second step. With u open and flip v, the bit is u + (1 - 2 u) v, so f is a sum of products of flips
with public signs. The dealer, who knows the flips, shares these products times 1 - 2 r_top, mod
2^4, 2^8 or 2^64. This factor turns the outer xor into a sum. With r_top there are 3 * 2^(C-1)
shared elements. Parties add them up, one digit after the other, without a message.

Every party except party 0 draws its share of tables and products from its stream; the dealer sends
party 0 the correction. No party learns anything about r, so the r of several numbers may depend on
one another.

Shape letters: B numbers, U bits to open of each, W words of tables, E products.

References
----------
Ishai, Kushilevitz, Meldgaard, Orlandi, Paskin-Cherniavsky: On the power of correlated randomness in
secure computation, TCC 2013 (one-time truth tables). Damgard, Nielsen, Nielsen, Ranellucci: The
TinyTable protocol for 2-party secure computation, CRYPTO 2017 (opening a table's output flipped by
a bit that later steps take into account). Garay, Schoenmakers, Villegas: Practical and secure
solutions for integer comparison, PKC 2007 (digits).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mpc.errors import InputError
from mpc.ring.fixedpoint import Int64Array

Words: TypeAlias = NDArray[np.uint64]
RingArray: TypeAlias = NDArray[np.unsignedinteger[Any]]
Bits: TypeAlias = NDArray[np.uint8]

MOST_BITS: Final = 48
"""Most bits of numbers; more bits have too many products of flips."""
_MOST_DIGIT_BITS: Final = 8
_WORD_BITS: Final = 6
"""Log2 of the bits in a word."""
_ONE: Final = np.uint64(1)
_DTYPES: Final[dict[int, type[np.unsignedinteger[Any]]]] = {4: np.uint8, 8: np.uint8, 64: np.uint64}
"""Data types of numbers mod 2^4, 2^8, 2^64."""
_HALF: Final = 4
"""Bits of half a byte: two numbers mod 2^4 are sent in one byte."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Split of numbers into digits, and sizes of the tables and products of each number.

    Parameters
    ----------
    digits : tuple of int
        Bits of each digit, the lowest first.
    ring_bits : int
        4, 8 or 64: shares of signs are mod 2^ring_bits.
    """

    digits: tuple[int, ...]
    ring_bits: int

    @property
    def num_bits(self) -> int:
        """Bits n of the numbers, including the sign."""
        return sum(self.digits) + 1

    @property
    def opened_bits(self) -> int:
        """U: bits that are opened of each number: g_0, then g and e of every other digit."""
        return 2 * len(self.digits) - 1

    @property
    def words(self) -> int:
        """W: words of 64 bits that the tables of a number take."""
        return sum(self.table_words)

    @property
    def table_words(self) -> tuple[int, ...]:
        """Words of each digit's table, which may fill only a part of them."""
        return tuple(1 << max(bits - _WORD_BITS, 0) for bits in self.digits)

    @property
    def products(self) -> int:
        """E: products of flips, and r_top."""
        return 3 << (len(self.digits) - 1)

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """The type that ring elements are held in: uint8 or uint64."""
        return np.dtype(_DTYPES[self.ring_bits])

    @property
    def _rows(self) -> int:
        """Rows in which products are sent."""
        return -(-self.products * self.ring_bits // (8 * self.dtype.itemsize))

    @property
    def bytes_per_number(self) -> int:
        """Bytes from the dealer to party 0, except the padding of a batch's last word."""
        return 8 * self.words + self._rows * self.dtype.itemsize

    def size(self, count: int) -> int:
        """Return the words of the flat array of tables and products of `count` numbers."""
        return self.words * count + -(-self._rows * count * self.dtype.itemsize // 8)

    def flips_size(self, count: int) -> int:
        """Return the words of the shares of flips."""
        return -(-self.opened_bits * count // 64)

    def flips(self, drawn: Int64Array, count: int) -> Bits:
        """Return flips, or a party's shares of them, (U, B), from drawn words."""
        size = self.opened_bits * count
        return np.unpackbits(drawn.view(np.uint8), count=size).reshape(-1, count)

    def parts(self, flat: Words, count: int) -> tuple[Words, RingArray]:
        """Return a view of the words of tables, (W, B), and the products, (E, B)."""
        words, rows = self._views(flat, count)
        if self.ring_bits == 8 * self.dtype.itemsize:
            return words, rows
        return words, np.concatenate([rows & 15, rows >> _HALF])[: self.products]

    def _views(self, flat: Words, count: int) -> tuple[Words, RingArray]:
        ends = self.words * count
        rows = flat[ends:].view(self.dtype)[: self._rows * count]
        return flat[:ends].reshape(self.words, count), rows.reshape(self._rows, count)

    def flat(self, words: Words, products: RingArray) -> Words:
        """Return the flat array of words and products; the inverse of `parts`."""
        count = words.shape[1]
        flat = np.zeros(self.size(count), dtype=np.uint64)
        own_words, rows = self._views(flat, count)
        own_words[:] = words
        if self.ring_bits == 8 * self.dtype.itemsize:
            rows[:] = products
        else:
            rows[:], high = products[: len(rows)] & 15, products[len(rows) :]
            rows[: len(high)] |= high << _HALF
        return flat


@lru_cache(maxsize=64)
def plan_of(num_bits: int, ring_bits: int) -> Plan:
    """Return the plan with the fewest bytes.

    Parameters
    ----------
    num_bits : int
        2 to 48.
    ring_bits : int
        4, 8 or 64.

    Raises
    ------
    InputError
        A number is out of its range.
    """
    if not 2 <= num_bits <= MOST_BITS:
        raise InputError(f"numbers have {num_bits} bits; digits are for 2..{MOST_BITS}")
    if ring_bits not in _DTYPES:
        raise InputError(f"ring_bits is {ring_bits}; choose 4, 8 or 64")
    low = num_bits - 1
    fewest = -(-low // _MOST_DIGIT_BITS)
    plans = [Plan(_cut(low, count), ring_bits) for count in range(fewest, min(low, fewest + 5) + 1)]
    return min(plans, key=lambda plan: plan.bytes_per_number)


def _cut(bits: int, count: int) -> tuple[int, ...]:
    """Split bits into digits of equal length; the lowest digits may have one bit more."""
    each, longer = divmod(bits, count)
    return tuple(each + (digit < longer) for digit in range(count))


def make(plan: Plan, masks: Words, flips: Bits) -> tuple[Words, RingArray]:
    """Make tables and products for B numbers, as the dealer.

    Parameters
    ----------
    plan : Plan
    masks : uint64 array (B,)
        r; bits from n on are ignored.
    flips : uint8 array (U, B)
        The xor of the parties' shares of flips.

    Returns
    -------
    uint64 array (W, B)
        Tables, to be xor-shared; bit i of word j belongs to digit value 64 j + i.
    ring array (E, B)
        Products, to be shared additively; see `_products`.
    """
    digits, top = _split(plan, masks)
    words = np.empty((plan.words, len(masks)), dtype=np.uint64)
    done = 0
    for size, values in zip(plan.table_words, digits, strict=True):
        _write(words[done : done + size], values)
        done += size
    return words, _products(plan, flips, top)


def _write(table: Words, values: Words) -> None:
    """Write the table of [z < r] for every z: r ones from bit 0 on."""
    ones = (_ONE << (values & np.uint64(63))) - _ONE
    if len(table) == 1:
        table[0] = ones
        return
    last = values >> np.uint64(_WORD_BITS)
    for place in map(np.uint64, range(len(table))):
        full = np.negative((last > place).astype(np.uint64))
        table[place] = np.where(last == place, ones, full)


def _products(plan: Plan, flips: Bits, top: Words) -> RingArray:
    """Return products of flips, (E, B).

    Let w = 1 - 2 r_top, v_c the flip of e_c, and S a set of digits from 1 on. First come w times
    all v_c of S, for every S; then, for each digit, w times the flip of its g times all v_c of S,
    for every S of higher digits; last, r_top. Sets are numbered in binary with the highest digit as
    the lowest bit, so the sets of digits above any given one come first.
    """
    masks = np.negative(flips.astype(plan.dtype))
    products = np.empty((plan.products, flips.shape[1]), dtype=plan.dtype)
    last = len(plan.digits) - 1
    products[0] = 1 - 2 * top.astype(plan.dtype)
    for below, digit in enumerate(range(last, 0, -1)):
        half = 1 << below
        np.bitwise_and(products[:half], masks[_place_of_e(digit)], out=products[half : 2 * half])
    done = 1 << last
    for digit in range(last + 1):
        sets = 1 << (last - digit)
        flip = masks[_place_of_g(digit)]
        np.bitwise_and(products[:sets], flip, out=products[done : done + sets])
        done += sets
    products[done] = top
    return products


def fitting(plan: Plan, secret: tuple[Words, RingArray], others: Sequence[Int64Array]) -> Words:
    """Return party 0's share of the result of `make`, given the flat shares of all others."""
    words, products = secret
    for share in others:
        their_words, their_products = plan.parts(share.view(np.uint64), words.shape[1])
        words = words ^ their_words
        products = products - their_products
    return plan.flat(words, products)


def looked_up(plan: Plan, party: int, words: Words, points: Words) -> Bits:
    """Return a party's xor shares of g and e, which must be flipped before they are opened.

    Parameters
    ----------
    plan : Plan
    party : int
        0 for one of them.
    words : uint64 array (W, B)
        Its shares of the tables.
    points : uint64 array (B,)
        z, public.

    Returns
    -------
    uint8 array (U, B)
        0 or 1.

    Notes
    -----
    [z = r] = [z < r] xor [z - 1 < r] for z > 0. For z = 0 the table is read at its end, where it is
    0 instead of 1.
    """
    digits, _ = _split(plan, points)
    bits = np.empty((plan.opened_bits, len(points)), dtype=np.uint8)
    done = 0
    for digit, (size, values) in enumerate(zip(plan.table_words, digits, strict=True)):
        table = words[done : done + size]
        bits[_place_of_g(digit)] = _bit_at(table, values)
        if digit > 0:
            end = np.uint64((1 << plan.digits[digit]) - 1)
            equal = bits[_place_of_e(digit)]
            equal[:] = _bit_at(table, (values - _ONE) & end)
            equal ^= bits[_place_of_g(digit)]
            if party == 0:
                equal ^= values == 0
        done += size
    return bits


def _bit_at(table: Words, values: Words) -> Words:
    word = table[0]
    if len(table) > 1:
        places = (values >> np.uint64(_WORD_BITS)).view(np.int64)
        word = np.take_along_axis(table, places[None], axis=0)[0]
    bit: Words = (word >> (values & np.uint64(63))) & _ONE
    return bit


def _place_of_g(digit: int) -> int:
    """Return the index of a digit's g among the opened bits."""
    return max(2 * digit - 1, 0)


def _place_of_e(digit: int) -> int:
    return 2 * digit


def folded(plan: Plan, party: int, products: RingArray, points: Words, opened: Bits) -> RingArray:
    """Return a party's additive shares of [x < 0].

    Parameters
    ----------
    plan : Plan
    party : int
        0 for one of them.
    products : ring array (E, B)
        Its shares.
    points : uint64 array (B,)
        z, public.
    opened : uint8 array (U, B)
        The opened bits.

    Returns
    -------
    ring array (B,)
        Correct mod 2^ring_bits.
    """
    signs = opened.astype(plan.dtype)
    last = len(plan.digits) - 1
    done = 1 << last
    below: RingArray | None = None
    for digit in range(last + 1):
        sets = 1 << (last - digit)
        of_g = products[:sets], products[done : done + sets]
        value = _unflipped(*of_g, signs[_place_of_g(digit)])
        if below is not None:
            value += _unflipped(below[:sets], below[sets:], signs[_place_of_e(digit)])
        below = value
        done += sets
    share: RingArray = value[0] + products[done]
    top = ((points >> np.uint64(plan.num_bits - 1)) & _ONE).astype(plan.dtype)
    share ^= np.negative(top)
    share += top  # negated where z_top is 1; party 0 adds 1 there
    return share if party else np.add(share, top, out=share)


def _unflipped(plain: RingArray, flipped: RingArray, bit: RingArray) -> RingArray:
    """Return bit * plain + (1 - 2 bit) * flipped."""
    ones = np.negative(bit)
    value: RingArray = flipped ^ ones
    value += bit
    value += plain & ones
    return value


def _split(plan: Plan, numbers: Words) -> tuple[list[Words], Words]:
    """Return the digits of numbers, the lowest first, and their top bits."""
    digits, shift = [], 0
    for bits in plan.digits:
        digits.append((numbers >> np.uint64(shift)) & np.uint64((1 << bits) - 1))
        shift += bits
    return digits, (numbers >> np.uint64(shift)) & _ONE
