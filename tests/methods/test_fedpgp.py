import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from secfpp.config.training import TrainingConfig
from secfpp.errors import ConfigError
from secfpp.experiment.config import RunConfig
from secfpp.federation.round import begin, run_round
from secfpp.learning.prompts import PromptState
from secfpp.methods.fedpgp import (
    METHOD,
    FedPgp,
    FedPgpSettings,
    contrastive_loss,
    trainer,
)
from secfpp.methods.interface import ClientBatch
from secfpp.methods.shared.averaging import average_by_images
from secfpp.seeds import Seeds
from tests.federation.toy import SCALE, T, ToyTower, W, ragged_shards
from tests.methods.personal import federation, resumed_equals_uninterrupted, toy_config
from tests.methods.test_registry import contribution


def batch() -> ClientBatch:
    return ClientBatch(
        tower=ToyTower(),
        logit_scale=SCALE,
        shards=ragged_shards((4, 7, 2)),
        validation=ragged_shards((2, 3, 1)),
        clients_n=np.arange(3),
        round_index=0,
    )


def state() -> PromptState:
    generator = torch.Generator().manual_seed(8)
    start = PromptState.start(0.1 * torch.randn(T, W, generator=generator), 3)
    return start.replace(shared_NTW=0.3 * torch.randn(3, T, W, generator=generator))


def test_contrastive_loss_by_hand() -> None:
    """Two classes at chosen angles: positive cosines 1 and 0, negative cosines 0.6 and 0.8."""
    frozen = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    sigma = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    whole = torch.tensor([[[0.6, 0.8], [0.6, 0.8]]])
    first = -math.log(math.exp(1 / 0.5) / (math.exp(1 / 0.5) + math.exp(0.6 / 0.5)))
    second = -math.log(math.exp(0) / (math.exp(0) + math.exp(0.8 / 0.5)))
    found = contrastive_loss(frozen, sigma, whole, 0.5)
    assert found.tolist() == pytest.approx([(first + second) / 2])


def gradients_of_loss(made: FedPgp, start: PromptState) -> tuple[torch.Tensor, ...]:
    extra = start.extra
    parts = {"sigma": start.shared_NTW, "u": extra["fedpgp-u"], "v": extra["fedpgp-v"]}
    parts = {name: rows.clone().requires_grad_(True) for name, rows in parts.items()}
    frozen_CE = ToyTower()(start.initial_TW[None])[0]
    return torch.autograd.grad(made.loss(batch(), frozen_CE, parts).sum(), list(parts.values()))


def test_one_step_follows_the_gradient_of_the_written_loss() -> None:
    """Adam's first step is the rate times the sign of the gradient, here of one client's loss
    written out without the package's own losses."""
    own = FedPgpSettings(fedpgp_loss="plain")
    one_step = RunConfig(training=TrainingConfig(local_steps=1, shared_steps=1))
    made = trainer(replace(one_step.settings_of(METHOD), own=own), Seeds(3))
    start = made.begin(batch(), state())
    after, loss_n = made.shared(batch(), start)
    own_n = gradients_of_loss(made, start)
    client, count, tower, shards = 2, 2, ToyTower(), ragged_shards((4, 7, 2))
    sigma = start.shared_NTW[client].clone().requires_grad_(True)
    u, v = (start.extra[f"fedpgp-{name}"][client].clone().requires_grad_(True) for name in "uv")
    text = tower((sigma + u @ v)[None])[0]
    entropy = F.cross_entropy(
        SCALE * shards.features_NBE[client, :count] @ text.T, shards.labels_NB[client, :count]
    )
    placeholder, alone = tower(start.initial_TW[None])[0].detach(), tower(sigma[None])[0]
    pairs = [F.cosine_similarity(placeholder, alone), F.cosine_similarity(alone, text)]
    contrast = F.cross_entropy(
        torch.stack(pairs, dim=1) / 0.5, torch.zeros(len(text), dtype=torch.int64)
    )
    loss = entropy + 1.0 * contrast
    gradients = torch.autograd.grad(loss, [sigma, u, v])
    for found, gradient in zip(own_n, gradients, strict=True):
        torch.testing.assert_close(found[client], gradient, rtol=1e-4, atol=1e-6)
    assert loss.item() == pytest.approx(loss_n[client].item(), rel=1e-5)
    moved = [
        after.shared_NTW[client] - sigma,
        after.extra["fedpgp-u"][client] - u,
        after.extra["fedpgp-v"][client] - v,
    ]
    for change, gradient in zip(moved, gradients, strict=True):
        assert gradient.abs().min() > 1e-6, "a sign must be certain"
        expected = -own.fedpgp_lr * gradient / (gradient.abs() + 1e-8)
        torch.testing.assert_close(change.detach(), expected, rtol=1e-3, atol=1e-6)


def test_whole_prompt_is_sigma_plus_low_rank() -> None:
    settings = replace(toy_config().settings_of(METHOD), own=FedPgpSettings(fedpgp_rank=1))
    made = trainer(settings, Seeds(0))
    after, _ = made.shared(batch(), made.begin(batch(), state()))
    low_rank = after.prompts() - after.shared_NTW
    product = after.extra["fedpgp-u"] @ after.extra["fedpgp-v"]
    torch.testing.assert_close(low_rank, product)
    assert (torch.linalg.matrix_rank(product) == 1).all()
    final, loss_n = made.local(batch(), after)
    assert torch.equal(final.local_NTW, after.local_NTW)
    assert loss_n.tolist() == [0.0] * 3


def test_factors_are_drawn_by_seed_and_differ_by_client() -> None:
    first, again, other = (
        trainer(toy_config().settings_of(METHOD), Seeds(seed))
        .begin(batch(), state())
        .extra["fedpgp-u"]
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])


def test_server_weighs_by_images_and_counts_bytes() -> None:
    sent = replace(
        contribution([[1.0, 0.0], [4.0, 3.0]], clients=[1, 2]),
        sent={"images": np.array([1.0, 2.0])},
    )
    result = average_by_images(sent)
    assert np.allclose(result.update_rM, np.tile([3.0, 2.0], (3, 1)))
    assert result.clients_r.tolist() == [0, 1, 2]
    assert result.bytes_client == 4 * (2 + 1 + 2)


def test_low_rank_part_stays_with_its_client() -> None:
    """Nothing but sigma and a count is sent; who sits out gets sigma and keeps its own U V."""
    fed = federation(METHOD, toy_config())
    start = begin(fed, torch.zeros(T, W))
    assert list(fed.trainer.sent(start)) == ["images"]
    result = run_round(fed, start, np.arange(8))
    assert torch.equal(result.state.local_NTW[8], start.local_NTW[8])
    assert not torch.equal(result.state.local_NTW[7], start.local_NTW[7])
    assert torch.equal(result.state.shared_NTW[8], result.state.shared_NTW[0])


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="fedpgp_rank=0"):
        FedPgpSettings(fedpgp_rank=0)
    with pytest.raises(ConfigError, match="fedpgp_temperature"):
        FedPgpSettings(fedpgp_temperature=0.0)


def test_resumed_run_equals_uninterrupted_run(tmp_path: Path) -> None:
    resumed_equals_uninterrupted("fedpgp", tmp_path)
