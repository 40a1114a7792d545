from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats  # type: ignore[import-untyped]

from secfpp.config.privacy import PrivacyConfig
from secfpp.config.training import TrainingConfig
from secfpp.experiment.config import RunConfig
from secfpp.learning.prompts import PromptState
from secfpp.methods.interface import ClientBatch
from secfpp.methods.ldp_promptfl import METHOD, LdpPromptFlSettings, noised_rows
from secfpp.seeds import Seeds
from tests.federation.toy import SCALE, T, ToyTower, W, ragged_shards

SETTINGS = replace(
    RunConfig(
        training=TrainingConfig(rounds=3, local_steps=2, shared_steps=1),
        privacy=PrivacyConfig(epsilon=4.0),
    ).settings_of(METHOD),
    own=LdpPromptFlSettings(clip_norm_local=0.05),
)


def test_rows_are_clipped_and_each_has_noise_of_its_own() -> None:
    """Fails by chance once in a million runs."""
    step_nM = np.vstack([np.full(10_000, 5.0), np.full(10_000, 1e-6)])
    noised = noised_rows(step_nM, 1.0, 0.5)
    expected = np.vstack([np.full(10_000, 0.01), step_nM[1]])
    noise = noised - expected
    for row in noise:
        assert stats.kstest(row, stats.norm(scale=0.5).cdf).pvalue > 1e-6
    assert abs(np.corrcoef(noise)[0, 1]) < 0.05


def test_without_noise_rows_are_clipped_steps() -> None:
    assert np.allclose(
        noised_rows(np.array([[3.0, 4.0], [0.3, 0.4]]), 1.0, 0.0), [[0.6, 0.8], [0.3, 0.4]]
    )


def test_what_enters_the_exchange_is_noised_already() -> None:
    trainer = METHOD.trainer(SETTINGS, Seeds(0))
    batch = ClientBatch(
        tower=ToyTower(),
        logit_scale=SCALE,
        shards=ragged_shards(),
        validation=ragged_shards(),
        clients_n=np.arange(3, dtype=np.int64),
        round_index=0,
    )
    state = PromptState.start(torch.zeros(T, W), 3)
    assert METHOD.statement is not None
    said = METHOD.statement(SETTINGS)
    stddev = said.noise_multiplier * said.sensitivity
    drawn = np.concatenate([trainer.shared(batch, state)[0].updates() for _ in range(200)])
    assert said.clip_norm < 0.2 * stddev * np.sqrt(T * W)
    assert drawn.std() == pytest.approx(stddev, rel=0.05)
    norms = np.linalg.norm(drawn, axis=1)
    assert norms.min() < norms.max()


def test_statement_trusts_nobody_and_counts_two_clips() -> None:
    assert METHOD.statement is not None
    said = METHOD.statement(SETTINGS)
    assert said.sensitivity == 2 * said.clip_norm == 0.1
    assert said.compositions == 3
    assert said.epsilon_pld <= 4.0
    for needed in ("unit: client", "any others", "trust: nobody"):
        assert needed in said.in_words
