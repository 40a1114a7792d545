"""Each operation on shares against NumPy, with 2 and 3 parties in processes of their own."""

import numpy as np
import pytest

from mpc.fixedpoint import DISTANCE_BITS, GRAM_BITS
from mpc.plain import centre_distances, farthest_first
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


@pytest.mark.parametrize("kept", ["1111111", "0010110", "0000000", "0000001", "1", "0"])
def test_the_first_kept_point_is_found(parties: Parties, kept: str) -> None:
    bits = np.array([int(bit) for bit in kept])
    expected = np.zeros(len(bits), dtype=np.int64)
    expected[bits.argmax()] = bits.max()
    assert np.array_equal(parties("first_kept", bits), expected)


def test_left_out_points_become_copies_of_the_first_kept(
    parties: Parties, numbers: np.ndarray
) -> None:
    gram = numbers @ numbers.T
    gram[0], gram[:, 0] = (1 << 63) - 5, -(1 << 63) + 9  # whatever a wrapped product may be
    kept = np.array([0, 1, 1, 0, 1, 1, 0])
    rows = np.array([1, 1, 2, 1, 4, 5, 1])
    given = np.column_stack([gram, kept])
    assert np.array_equal(parties("replace_left_out", given), gram[np.ix_(rows, rows)])
    zeros = np.column_stack([gram, 0 * kept])
    assert not parties("replace_left_out", zeros).any()


def test_distances_of_left_out_points_are_zero(parties: Parties, numbers: np.ndarray) -> None:
    gram = numbers @ numbers.T
    kept = np.array([0, 1, 1, 0, 1, 1, 0])
    diagonal = np.diag(gram)
    expected = np.outer(kept, kept) * (diagonal[:, None] + diagonal[None, :] - 2 * gram)
    given = np.column_stack([gram, kept])
    assert np.array_equal(parties("distances_of_kept", given), expected)


def test_distances_to_centres_are_the_twin_s(parties: Parties) -> None:
    points = np.random.default_rng(4).normal(size=(9, 4))
    points /= np.linalg.norm(points, axis=1).max()
    gram = np.rint(points @ points.T * 2.0**GRAM_BITS)
    members = np.eye(4)[np.arange(9) % 3]
    members[[0, 5]] = 0.0
    given = np.column_stack([gram, members]).astype(np.int64)
    found = parties("centre_distances", given) / 2.0**DISTANCE_BITS
    expected = centre_distances(gram / 2.0**GRAM_BITS, members)
    assert np.abs(found - np.where(np.isinf(expected), 4.0, expected)).max() < 1e-6


def test_agreement_is_about_kept_points_only(parties: Parties) -> None:
    kept = np.array([1, 0, 1, 1])
    labels = np.array([0, 1, 1, 0])
    new = np.eye(2, dtype=np.int64)[labels]
    for moved, same in [([], 1), ([1], 1), ([2], 0), ([0, 1, 3], 0)]:
        before = np.where(np.isin(np.arange(4), moved), 1 - labels, labels)
        members_before = np.eye(2, dtype=np.int64)[before] * kept[:, None]
        found = parties("members_and_agreement", np.column_stack([new, members_before, kept]))
        assert np.array_equal(found[:4], new * kept[:, None])
        assert found[4].tolist() == [same, same]


def test_groups_have_kept_members_only(parties: Parties) -> None:
    labels, kept = np.array([0, 0, 0, 1, 1, 1, 0]), np.array([1, 1, 0, 1, 0, 1, 1])
    members = np.eye(3, dtype=np.int64)[labels] * kept[:, None]
    own = members @ members.T
    assert np.array_equal(parties("clusters", members), own)
    widened = np.where((labels == 1)[:, None], np.outer(kept, kept), own)
    assert np.array_equal(parties("averaging_groups", members), widened)


@pytest.mark.parametrize(
    ("operation", "rounds"),
    [
        ("gram", (1, 1)),
        ("truncate", (1, 1)),
        ("less_than_zero", (1, 9)),
        ("is_zero", (6, 8)),
        ("one_hot_min", (2, 9 + 2)),
        ("averaging_groups", (3, 3)),
        ("clusters", (1, 1)),
    ],
)
def test_rounds_are_those_of_the_docstrings(
    parties: Parties, operation: str, rounds: tuple[int, int]
) -> None:
    parties(operation, np.arange(10).reshape(2, 5))
    assert parties.rounds == rounds[parties.num_parties - 2]


@pytest.mark.parametrize(
    ("operation", "columns", "rounds"),
    [
        ("kept_points", 9, (1, 9)),
        ("first_kept", 0, (1, 1)),
        ("replace_left_out", 10, (1 + 3, 1 + 3)),
        ("distances_of_kept", 10, (2, 2)),
        ("centre_distances", 9 + 3, (7, 7)),
        ("members_and_agreement", 3 + 3 + 1, (1 + 1, 1 + 1)),
    ],
)
def test_rounds_for_nine_points(
    parties: Parties, operation: str, columns: int, rounds: tuple[int, int]
) -> None:
    parties(operation, np.ones((9, columns) if columns else 9))
    assert parties.rounds == rounds[parties.num_parties - 2]
