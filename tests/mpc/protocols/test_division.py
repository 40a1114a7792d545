"""Division by secret counts, held against exact rational arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.jobs.job import MAX_POINTS
from mpc.ring import quotient_tables as quotients
from mpc.ring.fixedpoint import (
    COMPARED_FRACTION,
    DISTANCE_BITS,
    GRAM_BITS,
    TABLE_BITS,
    Int64Array,
    tie_units,
)
from mpc.ring.quotient_tables import (
    HIGH_SHIFT,
    HIGHER_SHIFT,
    Tables,
    between_bits,
    between_tables,
)
from tests.mpc.conftest import Parties

NUM_POINTS = [1, 9, 150, MAX_POINTS]


def bound(v: int, shift: int = HIGH_SHIFT) -> Fraction:
    """Return how far a quotient may be off, in units of its last place.

    The tables' entries are off by 1/2 each; the high part of v, or 1 more, multiplies the one, and
    the low part the other.
    """
    return Fraction(v >> shift, 2) + Fraction(1, 2) + Fraction(1 << shift, 2)


def cases(num_points: int, seed: int = 0) -> tuple[Int64Array, Int64Array]:
    """Return sums' squared lengths V and counts c: V = 0 .. c^2, c among them 0, 1 and the last."""
    rng = np.random.default_rng(seed)
    edges = np.minimum([0, 1, 2, 3, num_points // 2, num_points - 1, num_points], num_points)
    counts = np.concatenate([edges, rng.integers(1, num_points + 1, size=9)])
    longest = counts.astype(np.int64) ** 2 << GRAM_BITS
    part = np.concatenate([np.ones(len(edges)), rng.random(9)])
    return (longest * part).astype(np.int64), counts


@pytest.mark.parametrize("num_points", NUM_POINTS)
def test_lengths_over_squared_counts(any_parties: Parties, num_points: int) -> None:
    """Of the largest, 2^62 and more with 8191 points, too."""
    v_C, counts_C = cases(num_points)
    v_C[-1] += v_C[-1] >> 10  # norms are over 1 by rounding
    found_C = any_parties("quotients", v_C, counts_C, function="squares", num_points=num_points)
    for v, count, found in zip(v_C.tolist(), counts_C.tolist(), found_C.tolist(), strict=True):
        if count == 0:
            assert found == 0
            continue
        exact = Fraction(v << DISTANCE_BITS, count**2 << GRAM_BITS)
        assert abs(found - exact) <= bound(v), (v, count)


@pytest.mark.parametrize("num_points", NUM_POINTS)
def test_lengths_over_counts(any_parties: Parties, num_points: int) -> None:
    v_C, counts_C = cases(num_points, seed=1)
    found_C = any_parties("quotients", v_C, counts_C, function="counts", num_points=num_points)
    scale = 1 << between_bits(num_points)
    for v, count, found in zip(v_C.tolist(), counts_C.tolist(), found_C.tolist(), strict=True):
        exact = Fraction(v * scale, count << GRAM_BITS) if count else 0
        assert abs(found - exact) <= (bound(v, HIGHER_SHIFT) if count else 0), (v, count)


def test_the_sum_of_all_that_is_explained_fits_the_ring() -> None:
    for num_points in range(1, MAX_POINTS + 1):
        bits = between_bits(num_points)
        assert num_points * 2**bits <= 2**62 < (num_points + 1) * 2 ** (bits + 1)


def test_the_high_part_is_right_or_one_more(any_parties: Parties) -> None:
    edges = [0, 1, (1 << HIGH_SHIFT) - 1, 1 << HIGH_SHIFT, 1 << 62, (1 << 63) - 1]
    v = np.concatenate([edges, np.random.default_rng(1).integers(0, 1 << 63, size=5_000)])
    excess = any_parties("high_part", v) - (v >> HIGH_SHIFT)
    assert set(np.unique(excess)) == {0, 1}


def test_a_split_is_one_round_and_a_quotient_none(parties: Parties) -> None:
    parties("high_part", np.arange(4))
    assert parties.rounds == 1
    counts = np.array([0, 1, 2])
    parties("quotients", counts, counts, function="squares", num_points=5)
    assert parties.rounds == 1 + 1  # the look-up, and the three openings at once


def _value(v: int, low: int, rest: int, borrow: int, shift: int) -> int:
    """Return what `quotients` computes, if the high part is as much too large."""
    return v * low + ((v >> shift) + borrow) * rest


@settings(max_examples=300, deadline=None)
@given(data=st.data(), borrow=st.integers(0, 1))
def test_any_length_and_count_up_to_8191(data: st.DataObject, borrow: int) -> None:
    num_points = data.draw(st.integers(1, MAX_POINTS))
    count = data.draw(st.integers(1, num_points))
    v = data.draw(st.integers(0, count**2 << GRAM_BITS))
    squares, counts = quotients.squared_reciprocals(num_points), between_tables(num_points)
    exact_square = Fraction(v << TABLE_BITS, count**2)
    exact = Fraction(v << between_bits(num_points), count << GRAM_BITS)
    for tables, quotient, shift in (
        (squares, exact_square, HIGH_SHIFT),
        (counts, exact, HIGHER_SHIFT),
    ):
        found = _value(v, int(tables.low[count]), int(tables.rest[count]), borrow, shift)
        assert abs(found - quotient) <= bound(v, shift)
        assert abs(found) < 1 << 63


@pytest.mark.parametrize("num_points", NUM_POINTS)
def test_tables_have_an_entry_for_every_number_of_their_bits(num_points: int) -> None:
    length = 1 << num_points.bit_length()
    assert length > num_points
    tables = [
        quotients.squared_reciprocals(num_points),
        quotients.reciprocals(num_points),
        between_tables(num_points),
    ]
    columns = [column for of in tables for column in (of.low, of.rest)]
    columns.append(quotients.far_if_empty(num_points))
    for table in columns:
        assert table.shape == (length,)
        assert table.dtype == np.int64
    assert not any(int(table[0]) for table in columns[:-1])
    assert columns[-1][0] == 3.5 * 2**DISTANCE_BITS
    assert not columns[-1][1:].any()


def test_a_tie_is_wider_than_the_rounding_of_tables() -> None:
    """Of 1 / c and 1 / c^2 for any number of members, as far as points within the bound can be."""
    squares = quotients.squared_reciprocals(MAX_POINTS, HIGHER_SHIFT)
    once = quotients.reciprocals(MAX_POINTS)
    for count in [*range(1, 1001), *range(1001, MAX_POINTS + 1, 61), MAX_POINTS]:
        square = _fine(squares, count, HIGHER_SHIFT) - Fraction(1, count**2)
        one = _fine(once, count, HIGH_SHIFT) - Fraction(1, count)
        tie = Fraction(tie_units(count), 1 << COMPARED_FRACTION)
        assert abs(square) * count**2 + 2 * abs(one) * count < tie / 3


def _fine(tables: Tables, count: int, shift: int) -> Fraction:
    """Return the entry of T_1."""
    high = int(tables.rest[count]) + (int(tables.low[count]) << shift)
    return Fraction(high, 1 << (TABLE_BITS + shift))


@given(st.lists(st.floats(0, 2.0**32), min_size=2, max_size=8))
def test_two_scales_are_20_bits_apart(values: list[float]) -> None:
    tables: Tables = quotients.tables_of(np.array(values))
    for value, low, rest in zip(values, tables.low.tolist(), tables.rest.tolist(), strict=True):
        assert abs(low - Fraction(value)) <= Fraction(1, 2)
        high = rest + (low << HIGH_SHIFT)
        assert abs(high - Fraction(value) * (1 << HIGH_SHIFT)) <= Fraction(1, 2)
