"""Shards have every row once, and weights tell every cluster that has points."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc import ClusterJob
from mpc.errors import InputError
from mpc.jobs.order import rows_by_owner
from mpc.jobs.shard_plan import cut_in_shards, shard_clusters
from mpc.jobs.sharding import (
    MAX_SHARD_CLUSTERS,
    MAX_WEIGHT,
    final_job,
    ledger_label,
    same_clustering,
    weights_of_sizes,
)

SHARD: dict[str, Any] = {"k": 4, "shards": 3, "shard": 2, "final_k": 2}


@given(
    owners=st.lists(st.integers(0, 30), min_size=1, max_size=200),
    shard_size=st.integers(1, 60),
    seed=st.integers(0, 9),
)
def test_every_row_is_in_one_shard_with_all_of_its_owner(
    owners: list[int], shard_size: int, seed: int
) -> None:
    rows = rows_by_owner(owners, len(owners))
    if max(map(len, rows.values())) > shard_size:
        with pytest.raises(InputError, match="rows, but a shard"):
            cut_in_shards(rows, shard_size, seed)
        return
    shards = cut_in_shards(rows, shard_size, seed)
    assert sorted(row for shard in shards for row in shard.rows) == list(range(len(owners)))
    assert [shard.number for shard in shards] == list(range(1, len(shards) + 1))
    assert max(len(shard.rows) for shard in shards) <= shard_size
    names = [name for shard in shards for name in shard.owner_names]
    assert sorted(names) == sorted(rows)
    for shard in shards:
        assert [owners[row] for row in shard.rows] == shard.owners


@given(n=st.integers(1, 5000), shard_size=st.integers(1, 500))
def test_owners_of_one_row_make_shards_of_one_size(n: int, shard_size: int) -> None:
    shards = cut_in_shards(rows_by_owner(None, n), shard_size, 1)
    sizes = {len(shard.rows) for shard in shards}
    assert len(shards) == -(-n // shard_size)
    assert max(sizes) - min(sizes) <= 1


def test_which_owners_are_together_is_drawn() -> None:
    rows = rows_by_owner(None, 100)
    one, same, other = (cut_in_shards(rows, 50, seed)[0].rows for seed in (1, 1, 2))
    assert one == same != other
    assert sorted(one) != list(range(50))


@given(
    sizes=st.lists(st.integers(0, 8191), min_size=1, max_size=200),
)
def test_weights_fit_and_only_empty_clusters_have_none(sizes: list[int]) -> None:
    n = max(sum(sizes), 1)
    weights = weights_of_sizes(8191, n, len(sizes))
    assert int(weights[sizes].sum()) <= MAX_WEIGHT
    assert np.array_equal(weights > 0, np.arange(8192) > 0)
    assert (np.diff(weights) >= 0).all()
    if n <= MAX_WEIGHT:
        assert np.array_equal(weights, np.arange(8192))


def test_weights_of_a_million_points_are_shares_of_them() -> None:
    weights = weights_of_sizes(8000, 1_000_000, 2500)
    sizes = np.array([400, 800, 8000])
    assert np.allclose(weights[sizes] / sizes * 1_000_000, MAX_WEIGHT - 2500, rtol=0.3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shard": 4}, "shard=4 but there are 3"),
        ({"shards": 0}, "shards=0"),
        ({"shards": "3"}, "shards='3'"),
        ({"final_k": None}, "several shards need the number"),
        ({"shards": 1, "shard": 1}, "a job without shards has none"),
        ({"final_k": 13}, "the shards have only 12 clusters"),
        ({"k": None}, "k given"),
        ({"init": "leaders"}, "init='leaders' but a shard has"),
        ({"init_rows": (0, 1, 2, 3)}, "no init_rows"),
        ({"reveal": "distances"}, "reveal='distances' but a shard has"),
        ({"final_restarts": 0}, "final_restarts=0"),
        ({"final_iterations": 1 << 20}, "iterations=1048576"),
        ({"final_restarts": 1000}, "more than 1024 centres"),
        ({"shards": MAX_SHARD_CLUSTERS}, "has 4095 at most; lower k"),
    ],
    ids=str,
)
def test_shards_that_no_second_level_could_follow_are_refused(
    change: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        ClusterJob(**{**SHARD, **change})


def test_shards_of_one_clustering_differ_in_number_and_label_only() -> None:
    one = ClusterJob(**SHARD, label="all")
    assert same_clustering(one, ClusterJob(**{**SHARD, "shard": 3}))
    assert not same_clustering(one, ClusterJob(**{**SHARD, "seed": 3}))
    assert ledger_label(one) == "all, shard 2 of 3"
    assert ledger_label(final_job(one)) == "all, second level"
    assert not final_job(one).is_shard


@pytest.mark.parametrize(("k", "clusters"), [(1, 2), (8, 16), (10, 16), (16, 16), (20, 20)])
def test_the_default_number_of_clusters_of_a_shard(k: int, clusters: int) -> None:
    assert shard_clusters(k) == clusters
