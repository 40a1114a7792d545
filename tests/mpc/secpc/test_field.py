"""Arithmetic of prime fields against Python's integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.errors import InputError
from mpc.secpc.field import MERSENNE_61, Elements, Field
from mpc.secpc.uniform import UniformElements

PRIMES = (MERSENNE_61, (1 << 31) - 1, 13, 2)


def edges(prime: int) -> list[int]:
    """Values at which limbs, halves and the prime itself begin and end."""
    powers = [1 << bits for bits in (0, 20, 21, 30, 31, 32, 41, 42, 59, 60)]
    near = {power + shift for power in powers for shift in (-1, 0, 1)}
    return sorted({value % prime for value in (*near, prime - 1, prime // 2)})


def elements_of(prime: int) -> st.SearchStrategy[int]:
    return st.one_of(st.sampled_from(edges(prime)), st.integers(0, prime - 1))


@pytest.mark.parametrize("prime", PRIMES)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_operations_equal_those_of_integers(prime: int, data: st.DataObject) -> None:
    f = Field(prime)
    count = data.draw(st.integers(1, 12))
    x, y = (data.draw(st.lists(elements_of(prime), min_size=count, max_size=count)) for _ in "xy")
    x_e, y_e = f.elements(x), f.elements(y)
    pairs = list(zip(x, y, strict=True))
    assert f.add(x_e, y_e).tolist() == [(a + b) % prime for a, b in pairs]
    assert f.sub(x_e, y_e).tolist() == [(a - b) % prime for a, b in pairs]
    assert f.mul(x_e, y_e).tolist() == [a * b % prime for a, b in pairs]
    assert f.neg(x_e).tolist() == [-a % prime for a in x]
    assert int(f.sum(x_e, axis=0)) == sum(x) % prime
    others = [a for a in x if a]
    assert f.inverse(f.elements(others)).tolist() == [pow(a, -1, prime) for a in others]


@pytest.mark.parametrize("prime", PRIMES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_matrix_products_equal_those_of_integers(prime: int, data: st.DataObject) -> None:
    f = Field(prime)
    rows, among, columns = (data.draw(st.integers(1, 5)) for _ in range(3))
    x = data.draw(st.lists(elements_of(prime), min_size=rows * among, max_size=rows * among))
    y = data.draw(st.lists(elements_of(prime), min_size=among * columns, max_size=among * columns))
    x_AB = np.array(x, dtype=object).reshape(rows, among)
    y_BC = np.array(y, dtype=object).reshape(among, columns)
    found = f.matmul(f.elements(x_AB), f.elements(y_BC))
    assert found.tolist() == (x_AB @ y_BC % prime).tolist()


@pytest.mark.parametrize("prime", PRIMES)
def test_long_sums_of_largest_products_do_not_overflow(prime: int) -> None:
    """5000 terms are more than a block of either kind of field, all of them the largest."""
    f = Field(prime)
    largest: Elements = np.full((2, 5000), prime - 1, dtype=np.uint64)
    expected = 5000 * (prime - 1) ** 2 % prime
    assert (f.matmul(largest, np.ascontiguousarray(largest.T)) == expected).all()
    assert (f.sum(largest, axis=1) == 5000 * (prime - 1) % prime).all()


def test_signed_integers_come_back() -> None:
    f = Field()
    whole = np.array([0, 1, -1, (1 << 60) - 1, -(1 << 60) + 1])
    assert f.signed(f.elements(whole)).tolist() == whole.tolist()
    small = Field(13)
    assert small.signed(small.elements(np.arange(-6, 7))).tolist() == list(range(-6, 7))


@pytest.mark.parametrize("prime", [MERSENNE_61, 13])
def test_linear_systems(prime: int) -> None:
    f = Field(prime)
    draws = UniformElements(f)
    solved = 0
    for _ in range(20):
        matrix, right = draws.draw((4, 4)), draws.draw((4, 1))[:, 0]
        found = f.solve(matrix, right)
        if found is None:
            continue
        assert f.matmul(matrix, found[:, None])[:, 0].tolist() == right.tolist()
        solved += 1
    assert solved > 10
    twice = np.array([[1, 2], [2, 4]], dtype=np.uint64)
    assert f.solve(twice, np.array([1, 3], dtype=np.uint64)) is None
    free = f.solve(twice, np.array([1, 2], dtype=np.uint64))
    assert free is not None
    assert free.tolist() == [1, 0]


def test_zero_has_no_inverse() -> None:
    with pytest.raises(ZeroDivisionError):
        Field().inverse(np.array([1, 0], dtype=np.uint64))


def test_fields_that_are_not_computed_are_refused() -> None:
    with pytest.raises(InputError, match="prime=4294967311"):
        Field((1 << 32) + 15)


def test_elements_are_uniform() -> None:
    """Each of 13 elements, of which 4 bits name 16, is drawn as often: within 6 deviations."""
    count = 13_000
    drawn = UniformElements(Field(13)).draw((count,))
    times = np.bincount(drawn.astype(np.int64), minlength=13)
    assert len(times) == 13
    assert (np.abs(times - 1000) < 6 * np.sqrt(1000 * 12 / 13)).all()
    assert UniformElements(Field()).draw((3, 4)).shape == (3, 4)
