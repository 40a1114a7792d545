"""Each operation on shares against NumPy, with 2 and 3 parties in processes of their own."""

import numpy as np
import pytest

from mpc.plain import farthest_first
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


def test_crypten_s_own_division_works_on_our_dealer(parties: Parties, numbers: np.ndarray) -> None:
    error = parties("crypten_division", numbers << 20) - numbers
    assert np.abs(error).max() <= parties.num_parties


def test_farthest_first_is_the_twin_s(parties: Parties) -> None:
    points = np.random.default_rng(8).integers(-1000, 1000, size=(12, 3))
    gram = points @ points.T
    rows = farthest_first(gram.astype(np.float64), 4)
    assert np.array_equal(parties("farthest_first", gram).argmax(axis=0), rows)


@pytest.mark.parametrize(
    ("operation", "rounds"),
    [
        ("gram", (1, 1)),
        ("truncate", (1, 1)),
        ("less_than_zero", (6, 9)),
        ("is_zero", (6, 8)),
        ("one_hot_min", (6 + 2, 9 + 2)),
    ],
)
def test_rounds_are_those_of_the_docstrings(
    parties: Parties, operation: str, rounds: tuple[int, int]
) -> None:
    parties(operation, np.arange(10).reshape(2, 5))
    assert parties.rounds == rounds[parties.num_parties - 2]
