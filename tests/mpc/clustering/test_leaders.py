"""Leaders are those of the plaintext twin, and one lies in each of separated clusters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc import ClusterJob, PlainSession
from mpc.reference import kmeans as plain
from mpc.reference.leaders import leaders
from mpc.ring.fixedpoint import POINT_BITS, FloatArray, Int64Array
from mpc.ring.public_draws import public_orders
from tests.mpc.conftest import Parties

D = 3


def points_of(n: int, seed: int) -> Int64Array:
    points_ND = np.random.default_rng(seed).normal(size=(n, D))
    points_ND /= np.linalg.norm(points_ND, axis=1).max()
    return np.rint(points_ND * 2.0**POINT_BITS).astype(np.int64)


def gram_with_garbage(ring_ND: Int64Array, bounded_N: np.ndarray) -> Int64Array:
    """Return inner products; rows of unbounded points are zero, and columns are anything."""
    gram_NN = ring_ND @ ring_ND.T
    garbage = np.random.default_rng(9).integers(-(1 << 62), 1 << 62, size=gram_NN.shape)
    seen_NN: Int64Array = np.where(bounded_N[None, :], gram_NN, garbage) * bounded_N[:, None]
    return seen_NN


def columns_of(rows_BK: list[np.ndarray], n: int) -> Int64Array:
    columns = [[row == np.arange(n) for row in rows_K] for rows_K in rows_BK]
    return np.concatenate(columns).T.astype(np.int64)


REJECTED: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "all valid": ((), ()),
    "the first over the bound": ((0, 1), ()),
    "payloads over the bound": ((), (0, 4)),
    "both": ((2, 7), (5,)),
    "two left": (tuple(range(2, 6)), tuple(range(6, 9))),
    "none left": (tuple(range(9)), ()),
}
"""Points whose norm is over the bound, and points whose payload is."""


@pytest.mark.parametrize("kind", REJECTED)
@pytest.mark.parametrize(("k", "starts"), [(1, 1), (3, 1), (4, 3)])
def test_they_are_the_twin_s(any_parties: Parties, kind: str, k: int, starts: int) -> None:
    n = 9
    ring_ND = points_of(n, seed=k)
    out, unpaid = REJECTED[kind]
    bounded_N, valid_N = np.ones(n, dtype=np.bool_), np.ones(n, dtype=np.bool_)
    bounded_N[list(out)] = False
    valid_N[[*out, *unpaid]] = False
    orders_BN = public_orders(5, n, starts)
    gram_NN = gram_with_garbage(ring_ND, bounded_N)
    found = any_parties("leaders", gram_NN, valid_N, k=k, orders=orders_BN.tolist())
    dist_NN = plain.squared_distances((ring_ND @ ring_ND.T).astype(np.float64))
    rows = [leaders(dist_NN, k, order_N, valid_N) for order_N in orders_BN]
    assert np.array_equal(found[: n * k * starts].reshape(n, -1), columns_of(rows, n))
    assert np.array_equal(found[n * k * starts :], valid_N)


@pytest.mark.parametrize("n", [1, 2, 17])
def test_any_number_of_points(any_parties: Parties, n: int) -> None:
    ring_ND, valid_N = points_of(n, seed=n), np.ones(n, dtype=np.bool_)
    order_N = public_orders(1, n, 2)[1]
    found = any_parties("leaders", ring_ND @ ring_ND.T, valid_N, k=n, orders=[order_N.tolist()])
    dist_NN = plain.squared_distances((ring_ND @ ring_ND.T).astype(np.float64))
    columns = columns_of([leaders(dist_NN, n, order_N)], n)
    assert np.array_equal(found[: n * n].reshape(n, n), columns)


def test_rounds_are_those_of_the_docstring(parties: Parties) -> None:
    ring_ND = points_of(20, seed=0)
    orders = public_orders(0, 20, 4).tolist()
    parties("leaders", ring_ND @ ring_ND.T, np.ones(20), k=5, orders=orders)
    assert parties.rounds == 2 * 2 + 3


def separated(k: int, each: int, spread: float, seed: int) -> tuple[FloatArray, np.ndarray]:
    """Corners of a simplex, with points nearer to one another than corners are."""
    rng = np.random.default_rng(seed)
    truth_N = rng.permutation(np.repeat(np.arange(k), each))
    noise_ND = rng.uniform(-1, 1, size=(k * each, k)) * spread / np.sqrt(k)
    return np.eye(k)[truth_N] + noise_ND, truth_N


@settings(max_examples=200, deadline=None)
@given(
    k=st.integers(2, 8),
    each=st.integers(1, 6),
    spread=st.floats(0.0, 0.35),
    seed=st.integers(0, 2**32),
)
def test_one_lies_in_each_separated_cluster(k: int, each: int, spread: float, seed: int) -> None:
    """Any two points of a cluster are at most 0.7 apart, those of two clusters 0.7 or more."""
    points_ND, truth_N = separated(k, each, spread, seed)
    dist_NN = plain.squared_distances(points_ND @ points_ND.T)
    order_N = np.random.default_rng(seed).permutation(len(truth_N))
    rows_K = leaders(dist_NN, k, order_N)
    assert sorted(truth_N[rows_K]) == list(range(k))


def recovered(init: str, restarts: int, seeds: range, **shape: float) -> int:
    """Return how often the true clusters are found among noisy ones."""
    found = 0
    for seed in seeds:
        points_ND, truth_N = noisy(seed, **shape)  # type: ignore[arg-type]
        job = ClusterJob(k=int(shape["k"]), init=init, restarts=restarts)  # type: ignore[arg-type]
        labels_N = PlainSession().cluster(job, points_ND, points_ND).labels_N
        assert labels_N is not None
        found += len(set(zip(labels_N.tolist(), truth_N.tolist(), strict=True))) == shape["k"]
    return found


def noisy(seed: int, *, n: int, k: int, dim: int, ratio: float) -> tuple[FloatArray, np.ndarray]:
    """Rows of unit norm, with squared distances between clusters `ratio` times those inside."""
    rng = np.random.default_rng(seed)
    truth_N = rng.permutation(np.arange(n) % k)
    noise_ND = rng.normal(size=(n, dim)) / np.sqrt(ratio - 1)
    points_ND = rng.normal(size=(k, dim))[truth_N] + noise_ND
    return points_ND / np.linalg.norm(points_ND, axis=1, keepdims=True), truth_N


@pytest.mark.slow
@pytest.mark.parametrize(
    "shape",
    [
        {"n": 20, "k": 5, "dim": 1280, "ratio": 1.1},
        {"n": 20, "k": 5, "dim": 64, "ratio": 2.0},
        {"n": 20, "k": 5, "dim": 16, "ratio": 3.0},
        {"n": 24, "k": 8, "dim": 64, "ratio": 2.0},
        {"n": 10, "k": 5, "dim": 64, "ratio": 2.0},
        {"n": 40, "k": 5, "dim": 64, "ratio": 2.0},
        {"n": 64, "k": 8, "dim": 64, "ratio": 2.0},
    ],
    ids=str,
)
def test_they_find_noisy_clusters_as_often_as_farthest_first(shape: dict[str, float]) -> None:
    """Four starts, of which the best goes on after one iteration."""
    seeds = range(150)
    theirs = recovered("farthest-first", 1, seeds, **shape)
    assert recovered("leaders", 4, seeds, **shape) >= theirs > 0
