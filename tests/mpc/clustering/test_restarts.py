"""Which of several clusterings is best: what each explains, and who wins, ties to the first."""

from fractions import Fraction

import numpy as np
import pytest

from mpc.ring.fixedpoint import GRAM_BITS, INERTIA_BITS, INERTIA_TIE_BITS, POINT_BITS
from mpc.ring.quotient_tables import HIGHER_SHIFT, between_bits
from tests.mpc.conftest import Parties

N, D, K = 12, 4, 3
TOP = 1 << 62
"""As much as all points can explain."""
PLACE = 1 << (62 - INERTIA_TIE_BITS)
"""By how much a later group must be better, for each place that it stands behind."""


@pytest.fixture
def ring_ND() -> np.ndarray:
    points = np.random.default_rng(0).normal(size=(N, D))
    points *= 2.0**POINT_BITS / np.linalg.norm(points, axis=1).max()
    return np.rint(points).astype(np.int64)


def assignment_of(labels_GN: np.ndarray, valid_N: np.ndarray) -> np.ndarray:
    return np.concatenate([np.eye(K)[labels] * valid_N[:, None] for labels in labels_GN], axis=1)


def between_squares(gram_NN: np.ndarray, labels_N: np.ndarray, valid_N: np.ndarray) -> float:
    """Return the sum over clusters of the squared length of their sum, over their size."""
    assignment_NK = assignment_of(labels_N[None], valid_N)
    counts_K = assignment_NK.sum(axis=0)
    lengths_K = np.einsum("nk,nm,mk->k", assignment_NK, gram_NN, assignment_NK)
    return float((lengths_K / np.maximum(counts_K, 1)).sum())


@pytest.mark.parametrize("source", ["gram", "rows"])
def test_the_partition_that_explains_most_is_taken(
    any_parties: Parties, source: str, ring_ND: np.ndarray
) -> None:
    """A cluster may be empty, and who does not count explains nothing."""
    rng = np.random.default_rng(1)
    labels_GN = rng.integers(0, K, size=(4, N))
    labels_GN[1] = rng.integers(0, K - 1, size=N)
    valid_N = np.ones(N, dtype=np.bool_)
    valid_N[[2, 7]], ring_ND[[2, 7]] = False, 0
    assignment = assignment_of(labels_GN, valid_N)
    found = any_parties("best", ring_ND, assignment, blocks=[K] * 4, source=source)
    gram_NN = (ring_ND @ ring_ND.T) / 2.0**GRAM_BITS
    exact = np.array([between_squares(gram_NN, labels, valid_N) for labels in labels_GN])
    gains = found[:4] / 2.0 ** between_bits(N)
    high = Fraction(N**2 << GRAM_BITS, 1 << HIGHER_SHIFT) + (1 << HIGHER_SHIFT) + 1
    assert np.abs(gains - exact).max() <= K * float(high / 2) / 2.0 ** between_bits(N) + 1e-12
    best = int(exact.argmax())
    assert np.array_equal(found[4:].reshape(N, K), assignment[:, K * best : K * (best + 1)])


@pytest.mark.parametrize("blocks", [1, 2, 16, 17, 92, 130])
def test_any_number_of_groups(any_parties: Parties, blocks: int) -> None:
    """Up to all that fit the ring; the last stands beside what is missing in a tournament."""
    rng = np.random.default_rng(blocks)
    assignment = rng.integers(0, 2, size=(5, 2 * blocks))
    for winner in {0, blocks // 2, blocks - 1}:
        between_squares = rng.integers(0, TOP // 2, size=blocks)
        between_squares[winner] = TOP
        found = any_parties("best_of", between_squares, assignment, k=2)
        assert np.array_equal(found, assignment[:, 2 * winner : 2 * winner + 2])


def test_what_is_equal_but_for_rounding_goes_to_the_first(any_parties: Parties) -> None:
    noise = 1 << (62 + 2 - INERTIA_BITS + 2)
    assert noise < PLACE // 4
    assignment = np.arange(20).reshape(5, 4)
    for between_squares, winner in [
        ([TOP, TOP], 0),
        ([TOP - noise, TOP], 0),
        ([TOP - PLACE + noise, TOP], 0),
        ([TOP - PLACE - noise, TOP], 1),
        ([0, 0], 0),
    ]:
        found = any_parties("best_of", np.array(between_squares), assignment, k=2)
        assert np.array_equal(found, assignment[:, 2 * winner : 2 * winner + 2]), between_squares


def test_rounds_are_those_of_the_docstrings(parties: Parties, ring_ND: np.ndarray) -> None:
    together = 2 if parties.num_parties == 2 else 2 + 1
    parties("best_of", np.arange(3), np.ones((5, 6)), k=2)
    assert parties.rounds == 1 + together + 1  # members are open before
    assignment = assignment_of(np.zeros((3, N), dtype=np.int64), np.ones(N))
    parties("best", ring_ND, assignment, blocks=[K] * 3, source="rows")
    assert parties.rounds == 1 + 1 + 2 + together + 1  # points; members, look-ups; sums, quotients
