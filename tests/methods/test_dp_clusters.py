import numpy as np
import pytest

from secfpp.config.privacy import PrivacyConfig
from secfpp.experiment.config import RunConfig
from secfpp.methods.dp_clusters import METHOD, NoisedGroups
from secfpp.methods.interface import Contribution

GROUP_N = np.array([0, 0, 0, 1, 1, 1, 2, 2], dtype=np.int64)


def contribution(
    step_nM: np.ndarray, clients: list[int], before_GM: np.ndarray | None = None
) -> Contribution:
    clients_n = np.array(clients, dtype=np.int64)
    if before_GM is None:
        before_GM = np.zeros((3, step_nM.shape[1]))
    before_nM = before_GM[GROUP_N[clients_n]]
    return Contribution(
        round_index=1,
        clients_n=clients_n,
        num_clients=len(GROUP_N),
        descriptor_nD=np.zeros((len(clients), 1)),
        before_nM=before_nM,
        update_nM=before_nM + step_nM,
    )


def groups(noise_multiplier: float = 0.0, clip_norm: float = 1.0, least: int = 1) -> NoisedGroups:
    return NoisedGroups(
        group_N=GROUP_N,
        min_cluster_size=least,
        clip_norm=clip_norm,
        noise_multiplier=noise_multiplier,
    )


def test_groups_move_by_the_mean_of_their_clipped_steps() -> None:
    before_GM = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    steps = np.array([[0.0, 0.5], [0.0, 0.3], [3.0, 4.0], [0.0, 0.2]])
    outcome = groups()(contribution(steps, [0, 1, 3, 6], before_GM))
    assert outcome.clients_r.tolist() == list(range(8))
    assert np.allclose(outcome.update_rM[:3], [1.0, 0.4])
    assert np.allclose(outcome.update_rM[3:6], [2.6, 0.8])
    assert np.allclose(outcome.update_rM[6:], [3.0, 0.2])
    assert outcome.k == 3
    assert outcome.labels_n is not None
    assert outcome.labels_n.tolist() == [0, 0, 1, 2]
    assert outcome.bytes_client == 4 * (2 + 2)


def test_a_group_without_participants_stays_as_it_is() -> None:
    outcome = groups()(contribution(np.full((2, 2), 0.1), [0, 6]))
    assert outcome.clients_r.tolist() == [0, 1, 2, 6, 7]


def test_a_small_group_moves_by_the_mean_of_all() -> None:
    steps = np.array([[0.1], [0.3], [0.5], [0.7]])
    outcome = groups(least=3)(contribution(steps, [0, 1, 2, 6]))
    assert np.allclose(outcome.update_rM[:3], 0.3)
    assert np.allclose(outcome.update_rM[3:], 0.4)


def test_a_client_moves_the_sums_by_the_clip_at_most() -> None:
    steps = 50 * np.random.default_rng(0).normal(size=(8, 4))
    everyone = list(range(8))
    size_r1 = np.bincount(GROUP_N)[GROUP_N][:, None]
    with_all = groups(clip_norm=1.5)(contribution(steps, everyone)).update_rM * size_r1
    one_each = [0, 3, 6]
    for client in everyone:
        zeroed = steps.copy()
        zeroed[client] = 0
        without = groups(clip_norm=1.5)(contribution(zeroed, everyone)).update_rM * size_r1
        moved = np.linalg.norm((with_all - without)[one_each])
        assert moved == pytest.approx(1.5)


def test_noise_on_a_groups_mean_has_the_stated_deviation() -> None:
    exchange = groups(noise_multiplier=3.0, clip_norm=2.0)
    outcome = exchange(contribution(np.zeros((8, 40_000)), list(range(8))))
    for client, size in ((0, 3), (3, 3), (6, 2)):
        assert outcome.update_rM[client].std() == pytest.approx(6.0 / size, rel=0.03)
    assert np.array_equal(outcome.update_rM[0], outcome.update_rM[2])
    assert abs(np.corrcoef(outcome.update_rM[[0, 3, 6]])[0, 1]) < 0.03


def test_statement_says_what_has_no_noise() -> None:
    assert METHOD.statement is not None
    config = RunConfig(privacy=PrivacyConfig(epsilon=3.0))
    said = METHOD.statement(config.settings_of(METHOD))
    assert said.epsilon_pld <= 3.0
    assert said.compositions == 10
    for needed in (
        "unit: client",
        "which group is public",
        "P_L, which never leaves",
        "10 releases",
    ):
        assert needed in said.in_words
