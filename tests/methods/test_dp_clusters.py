import numpy as np
import pytest

from secfpp.config.privacy import PrivacyConfig
from secfpp.experiment.config import RunConfig
from secfpp.methods.dp_clusters import METHOD, NoisedClusters
from secfpp.methods.interface import Contribution

GROUP_N = np.array([0, 0, 0, 1, 1, 1, 2, 2], dtype=np.int64)


def contribution(
    step_nM: np.ndarray, clients: list[int], before_KM: np.ndarray | None = None
) -> Contribution:
    clients_n = np.array(clients, dtype=np.int64)
    if before_KM is None:
        before_KM = np.zeros((3, step_nM.shape[1]))
    before_nM = before_KM[GROUP_N[clients_n]]
    return Contribution(
        round_index=1,
        clients_n=clients_n,
        num_clients=len(GROUP_N),
        descriptor_nD=np.zeros((len(clients), 1)),
        before_nM=before_nM,
        update_nM=before_nM + step_nM,
    )


def clusters(
    noise_multiplier: float = 0.0, clip_norm: float = 1.0, least: int = 1
) -> NoisedClusters:
    return NoisedClusters(
        cluster_N=GROUP_N,
        min_cluster_size=least,
        clip_norm=clip_norm,
        noise_multiplier=noise_multiplier,
    )


def test_groups_move_by_the_mean_of_their_clipped_steps() -> None:
    before_KM = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    steps = np.array([[0.0, 0.5], [0.0, 0.3], [3.0, 4.0], [0.0, 0.2]])
    result = clusters()(contribution(steps, [0, 1, 3, 6], before_KM))
    assert result.clients_r.tolist() == list(range(8))
    assert np.allclose(result.update_rM[:3], [1.0, 0.4])
    assert np.allclose(result.update_rM[3:6], [2.6, 0.8])
    assert np.allclose(result.update_rM[6:], [3.0, 0.2])
    assert result.k == 3
    assert result.labels_n is not None
    assert result.labels_n.tolist() == [0, 0, 1, 2]
    assert result.bytes_client == 4 * (2 + 2)


def test_a_group_without_participants_stays_as_it_is() -> None:
    result = clusters()(contribution(np.full((2, 2), 0.1), [0, 6]))
    assert result.clients_r.tolist() == [0, 1, 2, 6, 7]


def test_a_small_group_moves_by_the_mean_of_all() -> None:
    steps = np.array([[0.1], [0.3], [0.5], [0.7]])
    result = clusters(least=3)(contribution(steps, [0, 1, 2, 6]))
    assert np.allclose(result.update_rM[:3], 0.3)
    assert np.allclose(result.update_rM[3:], 0.4)


def test_a_client_moves_the_sums_by_the_clip_at_most() -> None:
    steps = 50 * np.random.default_rng(0).normal(size=(8, 4))
    everyone = list(range(8))
    size_r1 = np.bincount(GROUP_N)[GROUP_N][:, None]
    with_all = clusters(clip_norm=1.5)(contribution(steps, everyone)).update_rM * size_r1
    one_each = [0, 3, 6]
    for client in everyone:
        zeroed = steps.copy()
        zeroed[client] = 0
        without = clusters(clip_norm=1.5)(contribution(zeroed, everyone)).update_rM * size_r1
        moved = np.linalg.norm((with_all - without)[one_each])
        assert moved == pytest.approx(1.5)


def test_noise_on_a_groups_mean_has_the_stated_deviation() -> None:
    exchange = clusters(noise_multiplier=3.0, clip_norm=2.0)
    result = exchange(contribution(np.zeros((8, 40_000)), list(range(8))))
    for client, size in ((0, 3), (3, 3), (6, 2)):
        assert result.update_rM[client].std() == pytest.approx(6.0 / size, rel=0.03)
    assert np.array_equal(result.update_rM[0], result.update_rM[2])
    assert abs(np.asarray(np.corrcoef(result.update_rM[[0, 3, 6]]))[0, 1]) < 0.03


def test_statement_says_what_has_no_noise() -> None:
    assert METHOD.statement is not None
    config = RunConfig(privacy=PrivacyConfig(epsilon=3.0))
    said = METHOD.statement(config.settings_of(METHOD))
    assert said.epsilon_pld <= 3.0
    assert said.compositions == 10
    for needed in (
        "unit: client",
        "the clusters are public",
        "P_L, which never leaves",
        "10 releases",
    ):
        assert needed in said.in_words
