from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from secfpp.config.clustering import ClusteringConfig
from secfpp.errors import ConfigError
from secfpp.federation.round import RoundResult, batch_of, begin, run_round
from secfpp.learning.losses import LossTerms, prompt_loss
from secfpp.methods.ifca import (
    CHOICE,
    HELD,
    METHOD,
    Ifca,
    IfcaSettings,
    average_by_choice,
    num_prompts,
)
from secfpp.methods.interface import Contribution
from tests.federation.toy import T, W, toy_cohort
from tests.methods.personal import federation, resumed_equals_uninterrupted, with_own
from tests.methods.test_registry import contribution

SPREAD = with_own(METHOD, IfcaSettings(ifca_start=1.0, ifca_lr=0.05, ifca_loss="aligned"))


def brought(update: list[list[float]], choice: list[int], held: list[list[float]]) -> Contribution:
    rows = np.tile(np.array(held).reshape(1, -1), (len(update), 1))
    sent = {"choice": np.array(choice, dtype=np.float64), "held": rows}
    return replace(contribution(update, clients=[0, 2, 3]), num_clients=5, sent=sent)


def test_server_averages_by_choice_and_keeps_what_nobody_chose() -> None:
    result = average_by_choice(
        brought(
            [[2.0, 0.0], [4.0, 2.0], [7.0, 7.0]], [1, 1, 0], [[5.0, 5.0], [6.0, 6.0], [9.0, 8.0]]
        )
    )
    given = result.given[HELD]
    assert given.shape == (5, 6)
    assert given[4].tolist() == [7.0, 7.0, 3.0, 1.0, 9.0, 8.0]
    assert result.update_rM[[0, 2, 3]].tolist() == [[3.0, 1.0], [3.0, 1.0], [7.0, 7.0]]
    assert result.labels_n is not None
    assert result.labels_n.tolist() == [1, 1, 0]
    assert result.k == 2
    assert result.bytes_client == 4 * (3 * 2 + 2 + 1)


def test_choice_is_the_lowest_loss_on_own_images() -> None:
    fed = federation(METHOD, SPREAD)
    trainer = fed.trainer
    assert isinstance(trainer, Ifca)
    state = begin(fed, torch.zeros(T, W))
    batch = batch_of(fed, np.arange(9), 0)
    chosen = trainer.choose(batch, state)
    terms = LossTerms(balanced=True, alignment_weight=SPREAD.training.alignment_weight)
    for i in range(9):
        shards = fed.cohort.train.rows(torch.tensor([i]))
        losses = [
            prompt_loss(fed.tower(prompt[None]), shards, fed.logit_scale, terms).item()
            for prompt in state.extra[HELD][i]
        ]
        assert chosen[i].item() == int(np.argmin(losses))
    assert len(torch.unique(chosen)) > 1


def rounds(count: int, seed: int = 0) -> list[RoundResult]:
    fed = federation(METHOD, SPREAD, seed)
    state, results = begin(fed, torch.zeros(T, W)), []
    for _ in range(count):
        results.append(run_round(fed, state, np.arange(9)))
        state = results[-1].state
    return results


def test_it_finds_the_domains() -> None:
    """From starts that are far enough apart; with others it need not."""
    last = rounds(12)[-1]
    assert last.record(0, "ifca", toy_cohort().domain_N).ari == 1.0
    assert last.exchanged.k == 3


def test_only_the_chosen_prompt_is_trained_and_shared() -> None:
    fed = federation(METHOD, SPREAD)
    start = begin(fed, torch.zeros(T, W))
    result = run_round(fed, start, np.arange(9))
    choice_N = result.state.extra[CHOICE]
    for j in range(3):
        before, after = start.extra[HELD][0, j], result.state.extra[HELD][0, j]
        assert torch.equal(before, after) == (j not in choice_N.tolist())
    assert (result.state.extra[HELD] == result.state.extra[HELD][0]).all()
    assert (result.state.local_NTW == 0).all()


def test_who_sat_out_has_the_newest_prompts_and_chooses_among_them() -> None:
    fed = federation(METHOD, SPREAD)
    result = run_round(fed, begin(fed, torch.zeros(T, W)), np.arange(6))
    assert torch.equal(result.state.extra[HELD][8], result.state.extra[HELD][0])
    batch = batch_of(fed, np.arange(9), 1)
    images = fed.cohort.test_of(fed.cohort.domain_N)
    assert isinstance(fed.trainer, Ifca)
    chosen = fed.trainer.choose(batch, result.state)
    prompts = result.state.extra[HELD][torch.arange(9), chosen]
    expected = fed.logit_scale * images.features_NBE @ fed.tower(prompts).transpose(1, 2)
    torch.testing.assert_close(fed.trainer.logits(batch, result.state, images), expected)
    assert torch.equal(result.state.shared_NTW[:6], prompts[:6])


def test_prompts_start_apart_by_seed() -> None:
    first, again, other = (
        begin(federation(METHOD, SPREAD, seed), torch.zeros(T, W)).extra[HELD] for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0, 0], first[0, 1])


def test_k_is_the_settings() -> None:
    assert num_prompts(ClusteringConfig(k=4)) == 4
    assert num_prompts(ClusteringConfig(k=None, k_max=6)) == 6
    with pytest.raises(ConfigError, match="ifca_start"):
        IfcaSettings(ifca_start=-0.1)


def test_resumed_run_equals_uninterrupted_run(tmp_path: Path) -> None:
    resumed_equals_uninterrupted("ifca", tmp_path)
