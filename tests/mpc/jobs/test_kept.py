"""Who can begin warm: what is kept, of whom, and for how long."""

from dataclasses import replace

import pytest

from mpc.errors import InputError
from mpc.jobs.job import MAX_LEADERS_POINTS, ClusterJob
from mpc.jobs.kept import Kept
from mpc.ring.public_draws import public_orders

JOB = ClusterJob(k=3, start="warm", warm_iterations=2)
FRESH = replace(JOB, start="fresh")


def rows(*names: str, each: int = 1) -> dict[str, range]:
    return {name: range(at * each, (at + 1) * each) for at, name in enumerate(names)}


def test_nothing_is_kept_at_first() -> None:
    assert Kept[range]().settled(JOB, rows("a", "b", "c")) == FRESH


def test_three_rows_of_four_must_be_known() -> None:
    kept: Kept[range] = Kept()
    kept.keep(1, FRESH, 3, rows("a", "b", "c"))
    warm = replace(JOB, iterations=2)
    assert kept.settled(JOB, rows("a", "b", "c")) == warm
    assert kept.settled(JOB, rows("a", "b", "c", "d")) == warm
    assert kept.settled(JOB, rows("a", "b", "c", "d", "e")) == FRESH
    assert kept.settled(JOB, rows("a", "b", "d")) == FRESH
    assert kept.settled(JOB, rows("a", "b", "c", each=2)) == FRESH
    assert kept.settled(warm, rows("a", "b", "c")) == warm


def test_another_number_of_clusters_begins_fresh() -> None:
    kept: Kept[range] = Kept()
    kept.keep(1, FRESH, 4, rows("a", "b", "c", "d", "e"))
    assert kept.settled(JOB, rows("a", "b", "c", "d")) == FRESH
    left_open = replace(JOB, k=None)
    assert kept.settled(left_open, rows("a", "b", "c", "d")).k == 4
    assert kept.settled(left_open, rows("a", "b", "c")) == replace(left_open, start="fresh")


def test_distances_begin_fresh() -> None:
    kept: Kept[range] = Kept()
    kept.keep(1, FRESH, 3, rows("a", "b", "c"))
    job = replace(JOB, reveal="distances")
    assert kept.settled(job, rows("a", "b", "c")) == replace(job, start="fresh")


@pytest.mark.parametrize("start", ["fresh", "both"])
def test_new_numbers_of_clusters_forget_who_is_away(start: str) -> None:
    kept: Kept[range] = Kept()
    kept.keep(1, FRESH, 3, rows("a", "b", "c", "d"))
    kept.keep(2, JOB, 3, rows("a", "b", "c"))
    assert kept.settled(JOB, rows("d", "b", "c")).start == "warm"
    kept.keep(3, replace(JOB, start=start), 3, rows("a", "b", "c"))  # type: ignore[arg-type]
    assert kept.settled(JOB, rows("d", "b", "c")).start == "fresh"
    assert kept.number == 3


def test_what_is_kept_is_not_shown() -> None:
    kept: Kept[list[int]] = Kept()
    kept.keep(1, FRESH, 3, {"a": [4711]})
    assert "4711" not in repr(kept)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"start": "cold"}, "start='cold' is none of fresh, warm, both"),
        ({"k": None, "start": "both"}, "start='both' needs a given k"),
        ({"warm_iterations": 0}, "warm_iterations=0 but at least 1"),
        ({"warm_iterations": 2.5}, "warm_iterations=2.5 but an integer"),
        ({"warm_iterations": 1 << 20}, "iterations=1048576 but a job has 10000 at most"),
        ({"init": "leaders", "restarts": 256}, "at most 255 starts"),
        ({"init": "random", "restarts": 255, "start": "both"}, "at most 255 starts"),
        ({"init": "random", "restarts": 256, "start": "warm"}, "at most 255 starts"),
        ({"init": "k-means++", "restarts": 500, "start": "warm"}, "more than 1024 centres"),
        ({"k": None, "init": "leaders"}, "give k for leaders"),
        ({"k": None, "init": "k-means++"}, "give k for k-means\\+\\+"),
        ({"k": None, "init": "random", "restarts": 33}, "1028 centres, but at most 1024"),
        ({"k": None, "init": "random", "restarts": 2, "iterations": 1}, "at least 2 iterations"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ClusterJob(**{"k": 3, **settings})  # type: ignore[arg-type]


def test_leaders_are_for_few_points() -> None:
    job = ClusterJob(k=3, init="leaders")
    job.check_shapes(MAX_LEADERS_POINTS, 5, 5)
    with pytest.raises(InputError, match="up to 64 points, not 65"):
        job.check_shapes(MAX_LEADERS_POINTS + 1, 5, 5)


def test_orders_are_permutations_that_the_seed_decides() -> None:
    orders_BN = public_orders(3, 20, 4)
    assert all(sorted(order) == list(range(20)) for order in orders_BN.tolist())
    assert orders_BN[0].tolist() == list(range(20))
    assert len({tuple(order) for order in orders_BN.tolist()}) == 4
    assert public_orders(3, 20, 2).tolist() == orders_BN[:2].tolist()
    assert public_orders(4, 20, 2)[1].tolist() != orders_BN[1].tolist()
