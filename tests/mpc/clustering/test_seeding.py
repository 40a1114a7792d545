"""First centres: distances to them, from either source, are those of the plaintext twin's rows."""

from collections.abc import Callable

import numpy as np
import pytest

from mpc.jobs.job import MAX_POINTS
from mpc.reference import kmeans as plain
from mpc.ring.fixedpoint import GRAM_BITS, POINT_BITS, Int64Array
from mpc.ring.public_draws import draw_bits, public_draws
from tests.mpc.conftest import Parties

SOURCES = ["gram", "rows"]
N, D, K = 14, 3, 5

sources = pytest.mark.parametrize("source", SOURCES)


class Given:
    """Encoded points, some of which are over the bound, and what the twin makes of them."""

    def __init__(self, points_ND: np.ndarray, out: tuple[int, ...] = ()) -> None:
        self.ring_ND: Int64Array = np.rint(points_ND * 2.0**POINT_BITS).astype(np.int64)
        self.ring_ND[list(out)] = 3 << POINT_BITS
        self.valid_N = np.ones(len(points_ND), dtype=np.bool_)
        self.valid_N[list(out)] = False
        inside = self.ring_ND * self.valid_N[:, None]
        self.gram_NN: Int64Array = inside @ inside.T
        self.twin_s_dist_NN = plain.squared_distances(self.gram_NN.astype(np.float64))

    def distances_to(self, rows: Int64Array) -> Int64Array:
        """Squared distances of all points to some, exactly."""
        own = np.diag(self.gram_NN)
        return own[:, None] + own[rows] - 2 * self.gram_NN[:, rows]


def spread(seed: int = 0, n: int = N) -> np.ndarray:
    points = np.random.default_rng(seed).normal(size=(n, D))
    return np.asarray(points / np.linalg.norm(points, axis=1).max())


def repeated(n: int = N) -> np.ndarray:
    """Two distinct points only, so that there are fewer than centres."""
    return np.array([[0.5, 0.1, 0.0], [-0.25, 0.5, 0.125]])[np.arange(n) % 2]


POINTS = {
    "all within": lambda: Given(spread()),
    "first left out": lambda: Given(spread(1), out=(0, 1)),
    "some left out": lambda: Given(spread(2), out=(3, 9, N - 1)),
    "two kept": lambda: Given(spread(3), out=tuple(i for i in range(N) if i not in (4, 8))),
    "none kept": lambda: Given(spread(4), out=tuple(range(N))),
    "few distinct": lambda: Given(repeated()),
    "few distinct, some left out": lambda: Given(repeated(), out=(0, 2, 5)),
    "all the same": lambda: Given(np.full((N, D), 0.25)),
    "at the origin": lambda: Given(np.zeros((N, D))),
}
kinds = pytest.mark.parametrize("make", POINTS.values(), ids=POINTS)
Make = Callable[[], Given]


@pytest.mark.slow
@kinds
@sources
def test_farthest_first(parties: Parties, source: str, make: Make) -> None:
    given = make()
    rows = plain.farthest_first(given.twin_s_dist_NN, K, given.valid_N)
    found = parties("start", given.ring_ND, source=source, k=K)
    assert np.array_equal(found, given.distances_to(rows))


@sources
@pytest.mark.parametrize("k", [1, 2])
def test_farthest_first_with_few_centres(parties: Parties, source: str, k: int) -> None:
    given = Given(spread(5), out=(0,))
    rows = plain.farthest_first(given.twin_s_dist_NN, k, given.valid_N)
    found = parties("start", given.ring_ND, source=source, k=k)
    assert np.array_equal(found, given.distances_to(rows))


@pytest.mark.parametrize("out", [(), (0, 50)], ids=str)
def test_farthest_first_among_many_is_a_tournament(parties: Parties, out: tuple[int, ...]) -> None:
    """Points at opposite ends: the farthest of all stands in the last group, beside the missing."""
    points = 0.4 * spread(6, n=100)
    points[97], points[99] = [1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]
    points[0], points[1] = [0.99, 0.0, 0.0], [0.98, 0.0, 0.0]
    given = Given(points, out)
    rows = plain.farthest_first(given.twin_s_dist_NN, K, given.valid_N)
    assert 99 in rows
    found = parties("start", given.ring_ND, source="gram", k=K)
    assert np.array_equal(found, given.distances_to(rows))


