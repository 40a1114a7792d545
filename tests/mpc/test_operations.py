"""Each operation on shares against NumPy, with 2 and 3 parties in processes of their own."""

import numpy as np
import pytest

from tests.mpc.conftest import Parties

EDGES = np.array([0, 1, -1, 2, -2, 1 << 40, -(1 << 40), (1 << 62) - 1, -(1 << 62)], dtype=np.int64)


@pytest.fixture
def numbers() -> np.ndarray:
    return np.random.default_rng(5).integers(-(1 << 30), 1 << 30, size=(7, 11))


def test_shares_add_up(parties: Parties, numbers: np.ndarray) -> None:
    assert np.array_equal(parties("identity", numbers), numbers)


def test_products(parties: Parties, numbers: np.ndarray) -> None:
    assert np.array_equal(parties("product", numbers), numbers**2)
    assert np.array_equal(parties("square", numbers), numbers**2)


def test_gram_matrix_is_exact(parties: Parties, numbers: np.ndarray) -> None:
    assert np.array_equal(parties("gram", numbers), numbers @ numbers.T)


def test_comparisons_at_the_edges(parties: Parties) -> None:
    assert np.array_equal(parties("less_than_zero", EDGES), EDGES < 0)
    assert np.array_equal(parties("is_zero", EDGES), EDGES == 0)


def test_truncation_is_off_by_one_at_most(parties: Parties) -> None:
    x = np.random.default_rng(1).integers(-(1 << 61), 1 << 61, size=20_000)
    error = parties("truncate", x) - (x >> 20)
    assert set(np.unique(error)) <= {0, 1}


def test_one_hot_min_takes_the_first_of_equals(parties: Parties) -> None:
    x = np.random.default_rng(2).integers(0, 4, size=(40, 6))
    expected = np.eye(6, dtype=np.int64)[x.argmin(axis=1)]
    assert np.array_equal(parties("one_hot_min", x), expected)
    assert np.array_equal(parties("tournament", x), expected)


@pytest.mark.parametrize("candidates", [1, 2, 9, 30])
def test_tournament_over_any_number(parties: Parties, candidates: int) -> None:
    x = np.random.default_rng(3).integers(-100, 100, size=(5, candidates))
    expected = np.eye(candidates, dtype=np.int64)[x.argmin(axis=1)]
    assert np.array_equal(parties("tournament", x), expected)
    assert np.array_equal(parties("one_hot_min", x), expected)


def test_reciprocals_of_secret_counts(parties: Parties) -> None:
    counts = np.arange(10)
    expected = np.rint(2.0**24 / np.maximum(counts, 1)) * (counts > 0)
    assert np.array_equal(parties("reciprocals", counts), expected.astype(np.int64))
    assert np.array_equal(parties("empty", counts), counts == 0)
