"""Which of several clusterings is best: what each explains, and who wins, ties to the first."""

from fractions import Fraction

import numpy as np
import pytest

from mpc.ring.fixedpoint import GRAM_BITS, INERTIA_BITS, INERTIA_TIE_BITS, POINT_BITS
from mpc.ring.quotient_tables import HIGHER_SHIFT, explained_bits
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


def members_of(labels_GN: np.ndarray, kept_N: np.ndarray) -> np.ndarray:
    return np.concatenate([np.eye(K)[labels] * kept_N[:, None] for labels in labels_GN], axis=1)


def explained(gram_NN: np.ndarray, labels_N: np.ndarray, kept_N: np.ndarray) -> float:
    """Return the sum over clusters of the squared length of their sum, over their size."""
    members_NK = members_of(labels_N[None], kept_N)
    counts_K = members_NK.sum(axis=0)
    lengths_K = np.einsum("nk,nm,mk->k", members_NK, gram_NN, members_NK)
    return float((lengths_K / np.maximum(counts_K, 1)).sum())


@pytest.mark.parametrize("source", ["gram", "rows"])
def test_the_partition_that_explains_most_is_taken(
    any_parties: Parties, source: str, ring_ND: np.ndarray
) -> None:
    """A cluster may be empty, and who does not count explains nothing."""
    rng = np.random.default_rng(1)
    labels_GN = rng.integers(0, K, size=(4, N))
    labels_GN[1] = rng.integers(0, K - 1, size=N)
    kept_N = np.ones(N, dtype=np.bool_)
    kept_N[[2, 7]], ring_ND[[2, 7]] = False, 0
    members = members_of(labels_GN, kept_N)
    found = any_parties("best", ring_ND, members, groups=[K] * 4, source=source)
    gram_NN = (ring_ND @ ring_ND.T) / 2.0**GRAM_BITS
    exact = np.array([explained(gram_NN, labels, kept_N) for labels in labels_GN])
    gains = found[:4] / 2.0 ** explained_bits(N)
    high = Fraction(N**2 << GRAM_BITS, 1 << HIGHER_SHIFT) + (1 << HIGHER_SHIFT) + 1
    assert np.abs(gains - exact).max() <= K * float(high / 2) / 2.0 ** explained_bits(N) + 1e-12
    best = int(exact.argmax())
    assert np.array_equal(found[4:].reshape(N, K), members[:, K * best : K * (best + 1)])


@pytest.mark.parametrize("groups", [1, 2, 16, 17, 92, 130])
def test_any_number_of_groups(any_parties: Parties, groups: int) -> None:
    """Up to all that fit the ring; the last stands beside what is missing in a tournament."""
    rng = np.random.default_rng(groups)
    members = rng.integers(0, 2, size=(5, 2 * groups))
    for winner in {0, groups // 2, groups - 1}:
        explained = rng.integers(0, TOP // 2, size=groups)
        explained[winner] = TOP
        found = any_parties("best_of", explained, members, k=2)
        assert np.array_equal(found, members[:, 2 * winner : 2 * winner + 2])


def test_what_is_equal_but_for_rounding_goes_to_the_first(any_parties: Parties) -> None:
    noise = 1 << (62 + 2 - INERTIA_BITS + 2)
    assert noise < PLACE // 4
    members = np.arange(20).reshape(5, 4)
    for explained, winner in [
        ([TOP, TOP], 0),
        ([TOP - noise, TOP], 0),
        ([TOP - PLACE + noise, TOP], 0),
        ([TOP - PLACE - noise, TOP], 1),
        ([0, 0], 0),
    ]:
        found = any_parties("best_of", explained, members, k=2)
        assert np.array_equal(found, members[:, 2 * winner : 2 * winner + 2]), explained


def test_rounds_are_those_of_the_docstrings(parties: Parties, ring_ND: np.ndarray) -> None:
    together = 2 if parties.num_parties == 2 else 2 + 1
    parties("best_of", np.arange(3), np.ones((5, 6)), k=2)
    assert parties.rounds == 1 + together + 1  # members are open before
    members = members_of(np.zeros((3, N), dtype=np.int64), np.ones(N))
    parties("best", ring_ND, members, groups=[K] * 3, source="rows")
    assert parties.rounds == 1 + 1 + 2 + together + 1  # points; members, look-ups; sums, quotients