@pytest.mark.slow
@kinds
@sources
def test_plus_plus(parties: Parties, source: str, make: Make) -> None:
    """All restarts at once give what the twin draws one by one, side by side."""
    given, draws_BK = make(), public_draws(7, N, 3, K)
    rows = [plain.plus_plus(given.twin_s_dist_NN, draws_K, given.valid_N) for draws_K in draws_BK]
    found = parties("start", given.ring_ND, source=source, k=K, draws=draws_BK.tolist())
    assert np.array_equal(found, given.distances_to(np.concatenate(rows)))


@sources
@pytest.mark.parametrize("draw", ["least", "greatest"])
def test_draws_at_the_edges(parties: Parties, source: str, draw: str) -> None:
    given = Given(spread(7))
    draws_BK = np.full((1, K), 1 if draw == "least" else (1 << draw_bits(N)) - 1)
    rows = plain.plus_plus(given.twin_s_dist_NN, draws_BK[0])
    assert rows[0] == (0 if draw == "least" else N - 1)
    found = parties("start", given.ring_ND, source=source, k=K, draws=draws_BK.tolist())
    assert np.array_equal(found, given.distances_to(rows))


@kinds
@pytest.mark.parametrize("source", [*SOURCES, "shares"])
def test_given_rows(parties: Parties, source: str, make: Make) -> None:
    """Less each point's own length; a row that is left out puts its centre at the origin."""
    given, rows = make(), np.array([4, 0, 9])
    found = parties("start", given.ring_ND, source=source, rows=rows.tolist())
    own_N1 = np.diag(given.gram_NN)[:, None]
    assert np.array_equal(found + own_N1, given.distances_to(rows))


@pytest.mark.slow
def test_rounds_are_those_of_the_docstrings(parties: Parties) -> None:
    """Beyond those for norms (5 + R_lt) and, where it is opened, for the Gram matrix."""
    less, of_64_bits = (1, 1) if parties.num_parties == 2 else (2, 9)
    together = less + 1  # an argmin over few points: also looks up who won
    first = 1  # who counts so far is short enough to be looked up
    ring = Given(spread()).ring_ND
    for source, g in (("gram", 0), ("rows", 1)):
        before = 5 + of_64_bits + (source == "gram")
        for k in (1, 2, 4):
            parties("start", ring, source=source, k=k)
            farthest = first + 2 + g + (k - 1) * (together + 1 + g) + max(0, k - 2) * (less + 1)
            assert parties.rounds - before == farthest, (source, k)
        for k in (2, 4):
            draws = public_draws(0, N, 2, k).tolist()
            parties("start", ring, source=source, k=k, draws=draws)
            drawn = 1 + k * (of_64_bits + 1 + g) + 1 + (k - 2) * (less + 1)
            assert parties.rounds - before == drawn, (source, k)
        parties("start", ring, source=source, rows=[3, 4])
        assert parties.rounds - before == g, source


class TestDraws:
    def test_they_are_numbers_from_1_of_the_bits_that_fit(self) -> None:
        for num_points in (1, 2, 100, MAX_POINTS):
            bits = draw_bits(num_points)
            draws_BK = public_draws(3, num_points, 50, 8)
            assert draws_BK.shape == (50, 8)
            assert 1 <= draws_BK.min() <= draws_BK.max() < 1 << bits
            largest = num_points << (GRAM_BITS + 2)  # the sum of N squared distances of at most 4
            assert largest << bits <= 1 << 62

    def test_the_same_seed_says_the_same_and_another_another(self) -> None:
        assert np.array_equal(public_draws(3, 90, 4, 8), public_draws(3, 90, 4, 8))
        assert not (public_draws(3, 90, 4, 8) == public_draws(4, 90, 4, 8)).all(axis=1).any()

    def test_they_fall_evenly(self) -> None:
        drawn = public_draws(0, 100, 1000, 8).reshape(-1)
        counts = np.bincount(drawn * 16 >> draw_bits(100), minlength=16)
        expected = len(drawn) / 16
        assert ((counts - expected) ** 2 / expected).sum() < 50  # 15 degrees of freedom

    def test_a_point_is_drawn_in_proportion_to_its_distance(self) -> None:
        """Three places on a line: after the one at 0, those at 1 and 2 are drawn 1 to 4."""
        place = np.array([0.0, 0.25, 0.5])
        gram = np.outer(place, place)
        draws = public_draws(5, 3, 4000, 2)
        rows = np.array(
            [plain.plus_plus(plain.squared_distances(gram), draws_K) for draws_K in draws]
        )
        assert abs((rows[:, 0] == 0).mean() - 1 / 3) < 0.04
        seconds = rows[rows[:, 0] == 0, 1]
        assert set(seconds.tolist()) == {1, 2}
        assert abs((seconds == 2).mean() - 4 / 5) < 0.06
