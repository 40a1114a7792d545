from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from secfpp.errors import ConfigError
from secfpp.federation.round import Federation, RoundResult, begin, run_round
from secfpp.methods.cfl import (
    CLUSTER,
    METHOD,
    CflSettings,
    SplitClusters,
    bipartition,
    cosines,
    place_returning,
)
from secfpp.methods.interface import Contribution
from tests.federation.toy import T, W, toy_cohort
from tests.methods.personal import federation, resumed_equals_uninterrupted, with_own
from tests.methods.test_registry import contribution

RULE = SplitClusters(stationary=0.3, moving=0.5, reach=1.0)
EAST, WEST, NORTH = [2.0, 0.1], [-2.0, 0.1], [0.0, 2.0]


def brought(update: list[list[float]], cluster: list[float] | None = None) -> Contribution:
    labels = np.array(cluster or [0.0] * len(update))
    return replace(contribution(update), sent={"cluster": labels})


def test_incongruent_steps_are_split_and_averaged_apart() -> None:
    result = RULE(brought([EAST, WEST, EAST, WEST]))
    assert result.labels_n is not None
    assert result.labels_n[0] == result.labels_n[2] != result.labels_n[1] == result.labels_n[3]
    assert set(result.labels_n) == {1, 2}
    assert np.allclose(result.update_rM, [EAST, WEST, EAST, WEST])
    assert result.k == 2
    assert result.given[CLUSTER].tolist() == result.labels_n.tolist()
    assert result.bytes_client == 4 * 2 * 2


def test_congruent_steps_stay_together() -> None:
    result = RULE(brought([EAST, [1.8, 0.3], [2.1, -0.2], [1.9, 0.0]]))
    assert result.labels_n is not None
    assert result.labels_n.tolist() == [0, 0, 0, 0]
    assert np.allclose(result.update_rM, np.tile([1.95, 0.05], (4, 1)))


def test_short_steps_and_pairs_are_not_split() -> None:
    short = [[0.2 * x for x in step] for step in (EAST, WEST, EAST, WEST)]
    assert RULE(brought(short)).k == 1, "nobody moves: the cluster has converged"
    assert RULE(brought([EAST, WEST])).k == 1, "two members"


def test_clusters_are_split_again_and_others_left_alone() -> None:
    result = RULE(brought([EAST, EAST, WEST, EAST, WEST, EAST], [1, 1, 2, 2, 2, 2]))
    assert result.labels_n is not None
    labels = result.labels_n.tolist()
    assert labels[:2] == [1, 1]
    assert labels[2] == labels[4]
    assert labels[3] == labels[5]
    assert {labels[2], labels[3]} == {5, 6}


def test_steps_count_from_this_rounds_start() -> None:
    """Prompts far from the public start, steps alike: no reason to split."""
    came = brought([[9.0, 0.0], [-9.0, 0.0], [0.0, 9.0]])
    before = np.array([[7.0, 0.0], [-11.0, 0.0], [-2.0, 9.0]])
    assert RULE(replace(came, before_nM=before)).k == 1


def complete_linkage(cosine_nn: npt.NDArray[np.float64]) -> set[frozenset[int]]:
    """Merge the two clusters whose farthest members are nearest until two are left."""
    groups = [frozenset([i]) for i in range(len(cosine_nn))]
    while len(groups) > 2:
        pairs = [(a, b) for i, a in enumerate(groups) for b in groups[i + 1 :]]
        a, b = max(pairs, key=lambda pair: min(cosine_nn[i, j] for i in pair[0] for j in pair[1]))
        groups = [g for g in groups if g not in (a, b)] + [a | b]
    return set(groups)


def test_bipartition_is_complete_linkage() -> None:
    for seed in range(5):
        steps = np.random.default_rng(seed).normal(size=(9, 4))
        half = bipartition(cosines(steps))
        found = {frozenset(np.flatnonzero(half == side).tolist()) for side in (0, 1)}
        assert found == complete_linkage(cosines(steps))


def test_cosines_of_nothing_are_zero() -> None:
    found = cosines(np.array([[3.0, 4.0], [0.0, 0.0], [-4.0, 3.0]]))
    assert np.allclose(found, [[1, 0, 0], [0, 0, 0], [0, 0, 1]])


def test_returning_clients_join_the_part_they_resemble() -> None:
    """Cluster 0 was split into 1 and 2, and 2 into 5 and 6, while clients 3, 4 and 5 were away."""
    steps = np.array([EAST, WEST, NORTH, [1.0, 0.0], [-0.1, 1.0], [-1.0, 0.0]])
    placed = place_returning(np.array([1, 5, 6, 0, 0, 2]), steps)
    assert placed.tolist() == [1, 5, 6, 1, 6, 5]
    alone = np.array([0, 0, 0], dtype=np.int64)
    assert place_returning(alone, steps[3:]).tolist() == [0, 0, 0]


def rounds(fed: Federation, count: int) -> list[RoundResult]:
    state, results = begin(fed, torch.zeros(T, W)), []
    for _ in range(count):
        results.append(run_round(fed, state, np.arange(fed.cohort.num_clients)))
        state = results[-1].state
    return results


def test_it_splits_along_toy_domains() -> None:
    config = with_own(METHOD, CflSettings(cfl_lr=0.05, cfl_loss="aligned"))
    results = rounds(federation(METHOD, config), 8)
    assert [result.exchanged.k for result in results] == sorted(r.exchanged.k or 0 for r in results)
    first, last = results[0], results[-1]
    assert first.exchanged.k == 1
    assert last.record(0, "cfl", toy_cohort().domain_N).ari == 1.0
    shared = last.state.shared_NTW
    assert torch.equal(shared[0], shared[1])
    assert not torch.equal(shared[0], shared[8])


def test_it_leaves_clients_with_the_same_images_together() -> None:
    config = with_own(METHOD, CflSettings(cfl_lr=0.05, cfl_loss="aligned"))
    fed = federation(METHOD, config)
    same = fed.cohort.train.rows(torch.zeros(9, dtype=torch.int64))
    results = rounds(replace(fed, cohort=replace(fed.cohort, train=same)), 8)
    assert {result.exchanged.k for result in results} == {1}


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="cfl_lr=0"):
        CflSettings(cfl_lr=0.0)


def test_resumed_run_equals_uninterrupted_run(tmp_path: Path) -> None:
    resumed_equals_uninterrupted("cfl", tmp_path)
