"""The number of clusters, in the clear: separated blobs of many shapes, and the edges.

Seeds were not used to find the rule's coefficients.
"""

import itertools

import numpy as np
import pytest

from mpc.reference.separation import (
    Candidate,
    candidates_of,
    choose_k,
    chosen_k,
    is_legal,
    largest_candidate,
    size_allowances,
)
from mpc.ring.fixedpoint import FloatArray, Int64Array

pytestmark = pytest.mark.slow
DRAWS = 100
DIMS = (2, 3, 5, 10, 50, 1280)
ITERATIONS = 20
FIRST_SEED = 770_000


def chosen(points_ND: FloatArray, k_max: int = 8) -> int:
    return choose_k(points_ND @ points_ND.T, points_ND.shape[1], ITERATIONS, k_max)


def min_distance(centres_KD: FloatArray) -> float:
    dist_KK = np.linalg.norm(centres_KD[:, None] - centres_KD[None, :], axis=2)
    return float(np.min(dist_KK[np.triu_indices(len(centres_KD), 1)], initial=np.inf))


def centres(rng: np.random.Generator, k: int, dim: int, boxed: bool) -> FloatArray:
    """Uniform in (-10, 10)^D but 7 apart at least; or Gaussian, the nearest two just apart."""
    if not boxed:
        centres_KD = rng.normal(size=(k, dim))
        return np.asarray(centres_KD * np.sqrt(49 + 3 * dim) / min_distance(centres_KD))
    placed_KD = np.empty((0, dim))
    for tried in itertools.count(1):
        if len(placed_KD) == k:
            break
        more_KD = np.concatenate([placed_KD, rng.uniform(-10, 10, (1, dim))])
        if min_distance(more_KD) >= 7:
            placed_KD = more_KD
        elif tried % 50 == 0:  # no room is left for the last ones, perhaps
            placed_KD = placed_KD[:0]
    return placed_KD


def sizes(rng: np.random.Generator, n: int, k: int, equal: bool) -> Int64Array:
    """Equal; or Dirichlet, but 4 points a cluster at least (n // k where there are not so many)."""
    least = n // k if equal else min(4, n // k)
    shares_K = np.full(k, 1 / k) if equal else rng.dirichlet(np.ones(k))
    return least + rng.multinomial(n - least * k, shares_K)


def blobs(draw: int, n: int, k: int) -> FloatArray:
    """Blobs of unit variance an axis; dimension, sizes, shape and places alternate over draws."""
    rng = np.random.default_rng([FIRST_SEED, draw, n, k])
    dim, kind = DIMS[draw % len(DIMS)], draw // len(DIMS)
    equal, boxed, round_ = kind % 2 == 0, kind // 2 % 2 == 0, kind // 4 % 2 == 0
    labels_N = rng.permutation(np.repeat(np.arange(k), sizes(rng, n, k, equal)))
    noise_ND = rng.normal(size=(n, dim))
    if not round_:  # axes of standard deviations up to 2 : 1, other ones for each cluster
        axes_KD = 2 ** rng.uniform(-0.5, 0.5, (k, dim))
        axes_KD /= np.sqrt(np.mean(axes_KD**2, axis=1, keepdims=True))
        noise_ND *= axes_KD[labels_N]
    return np.asarray(centres(rng, k, dim, boxed)[labels_N] + noise_ND)


@pytest.mark.parametrize("n", [20, 50, 200])
@pytest.mark.parametrize("k", range(1, 9))
def test_true_k_is_found_in_95_of_100_draws(k: int, n: int) -> None:
    found = sum(chosen(blobs(draw, n, k)) == k for draw in range(DRAWS))
    assert found >= 95


def clients_of_domains(seed: int, domains: int, length: float = 1.0) -> FloatArray:
    """Unit-norm vectors of 4 clients a domain; domains share most of their direction."""
    rng = np.random.default_rng([FIRST_SEED, 1, seed])
    common_D = rng.normal(size=1280)
    domain_KD = common_D + 0.5 * rng.normal(size=(domains, 1280))
    points_ND = np.repeat(domain_KD, 4, axis=0) + 0.25 * rng.normal(size=(4 * domains, 1280))
    return np.asarray(length * points_ND / np.linalg.norm(points_ND, axis=1, keepdims=True))


@pytest.mark.parametrize("domains", range(1, 6))
def test_domains_of_clients_are_counted(domains: int) -> None:
    found = [chosen(clients_of_domains(seed, domains)) for seed in range(20)]
    assert found.count(domains) >= 19


@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_few_alike_points_are_one_cluster(n: int) -> None:
    rng = np.random.default_rng([FIRST_SEED, 2, n])
    assert sum(chosen(rng.normal(size=(n, 64))) == 1 for _ in range(40)) >= 38


