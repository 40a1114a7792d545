"""Signs by truth tables of digits: for every number and mask of few bits, at the edges of many."""

from dataclasses import dataclass

import numpy as np
import pytest

from mpc.errors import InputError
from mpc.gates.lut_comparison import (
    MOST_BITS,
    Bits,
    Plan,
    RingArray,
    Words,
    fitting,
    folded,
    looked_up,
    make,
    plan_of,
)
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import AesCtrStream, new_key

BITS = [2, 3, 7, 8, 9, 16, 31, 32, 36, 40, MOST_BITS]


@dataclass
class Dealt:
    """Tables and products for masks, as some parties have them."""

    plan: Plan
    parts: list[tuple[Words, RingArray]]
    flips: list[Bits]

    @classmethod
    def of(cls, plan: Plan, r: Int64Array, num_parties: int = 2) -> "Dealt":
        streams = [AesCtrStream(new_key()) for _ in range(num_parties)]
        flips = [plan.flips(s.ring((plan.flips_size(len(r)),)), len(r)) for s in streams]
        others = [s.ring((plan.size(len(r)),)) for s in streams[1:]]
        secret = make(plan, r.view(np.uint64), np.bitwise_xor.reduce(flips))
        flat = fitting(plan, secret, others), *others
        return cls(plan, [plan.parts(of.view(np.uint64), len(r)) for of in flat], flips)

    def opened(self, z: Words) -> Bits:
        bits = [
            looked_up(self.plan, party, words, z) ^ flips
            for party, ((words, _), flips) in enumerate(zip(self.parts, self.flips, strict=True))
        ]
        total: Bits = np.bitwise_xor.reduce(bits)
        return total


def signs(plan: Plan, x: Int64Array, r: Int64Array, num_parties: int = 2) -> RingArray:
    """Return what the parties' shares of [x < 0] add up to."""
    dealt, z = Dealt.of(plan, r, num_parties), (x + r).view(np.uint64)
    opened = dealt.opened(z)
    shares = [
        folded(plan, party, products, z, opened) for party, (_, products) in enumerate(dealt.parts)
    ]
    assert all(share.dtype == plan.dtype for share in shares)
    total: RingArray = np.add.reduce(shares, dtype=plan.dtype)
    return total if plan.ring_bits > 4 else np.bitwise_and(total, 15, dtype=plan.dtype)


def masks(count: int) -> Int64Array:
    return AesCtrStream(new_key()).ring((count,))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num_parties", "ring_bits"),
    [
        *((2, 4), (2, 8), (2, 64), (3, 8), (5, 4)),
        *(
            pytest.param(*slow, marks=pytest.mark.slow)
            for slow in ((3, 4), (3, 64), (5, 8), (5, 64))
        ),
    ],
)
@pytest.mark.parametrize(
    "digits", [(7,), (4, 3), (1, 1, 1, 1, 1, 1, 1), (3, 2, 2), (2, 1, 1, 1, 1, 1), None]
)
def test_every_number_under_every_mask(
    digits: tuple[int, ...] | None, ring_bits: int, num_parties: int
) -> None:
    plan = plan_of(8, ring_bits) if digits is None else Plan(digits, ring_bits)
    x, r = (grid.reshape(-1) for grid in np.meshgrid(np.arange(-128, 128), np.arange(256)))
    assert np.array_equal(signs(plan, x, r, num_parties), x < 0)


@pytest.mark.parametrize("num_parties", [2, 3])
@pytest.mark.parametrize("ring_bits", [4, 8, 64])
@pytest.mark.parametrize("num_bits", BITS)
def test_many_bits_at_the_edges(num_bits: int, ring_bits: int, num_parties: int) -> None:
    """Also where mask and number agree in all low digits, or differ in the lowest bit alone."""
    limit = 1 << (num_bits - 1)
    edges = np.array([0, -1, 1 % limit, limit - 1, -limit, limit // 2, -limit // 2])
    drawn = np.random.default_rng(num_bits).integers(-limit, limit, size=600)
    x = np.concatenate([np.repeat(edges, 100), drawn])
    found = signs(plan_of(num_bits, ring_bits), x, masks(len(x)), num_parties)
    assert np.array_equal(found, x < 0)


def test_bits_above_are_ignored() -> None:
    x = np.random.default_rng(0).integers(-(1 << 31), 1 << 31, size=400)
    above = np.random.default_rng(1).integers(0, 1 << 31, size=400) << 32
    assert np.array_equal(signs(plan_of(32, 8), x + above, masks(400)), x < 0)


@pytest.mark.parametrize("num_bits", BITS)
@pytest.mark.parametrize("ring_bits", [4, 8, 64])
def test_a_plan_cuts_all_bits_but_the_sign_and_counts_what_is_sent(
    num_bits: int, ring_bits: int
) -> None:
    plan = plan_of(num_bits, ring_bits)
    assert plan.num_bits == num_bits
    for words, products in Dealt.of(plan, masks(6)).parts:
        assert words.shape == (plan.words, 6)
        assert products.shape == (plan.products, 6)
        sent = 8 * plan.words + -(-plan.products * ring_bits // 8)
        assert plan.bytes_per_number == sent
        assert 8 * plan.size(6) - 6 * sent in range(8)


def test_compared_numbers_take_72_bytes() -> None:
    assert plan_of(32, 4) == Plan((7, 6, 6, 6, 6), 4)
    assert plan_of(32, 4).bytes_per_number == 72
    assert plan_of(32, 8).bytes_per_number == 96


@pytest.mark.parametrize(("num_bits", "ring_bits"), [(1, 8), (MOST_BITS + 1, 8), (32, 16), (32, 5)])
def test_what_there_is_no_plan_for(num_bits: int, ring_bits: int) -> None:
    with pytest.raises(InputError, match=r"digits are for 2\.\.48|choose 4"):
        plan_of(num_bits, ring_bits)


def test_what_a_party_sees_does_not_depend_on_number_or_mask() -> None:
    """Share of tables, share of products and opened bits: each bit of them is a fair coin.

    A mean of 2^14 coins is off by more than 5 standard deviations once in 1.7 million.
    """
    plan, count = plan_of(32, 8), 1 << 14
    for value in (0, -1, 1 << 30):
        x, r = np.full(count, value), np.full(count, 12345)
        dealt = Dealt.of(plan, r)
        opened = dealt.opened((x + r).view(np.uint64))
        for seen in (opened, *(bits_of(part) for pair in dealt.parts for part in pair)):
            deviation = np.abs(seen.mean(axis=1) - 0.5) * 2 * np.sqrt(count)
            assert deviation.max() < 5.5, (value, deviation.max())


def bits_of(array: RingArray) -> RingArray:
    """Return all bits of every row's elements, (rows x bits, B)."""
    width = 8 * array.itemsize
    places = np.arange(width, dtype=array.dtype)[:, None]
    return ((array[:, None, :] >> places) & array.dtype.type(1)).reshape(-1, array.shape[1])


def test_opened_bits_say_nothing_of_a_comparison() -> None:
    """Each is flipped by a bit of its own: no two of them hang together, whatever x is."""
    plan, count = plan_of(32, 8), 1 << 14
    x = np.where(np.arange(count) % 2, 3, -3)
    r = masks(count)
    opened = Dealt.of(plan, r).opened((x + r).view(np.uint64))
    beside = np.concatenate([opened, (x < 0)[None].astype(np.uint8)]) * 2.0 - 1.0
    correlation = np.abs(beside @ beside.T / np.sqrt(count) - np.sqrt(count) * np.eye(len(beside)))
    assert correlation.max() < 5.5
