import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from secfpp.errors import ConfigError
from secfpp.federation.round import RoundResult, batch_of, begin, run_round
from secfpp.learning.evidence import attend
from secfpp.learning.losses import Shards
from secfpp.methods.interface import AnyMethod
from secfpp.methods.pfedprompt import METHOD, PFedPromptSettings
from secfpp.methods.promptfl import METHOD as PROMPTFL
from tests.federation.toy import C, E, T, W, ragged_shards
from tests.methods.personal import federation, resumed_equals_uninterrupted, with_own


def run(method: AnyMethod, alpha: float, rounds: int = 3) -> RoundResult:
    config = with_own(METHOD, PFedPromptSettings(pfedprompt_alpha=alpha))
    fed = federation(method, config)
    state = begin(fed, torch.zeros(T, W))
    for _ in range(rounds):
        result = run_round(fed, state, np.arange(fed.cohort.num_clients))
        state = result.state
    return result


def test_attention_by_hand() -> None:
    """Three remembered images, one more that is only padding."""
    memory = Shards(
        features_NBE=torch.tensor([[[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [1.0, 0.0]]]),
        labels_NB=torch.tensor([[2, 0, 2, 1]]),
        mask_NB=torch.tensor([[True, True, True, False]]),
    )
    found = attend(torch.tensor([[[1.0, 0.0]]]), memory, 3, sharpness=2.0)
    expected = [math.exp(-2 * 0.4), 0.0, math.exp(0) + math.exp(-2.0)]
    assert found[0, 0].tolist() == pytest.approx(expected)


def test_clients_attend_to_their_own_images_only() -> None:
    shards = ragged_shards((4, 7, 2))
    queries = F.normalize(torch.randn(3, 5, E, generator=torch.Generator().manual_seed(1)), dim=-1)
    together = attend(queries, shards, C, sharpness=3.0)
    for i in range(3):
        alone = attend(queries[i : i + 1], shards.rows(torch.tensor([i])), C, sharpness=3.0)
        torch.testing.assert_close(together[i], alone[0])


def test_without_attention_it_is_promptfl_bit_for_bit() -> None:
    ours, theirs = run(METHOD, alpha=0.0), run(PROMPTFL, alpha=0.0)
    assert torch.equal(ours.state.shared_NTW, theirs.state.shared_NTW)
    assert np.array_equal(ours.scores.own_mix_N, theirs.scores.own_mix_N)
    assert np.array_equal(ours.scores.uniform_N, theirs.scores.uniform_N)
    assert ours.exchanged.bytes_client == theirs.exchanged.bytes_client == 4 * 2 * T * W


def test_attention_changes_what_is_said_and_not_what_is_learned() -> None:
    with_it, without = run(METHOD, alpha=3.0), run(METHOD, alpha=0.0)
    assert torch.equal(with_it.state.shared_NTW, without.state.shared_NTW)
    assert with_it.scores.own_mix > without.scores.own_mix


def test_logits_are_clips_plus_alpha_times_attention() -> None:
    config = with_own(METHOD, PFedPromptSettings(pfedprompt_alpha=2.0))
    fed = federation(METHOD, config)
    state = begin(fed, 0.1 * torch.ones(T, W))
    batch = batch_of(fed, np.arange(9), 0)
    images = fed.cohort.test_of(fed.cohort.domain_N)
    text_CE = fed.tower(state.initial_TW[None])[0]
    clip = fed.logit_scale * images.features_NBE @ text_CE.T
    beta = config.settings_of(METHOD).own.pfedprompt_beta
    attention = attend(images.features_NBE, batch.shards, C, beta)
    torch.testing.assert_close(fed.trainer.logits(batch, state, images), clip + 2 * attention)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="pfedprompt_alpha=-1"):
        PFedPromptSettings(pfedprompt_alpha=-1.0)
    with pytest.raises(ConfigError, match="pfedprompt_beta"):
        PFedPromptSettings(pfedprompt_beta=math.inf)


def test_resumed_run_equals_uninterrupted_run(tmp_path: Path) -> None:
    resumed_equals_uninterrupted("pfedprompt", tmp_path)