def test_one_point() -> None:
    assert chosen(np.ones((1, 3))) == 1


@pytest.mark.parametrize("n", [2, 7, 20])
@pytest.mark.parametrize("value", [0.0, 1.0, 1e-9, np.pi * 1e6])
def test_identical_points_are_one_cluster(n: int, value: float) -> None:
    assert chosen(np.full((n, 5), value)) == 1


def test_rounding_is_no_structure() -> None:
    rng = np.random.default_rng([FIRST_SEED, 3])
    points_ND = 1.0 + 1e-7 * np.repeat([[0.0], [1.0]], 10, axis=0) * rng.normal(size=5)
    assert chosen(points_ND) == 1


@pytest.mark.parametrize("distinct", [1, 2, 3, 5, 8])
def test_duplicates_are_counted_once(distinct: int) -> None:
    rng = np.random.default_rng([FIRST_SEED, 4, distinct])
    assert chosen(np.tile(rng.normal(size=(distinct, 6)), (3, 1))) == distinct


@pytest.mark.parametrize("scale", [1e-6, 0.3, 2.0**20])
def test_scale_is_of_no_account(scale: float) -> None:
    for draw in range(10):
        points_ND = blobs(draw, 50, 3)
        assert chosen(scale * points_ND) == chosen(points_ND)


def test_an_offset_is_of_no_account() -> None:
    for draw in range(10):
        points_ND = blobs(draw, 50, 4)
        assert chosen(points_ND + 100.0) == chosen(points_ND)


def test_left_out_points_do_not_count() -> None:
    points_ND = blobs(0, 50, 3)
    with_copies_ND = np.concatenate([points_ND, np.repeat(points_ND[:1], 5, axis=0)])
    valid_N = np.arange(55) < 50
    gram_NN = with_copies_ND @ with_copies_ND.T
    assert choose_k(gram_NN, points_ND.shape[1], ITERATIONS, valid_N=valid_N) == 3
    assert candidates_of(gram_NN, ITERATIONS, valid_N=valid_N)[0].counts_K.tolist() == [50]


def test_k_max_is_the_most() -> None:
    assert chosen(blobs(0, 50, 5), k_max=3) <= 3
    assert chosen(blobs(0, 50, 5), k_max=1) == 1


@pytest.mark.parametrize(("n", "most"), [(1, 1), (2, 1), (3, 1), (4, 2), (15, 7), (16, 8), (99, 8)])
def test_largest_candidate(n: int, most: int) -> None:
    assert largest_candidate(n) == most
    assert len(candidates_of(np.eye(n), ITERATIONS)) == most


def test_within_and_between_are_those_of_the_points() -> None:
    points_ND = np.array([[0.0, 0.0], [0.0, 2.0], [10.0, 0.0], [10.0, 4.0]])
    one, two = candidates_of(points_ND @ points_ND.T, ITERATIONS)
    assert one.within == pytest.approx(100 + 2.25 + 0.25 + 2.25 + 6.25)
    assert two.within == pytest.approx(2 + 8)
    assert sorted(two.counts_K.tolist()) == [2, 2]
    assert two.between_KK == pytest.approx(np.array([[0, 101], [101, 0]]))


def two_clusters(between: float, counts: tuple[int, int]) -> Candidate:
    return Candidate(
        within=18.0,
        counts_K=np.array(counts),
        between_KK=np.array([[0.0, between], [between, 0.0]]),
    )


@pytest.mark.parametrize(
    ("counts", "allowance"), [((10, 10), 0.6), ((5, 15), 0.8), ((1, 19), 8 + 3 / 19)]
)
def test_threshold_of_a_pair(counts: tuple[int, int], allowance: float) -> None:
    limit = allowance + 0.5 + 16 / 8  # S^2 = 18 / (20 - 2) = 1
    assert is_legal(two_clusters(limit + 1e-9, counts), 20, dim=8)
    assert not is_legal(two_clusters(limit - 1e-9, counts), 20, dim=8)


def test_an_empty_cluster_is_never_legal() -> None:
    assert not is_legal(two_clusters(1e9, (20, 0)), 20, dim=8)


def test_largest_legal_k_wins_over_a_gap() -> None:
    one = Candidate(within=99.0, counts_K=np.array([20]), between_KK=np.zeros((1, 1)))
    near, far = two_clusters(0.1, (10, 10)), two_clusters(1e3, (10, 10))
    assert chosen_k([one], 20, 8) == 1
    assert chosen_k([one, near], 20, 8) == 1
    assert chosen_k([one, near, far], 20, 8) == 3
    assert chosen_k([one, far, near], 20, 8) == 2


def test_size_allowances() -> None:
    assert size_allowances(4).tolist() == [0.0, 8.0, 1.5, 1.0, 0.75]
