"""Each operation on shares against NumPy, with 2 and 3 parties in processes of their own."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from mpc.gates.lut_comparison import MOST_BITS
from mpc.jobs.comparisons import Comparisons
from mpc.jobs.result import TOO_SMALL
from mpc.reference import kmeans as plain
from mpc.ring.fixedpoint import (
    COMPARED_BITS,
    COMPARED_FRACTION,
    GRAM_BITS,
    POINT_BITS,
    TABLE_BITS,
    Int64Array,
    tie_units,
)
from tests.mpc.conftest import Parties, every_method

EDGES = np.array([0, 1, -1, 2, -2, 1 << 40, -(1 << 40), (1 << 62) - 1, -(1 << 62)], dtype=np.int64)
LAST = np.array([(1 << 63) - 1, -(1 << 63)], dtype=np.int64)
SOURCES = ["gram", "rows", "shares"]


@pytest.fixture
def numbers() -> np.ndarray:
    return np.random.default_rng(5).integers(-(1 << 30), 1 << 30, size=(7, 11))


def ring_points(n: int, d: int, seed: int) -> Int64Array:
    """Encoded points of norm at most 1."""
    points = np.random.default_rng(seed).normal(size=(n, d))
    points /= np.linalg.norm(points, axis=1).max()
    return np.rint(points * 2.0**POINT_BITS).astype(np.int64)


def test_shares_add_up(any_parties: Parties, numbers: np.ndarray) -> None:
    assert np.array_equal(any_parties("identity", numbers), numbers)


def test_products(parties: Parties, numbers: np.ndarray) -> None:
    assert np.array_equal(parties("product", numbers), numbers**2)
    assert np.array_equal(parties("square", numbers), numbers**2)


def test_gram_matrix_is_exact(any_parties: Parties) -> None:
    ring_ND = ring_points(7, 11, seed=5)
    assert np.array_equal(any_parties("gram", ring_ND), ring_ND @ ring_ND.T)


def test_comparisons_at_the_edges(any_parties: Parties) -> None:
    """Numbers of 64 bits are too long for digits: three parties have circuits."""
    x = np.concatenate([EDGES, LAST])
    assert np.array_equal(any_parties("less_than_zero", x), x < 0)


@pytest.mark.slow
@every_method
@pytest.mark.parametrize("bits", [2, 5, 12, 36, 40, 48, 63])
def test_comparisons_of_short_numbers_look_at_their_bits_only(
    any_parties: Parties, bits: int, comparisons: Comparisons
) -> None:
    top = (1 << (bits - 1)) - 1
    x = np.array([0, 1, -1, top, -top, -top - 1, top // 2, -top // 2], dtype=np.int64)
    above = np.arange(len(x), dtype=np.int64) << bits
    found = any_parties("less_than_zero", x + above, bits=bits, comparisons=comparisons)
    assert np.array_equal(found, x < 0)


@pytest.mark.parametrize("bits", [1, 4, 9])
def test_zeros_are_found_mod_their_bits(any_parties: Parties, bits: int) -> None:
    x = np.arange(-(1 << bits), 1 << bits)
    assert np.array_equal(any_parties("equals_zero", x, bits=bits), x % (1 << bits) == 0)


@pytest.mark.parametrize("bits", [1, 4, 9])
def test_look_ups_in_any_table(any_parties: Parties, bits: int) -> None:
    """Whether rows of ones and zeros come as they are, or from keys."""
    table = np.random.default_rng(bits).integers(-(1 << 63), 1 << 63, size=1 << bits)
    x = np.concatenate([np.arange(1 << bits), EDGES, LAST]).reshape(1, -1)
    found = any_parties("look_up", x, table=table.tolist())
    assert np.array_equal(found, table[x % (1 << bits)])


def test_floored_shares_are_too_small_by_less_than_the_parties(any_parties: Parties) -> None:
    x = np.random.default_rng(1).integers(-(1 << 63), 1 << 63, size=5000)
    mask = (1 << 34) - 1
    missing = ((x >> 30) - any_parties("floored", x, bits=30)) & mask
    assert set(np.unique(missing)) <= set(range(any_parties.num_parties))


def test_crypten_s_own_division_works_on_our_dealer(parties: Parties, numbers: np.ndarray) -> None:
    error = parties("crypten_division", numbers << 20) - numbers
    assert np.abs(error).max() <= parties.num_parties


@pytest.mark.parametrize("valid", ["1111111", "0010110", "0000000", "0000001", "1", "0"])
def test_the_first_kept_point_is_found(any_parties: Parties, valid: str) -> None:
    bits = np.array([int(bit) for bit in valid])
    expected = np.zeros(len(bits), dtype=np.int64)
    expected[bits.argmax()] = bits.max()
    assert np.array_equal(any_parties("first_kept", bits), expected)


def test_left_out_points_are_moved_to_the_origin(any_parties: Parties) -> None:
    """However far out: their squares alone would fill the ring."""
    ring_ND, out = ring_points(7, 4, seed=1), [0, 3, 6]
    ring_ND[out] = [[2 << POINT_BITS, 0, 0, 0], [1 << 31, 0, 0, 5], [(1 << 31) - 1] * 2 + [0, 1]]
    valid_N = ~np.isin(np.arange(7), out)
    inside = ring_ND * valid_N[:, None]
    expected = [valid_N, (inside**2).sum(axis=1), inside.reshape(-1)]
    found = any_parties("within_bound", ring_ND, value_bound=2.0**13)
    assert np.array_equal(found, np.concatenate(expected))


def test_distances_of_left_out_points_are_zero(parties: Parties) -> None:
    ring_ND = ring_points(7, 4, seed=2)
    ring_ND[[0, 3, 6]] = 1 << 20
    valid_N = np.array([0, 1, 1, 0, 1, 1, 0])
    gram_NN = (ring_ND @ ring_ND.T) * np.outer(valid_N, valid_N)
    own_N = np.diag(gram_NN)
    expected = np.outer(valid_N, valid_N) * (own_N[:, None] + own_N - 2 * gram_NN)
    assert np.array_equal(parties("distances_of_kept", ring_ND), expected)


def compared(ring: Int64Array) -> np.ndarray:
    """Return the reals that the compared bits stand for."""
    half = 1 << (COMPARED_BITS - 1)
    return (((ring + half) & (2 * half - 1)) - half) / 2.0**COMPARED_FRACTION


@pytest.mark.parametrize("source", SOURCES)
def test_distances_to_centres_are_the_twin_s(any_parties: Parties, source: str) -> None:
    """An empty cluster is 3.5 away, and what is later is a little farther."""
    n, k = 9, 4
    ring_ND = ring_points(n, 5, seed=4)
    labels_N = np.arange(n) % 3
    assignment_NK = np.eye(k, dtype=np.int64)[labels_N]
    left_out = [0, 5]
    assignment_NK[left_out], ring_ND[left_out], labels_N[left_out] = 0, 0, 0
    given = ring_ND, assignment_NK
    found = any_parties("centre_distances", *given, source=source, labels=labels_N.tolist())
    gram_NN = (ring_ND @ ring_ND.T) / 2.0**GRAM_BITS
    exact = plain.centre_distances(gram_NN, assignment_NK.astype(np.float64))
    exact = (
        np.where(np.isinf(exact), 3.5, exact)
        + np.arange(k) * tie_units(len(gram_NN)) * 2.0**-COMPARED_FRACTION
    )
    counts = assignment_NK.sum(axis=0).max()
    relative = counts * 2.0 ** -(
        TABLE_BITS + 1
    )  # of a rounded 1/c, once in U / c, twice in V / c^2
    rounding = 2 * relative + 2 * relative + relative**2
    flooring = any_parties.num_parties * 2.0**-COMPARED_FRACTION
    assert np.abs(compared(found) - exact).max() <= rounding + flooring + 2.0**-40


def test_who_has_moved_is_counted_over_all_groups(any_parties: Parties) -> None:
    valid_N = np.array([1, 0, 1, 1, 1])
    first, second = np.array([0, 1, 1, 0, 1]), np.array([0, 1, 2, 2, 0])

    def assignment(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        onehot = np.concatenate([np.eye(2)[a], np.eye(3)[b]], axis=1) * valid_N[:, None]
        return np.asarray(onehot, dtype=np.int64)

    for moved_first, moved_second, count in [([], [], 0), ([1], [1], 0), ([2], [0, 4, 1], 3)]:
        before = assignment(
            np.where(np.isin(np.arange(5), moved_first), 1 - first, first),
            np.where(np.isin(np.arange(5), moved_second), (second + 1) % 3, second),
        )
        assert any_parties("moved", assignment(first, second), before).tolist() == [count]


@pytest.mark.parametrize("least", [1, 2, 3, 4, 5, 100])
@pytest.mark.parametrize("owners", [None, [0, 0, 1, 2, 3, 3, 0, 3], [5, 5, 5, 0, 1, 2, 3, 4]])
def test_group_sums_are_the_twin_s(
    any_parties: Parties, least: int, owners: list[int] | None
) -> None:
    """Of members that count only; where too few owners have one, nothing is opened."""
    labels_N = np.array([0, 0, 0, 1, 1, 1, 0, 2])
    valid_N = np.array([1, 1, 0, 1, 0, 1, 1, 0], dtype=np.bool_)
    assignment_NK = np.eye(4, dtype=np.int64)[labels_N] * valid_N[:, None]
    payload_NM = np.random.default_rng(0).integers(-(1 << 62), 1 << 62, size=(8, 3))
    found = any_parties("group_sums", assignment_NK, payload_NM, least=least, owners=owners)
    together_NN = plain.averaged_together(labels_N, valid_N, least, owners).astype(np.int64)
    sizes_N = together_NN.sum(axis=1)
    assert np.array_equal(found[:, :-1], together_NN @ payload_NM)
    assert np.array_equal(found[:, -1], np.where(valid_N & (sizes_N == 0), TOO_SMALL, sizes_N))


def test_owners_are_counted_and_not_rows(any_parties: Parties) -> None:
    """An owner of two of three rows would get the third by subtraction."""
    assignment_NK, payload_NM = np.ones((3, 1)), np.array([[1], [10], [100]])
    held = {"three": None, "two": [0, 0, 1]}
    found = {
        name: any_parties("group_sums", assignment_NK, payload_NM, least=3, owners=owners)
        for name, owners in held.items()
    }
    assert found["three"].tolist() == [[111, 3]] * 3
    assert found["two"].tolist() == [[0, TOO_SMALL]] * 3


def test_sharings_of_zero_are_fresh_and_add_up_to_zero(any_parties: Parties) -> None:
    """By them every share that leaves the parties is re-randomised."""
    seen = set()
    for _ in range(2):
        assert not any_parties("zero_share", np.ones((4, 3))).any()
        seen |= {share.tobytes() for share in any_parties.last_shares}
        assert any_parties.rounds == 0
    assert len(seen) == 2 * any_parties.num_parties


def less(parties: Parties, bits: int) -> int:
    """Return the rounds of a batch of comparisons, by keys, digits or a circuit."""
    if parties.num_parties == 2:
        return 1
    if bits <= MOST_BITS:
        return 2
    return 1 + 1 + math.ceil(math.log2(bits - 1)) + 1


TEN = np.arange(10).reshape(2, 5)
NINE = np.ones((9, 4))
ASSIGNMENT = np.eye(3)[np.arange(9) % 3]
ROUNDS: dict[str, tuple[Callable[[Parties], object], Callable[[Parties], int]]] = {
    "comparison": (lambda p: p("less_than_zero", TEN), lambda p: less(p, 64)),
    "short comparison": (lambda p: p("less_than_zero", TEN, bits=36), lambda p: less(p, 36)),
    "a sign that is looked up": (lambda p: p("less_than_zero", TEN, bits=9), lambda p: 1),
    "a zero that is looked up": (lambda p: p("equals_zero", TEN, bits=9), lambda p: 1),
    "look-up": (lambda p: p("look_up", TEN, table=[3, 4]), lambda p: 1),
    "floored": (lambda p: p("floored", TEN, bits=9), lambda p: 0),
    "norms": (lambda p: p("within_bound", NINE), lambda p: 5 + less(p, 64)),
    "Gram matrix": (lambda p: p("gram", NINE), lambda p: 5 + less(p, 64)),
    "distances": (lambda p: p("distances_of_kept", NINE), lambda p: 5 + less(p, 64) + 1),
    "first kept": (lambda p: p("first_kept", np.ones(9)), lambda p: 1 + 1),
    "moved": (lambda p: p("moved", ASSIGNMENT, ASSIGNMENT), lambda p: 1),
    "means": (lambda p: p("group_sums", ASSIGNMENT, NINE, least=1), lambda p: 1 + 2),
    "means of few": (lambda p: p("group_sums", ASSIGNMENT, NINE, least=2), lambda p: 1 + 3),
    "means of few owners": (
        lambda p: p("group_sums", ASSIGNMENT, NINE, least=2, owners=[0] * 9),
        lambda p: 1 + 4,
    ),
    "centres by Gram matrix": (lambda p: centres(p, "gram"), lambda p: 1 + 1 + 1 + 1 + 1),
    "centres by rows": (lambda p: centres(p, "rows"), lambda p: 1 + 1 + 1 + 1),
    "centres by shares": (lambda p: centres(p, "shares"), lambda p: 1 + 1 + 1),
}
"""What is done, and how many rounds its docstring says; inputs that must be open take one."""


def centres(parties: Parties, source: str) -> None:
    """Open points; open the Gram matrix; open members and look counts up; sums; distances."""
    labels = (np.arange(9) % 3).tolist()
    parties("centre_distances", NINE, ASSIGNMENT, source=source, labels=labels)


@pytest.mark.parametrize("name", ROUNDS)
def test_rounds_are_those_of_the_docstrings(parties: Parties, name: str) -> None:
    do, rounds = ROUNDS[name]
    do(parties)
    assert parties.rounds == rounds(parties)
