from typing import get_args

import numpy as np
import pytest

from mpc.reference.session import PlainSession
from secfpp.config.clustering import ClusteringConfig
from secfpp.config.training import TrainingConfig
from secfpp.experiment.config import RunConfig
from secfpp.methods.interface import Contribution, MethodContext
from secfpp.methods.registry import METHODS, MethodName
from secfpp.methods.shared.averaging import average_all, average_clusters, keep
from secfpp.methods.shared.clustered import ClusteredExchange
from secfpp.seeds import Seeds


def contribution(update: list[list[float]], clients: list[int] | None = None) -> Contribution:
    update_nM = np.array(update)
    clients_n = np.array(clients or range(len(update)), dtype=np.int64)
    norm = np.linalg.norm(update_nM, axis=1, keepdims=True)
    return Contribution(
        round_index=0,
        clients_n=clients_n,
        num_clients=int(clients_n.max()) + 1,
        descriptor_nD=update_nM / norm,
        before_nM=np.zeros_like(update_nM),
        update_nM=update_nM,
    )


@pytest.mark.parametrize("name", get_args(MethodName))
def test_every_method_spends_the_same_steps(name: MethodName) -> None:
    config = RunConfig(training=TrainingConfig(local_steps=17, shared_steps=5))
    steps = METHODS[name].trainer(config.settings_of(METHODS[name]), Seeds(0)).steps
    assert steps == (0 if name in ("zero-shot", "tip-adapter") else 17)
    assert METHODS[name].card.name == name


def test_nothing_is_exchanged_by_keep() -> None:
    result = keep(contribution([[1.0, 0.0], [0.0, 1.0]]))
    assert len(result.clients_r) == 0
    assert result.update_rM.shape == (0, 2)


def test_average_reaches_those_who_sat_out() -> None:
    result = average_all(contribution([[1.0, 0.0], [3.0, 2.0]], clients=[1, 4]))
    assert result.clients_r.tolist() == [0, 1, 2, 3, 4]
    assert np.array_equal(result.update_rM, np.tile([2.0, 1.0], (5, 1)))


def test_small_group_gets_the_mean_of_all() -> None:
    rows = [[0.0], [2.0], [4.0], [10.0]]
    result = average_clusters(contribution([[r[0], 1.0] for r in rows]), np.array([0, 0, 0, 1]), 3)
    assert result.update_rM[:, 0].tolist() == [2.0, 2.0, 2.0, 4.0]
    assert result.k == 2


def test_clustered_exchange_averages_inside_found_groups() -> None:
    update = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.1], [0.1, 1.0], [1.2, 0.0], [0.0, 1.2]]
    exchange = ClusteredExchange(
        session=PlainSession(), clustering=ClusteringConfig(k=2), label="test"
    )
    result = exchange(contribution(update))
    assert result.labels_n is not None
    assert len(set(result.labels_n[::2])) == 1
    assert np.allclose(result.update_rM[0], np.mean(update[::2], axis=0))
    assert np.allclose(result.update_rM[1], np.mean(update[1::2], axis=0))


def test_never_more_clusters_than_participants() -> None:
    exchange = ClusteredExchange(
        session=PlainSession(),
        clustering=ClusteringConfig(k=5, min_cluster_size=1),
        label="test",
    )
    assert exchange(contribution([[1.0, 0.0], [0.0, 1.0]])).k == 2


def test_random_groups_are_even_and_seeded() -> None:
    def clusters(seed: int) -> list[int]:
        context = MethodContext(
            settings=RunConfig().settings_of(METHODS["random-clusters"]),
            seeds=Seeds(seed),
            domain_N=np.repeat(np.arange(5), 4),
            open_session=PlainSession,
        )
        exchange = METHODS["random-clusters"].begin(context)
        return list(exchange.cluster_N)  # type: ignore[attr-defined]

    assert clusters(0) == clusters(0) != clusters(1)
    assert np.bincount(clusters(0)).tolist() == [4] * 5
