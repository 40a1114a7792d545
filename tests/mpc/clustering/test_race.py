"""The best of several starts goes on after one iteration, with the twin's next assignment."""

import numpy as np
import pytest

from mpc.reference import kmeans as plain
from mpc.ring.fixedpoint import POINT_BITS
from tests.mpc.conftest import Parties

N, D, K = 14, 4, 4


@pytest.mark.parametrize("starts", [2, 3, 40, 100])
def test_the_best_goes_on(any_parties: Parties, starts: int) -> None:
    rng = np.random.default_rng(starts)
    points_ND = rng.normal(size=(N, D))
    points_ND *= 2.0**POINT_BITS / np.linalg.norm(points_ND, axis=1).max()
    ring_ND = np.rint(points_ND).astype(np.int64)
    valid_N = np.ones(N, dtype=np.bool_)
    valid_N[[3, 8]], ring_ND[[3, 8]] = False, 0
    labels_BN = rng.integers(0, K, size=(starts, N))
    labels_BN[0] = labels_BN[0] % 2  # two clusters are empty
    gram_NN = ring_ND @ ring_ND.T
    geometry = plain.RingGram(gram_NN.astype(np.float64), ring_ND.astype(np.float64))
    assignments = [plain.onehot(labels_N, valid_N, K) for labels_N in labels_BN]
    best = assignments[int(np.argmax([explained(gram_NN, a_NK) for a_NK in assignments]))]
    after_N = plain.nearest(geometry.to_means(best), valid_N)
    found = any_parties(
        "raced", gram_NN, valid_N, np.concatenate(assignments, axis=1), blocks=[K] * starts
    )
    assert np.array_equal(found[: N * K].reshape(N, K), plain.onehot(after_N, valid_N, K))
    assert np.array_equal(found[N * K :].reshape(N, K), best)


@pytest.mark.parametrize("groups", [{1: 1, 2: 3, 4: 5}, {2: 1, 3: 4}])
def test_the_best_of_each_size_goes_on(any_parties: Parties, groups: dict[int, int]) -> None:
    rng = np.random.default_rng(len(groups))
    ring_ND = rng.normal(size=(N, D))
    ring_ND *= 2.0**POINT_BITS / np.linalg.norm(ring_ND, axis=1).max()
    ring_ND = np.rint(ring_ND).astype(np.int64)
    valid_N = np.ones(N, dtype=np.bool_)
    valid_N[5], ring_ND[5] = False, 0
    gram_NN = ring_ND @ ring_ND.T
    geometry = plain.RingGram(gram_NN.astype(np.float64), ring_ND.astype(np.float64))
    blocks, assignments, before, after = [], [], [], []
    for size, starts in groups.items():
        labels_BN = rng.integers(0, size, size=(starts, N))
        group = [plain.onehot(labels_N, valid_N, size) for labels_N in labels_BN]
        best = group[int(np.argmax([explained(gram_NN, a_NK) for a_NK in group]))]
        labels_N = plain.nearest(geometry.to_means(best), valid_N)
        before.append(best)
        after.append(plain.onehot(labels_N, valid_N, size))
        blocks += [size] * starts
        assignments += group
    found = any_parties(
        "raced", gram_NN, valid_N, np.concatenate(assignments, axis=1), blocks=blocks
    )
    expected = [np.concatenate(each, axis=1) for each in (after, before)]
    shape = expected[0].shape
    assert np.array_equal(found[: expected[0].size].reshape(shape), expected[0])
    assert np.array_equal(found[expected[0].size :].reshape(shape), expected[1])


def explained(gram_NN: np.ndarray, assignment_NK: np.ndarray) -> float:
    """Return the sum over clusters of the squared length of their sum, over their size."""
    counts_K = np.maximum(assignment_NK.sum(axis=0), 1)
    lengths_K = np.einsum("nk,nm,mk->k", assignment_NK, gram_NN.astype(np.float64), assignment_NK)
    return float((lengths_K / counts_K).sum())
