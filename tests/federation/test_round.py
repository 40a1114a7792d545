from dataclasses import replace

import numpy as np
import pytest
import torch

from mpc.reference.session import PlainSession
from secfpp.config.clustering import ClusteringConfig
from secfpp.config.training import TrainingConfig
from secfpp.experiment.config import RunConfig
from secfpp.federation.round import (
    Federation,
    RoundResult,
    batch_of,
    begin,
    draw_participants,
    run_round,
)
from secfpp.learning.prompts import PromptState
from secfpp.methods.interface import MethodContext
from secfpp.methods.registry import METHODS, MethodName
from secfpp.methods.shared.averaging import average_all
from secfpp.methods.shared.personal import make_trainer
from secfpp.methods.shared.plans import two_level
from secfpp.methods.shared.prototypes import make_exchange
from secfpp.methods.shared.trainers import TwoPhase
from secfpp.seeds import Seeds
from tests.federation.toy import SCALE, T, ToyTower, W, toy_cohort

CONFIG = RunConfig(
    training=TrainingConfig(rounds=4, local_steps=12, shared_steps=8, num_context=T),
    clustering=ClusteringConfig(k=3),
)


def federation(name: MethodName) -> Federation:
    cohort = toy_cohort()
    settings = CONFIG.settings_of(METHODS[name])
    context = MethodContext(
        settings=settings, seeds=Seeds(0), domain_N=cohort.domain_N, open_session=PlainSession
    )
    return Federation(
        cohort=cohort,
        tower=ToyTower(),
        logit_scale=SCALE,
        trainer=make_trainer(METHODS[name], settings, Seeds(0)),
        exchange=make_exchange(METHODS[name], context),
        descriptor="text-features",
        projection_dim=4,
    )


def run(name: MethodName, rounds: int = 4) -> list[RoundResult]:
    federated = federation(name)
    state = begin(federated, torch.zeros(T, W))
    everyone = np.arange(federated.cohort.num_clients, dtype=np.int64)
    results = []
    for _ in range(rounds):
        results.append(run_round(federated, state, everyone))
        state = results[-1].state
    return results


def test_clusters_are_the_domains_and_share_one_prompt() -> None:
    first = run("secfpp-plain", rounds=1)[0]
    assert first.record(0, "secfpp-plain", toy_cohort().domain_N).ari == 1.0
    rows = first.state.shared_NTW
    for group in range(3):
        same = rows[3 * group : 3 * group + 3]
        assert torch.equal(same[0], same[1])
        assert torch.equal(same[0], same[2])
    assert not torch.equal(rows[0], rows[3])


def test_found_clusters_that_are_right_equal_the_oracle() -> None:
    found, told = run("secfpp-plain")[-1].state, run("oracle")[-1].state
    assert torch.allclose(found.shared_NTW, told.shared_NTW, atol=1e-5)
    assert torch.allclose(found.local_NTW, told.local_NTW, atol=1e-5)


def test_local_parts_stay_different_and_local() -> None:
    state = run("one-cluster", rounds=1)[0].state
    assert torch.equal(state.shared_NTW[0], state.shared_NTW[8])
    assert not torch.equal(state.local_NTW[0], state.local_NTW[1])


def test_promptfl_averages_and_keeps_nothing_local() -> None:
    state = run("promptfl", rounds=2)[-1].state
    assert (state.local_NTW == 0).all()
    assert (state.shared_NTW == state.shared_NTW[0]).all()
    assert not torch.equal(state.shared_NTW[0], state.initial_TW)


def test_local_only_shares_nothing() -> None:
    state = run("local-only", rounds=1)[0].state
    assert (state.shared_NTW == 0).all()
    assert (state.local_NTW.flatten(1).norm(dim=1) > 0).all()


def test_clustering_beats_one_prompt_where_domains_conflict() -> None:
    clustered, single = run("secfpp-plain")[-1].scores, run("promptfl")[-1].scores
    assert clustered.uniform > single.uniform


def test_those_who_sit_out_keep_their_prompts() -> None:
    federated = federation("secfpp-plain")
    start = begin(federated, torch.zeros(T, W))
    some = np.array([0, 1, 2, 5, 6, 8], dtype=np.int64)
    state = run_round(federated, start, some).state
    assert torch.equal(state.prompts()[[3, 4, 7]], start.prompts()[[3, 4, 7]])
    assert not torch.equal(state.prompts()[[0, 8]], start.prompts()[[0, 8]])


def test_stale_client_sends_its_distance_from_the_public_start() -> None:
    start = PromptState.start(torch.ones(T, W), 2)
    moved = start.with_updates(np.array([1], dtype=np.int64), np.full((1, T * W), 0.5))
    assert np.array_equal(moved.updates(), [[0.0] * T * W, [0.5] * T * W])
    assert torch.equal(moved.shared_NTW[1], torch.full((T, W), 1.5))


@pytest.mark.parametrize(("fraction", "count"), [(1.0, 20), (0.5, 10), (0.31, 7), (0.01, 1)])
def test_participants(fraction: float, count: int) -> None:
    drawn = draw_participants(Seeds(1), 3, 20, fraction)
    assert len(drawn) == count
    assert (np.diff(drawn) > 0).all()
    assert np.array_equal(drawn, draw_participants(Seeds(1), 3, 20, fraction))


def test_draws_differ_by_round() -> None:
    draws = {tuple(draw_participants(Seeds(1), r, 20, 0.5)) for r in range(5)}
    assert len(draws) == 5


def test_prompt_state_refuses_foreign_shapes() -> None:
    state = PromptState.start(torch.zeros(T, W), 2)
    with pytest.raises(Exception, match="local_NTW has shape"):
        replace(state, local_NTW=torch.zeros(3, T, W))


def test_local_part_starts_anew_on_a_new_shared_part() -> None:
    plan = two_level(CONFIG.training)
    forgetful, faithful = (
        replace(
            federation("one-cluster"),
            trainer=TwoPhase(plan=replace(plan, local_memory=memory)),
            exchange=average_all,
        )
        for memory in (0.0, 1.0)
    )
    start = begin(forgetful, torch.zeros(T, W))
    used = start.replace(local_NTW=torch.ones(9, T, W))
    everyone = np.arange(9, dtype=np.int64)
    fresh = run_round(forgetful, start, everyone).state
    assert torch.equal(run_round(forgetful, used, everyone).state.local_NTW, fresh.local_NTW)
    assert not torch.equal(run_round(faithful, used, everyone).state.local_NTW, fresh.local_NTW)


def test_a_batch_has_the_held_out_images_of_the_same_clients() -> None:
    asked = federation("local-only")
    batch = batch_of(asked, np.array([7, 2]), 0)
    for place, client in enumerate((7, 2)):
        mine = asked.cohort.validation.features_NBE[client]
        assert torch.equal(batch.validation.features_NBE[place], mine)
