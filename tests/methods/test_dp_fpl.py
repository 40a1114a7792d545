"""DP-FPL's steps against a plain loop over clients and images, and its noise.

Shape letters: n clients, B images of a client (padded), T context tokens, W width, K rank.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from scipy import stats  # type: ignore[import-untyped]

from secfpp.config.privacy import PrivacyConfig
from secfpp.config.training import TrainingConfig
from secfpp.errors import RunError
from secfpp.experiment.config import RunConfig
from secfpp.learning.prompts import PromptState
from secfpp.methods import dp_fpl
from secfpp.methods.dp_fpl import Broadcast, DpFpl, DpFplSettings, paper_epsilon
from secfpp.methods.interface import ClientBatch, Contribution
from secfpp.privacy.per_image import clip_jointly
from secfpp.privacy.statement import PrivacyStatement
from secfpp.seeds import Seeds
from tests.federation.toy import SCALE, T, ToyTower, W, ragged_shards

N, STEPS = 3, 3
SETTINGS = DpFplSettings(
    dpfpl_rank=1, dpfpl_sample_rate=1.0, dpfpl_lr_shared=0.5, dpfpl_lr_local=0.2, dpfpl_start=0.3
)


def batch(round_index: int = 0) -> ClientBatch:
    return ClientBatch(
        tower=ToyTower(),
        logit_scale=SCALE,
        shards=ragged_shards(),
        validation=ragged_shards(),
        clients_n=np.arange(N, dtype=np.int64),
        round_index=round_index,
    )


def trainer(settings: DpFplSettings = SETTINGS) -> DpFpl:
    return DpFpl(
        steps=STEPS,
        rounds=2,
        images_per_client=5,
        settings=settings,
        privacy=PrivacyConfig(epsilon=2.0),
        seeds=Seeds(0),
    )


def start(one: DpFpl) -> PromptState:
    return one.begin(batch(), PromptState.start(torch.zeros(T, W), N))


@pytest.fixture
def no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calibrates to nothing, so that a step can be compared with what it should be."""
    said = dp_fpl.calibrate(PrivacyConfig(), SETTINGS, 6)

    def calibrate(*_: object) -> PrivacyStatement:
        return replace(said, noise_multiplier=0.0)

    monkeypatch.setattr(dp_fpl, "calibrate", calibrate)


def by_loop(one: DpFpl, state: PromptState) -> tuple[torch.Tensor, torch.Tensor]:
    """Algorithm 1 with one client and one image at a time, gradients by autograd on p_G, u, v."""
    tower, shards = ToyTower(), ragged_shards()
    shared = state.shared_NTW[0].double()
    local = state.local_NTW.double().clone()
    draws = [
        torch.randn(
            STEPS, W, 1, generator=Seeds(0).torch(f"dp-fpl directions of client {i} in round 0")
        )
        for i in range(N)
    ]
    for step in range(STEPS):
        total = torch.zeros(T, W, dtype=torch.float64)
        for i in range(N):
            p = local[i].clone()
            u = torch.linalg.qr(p @ draws[i][step].double()).Q
            v = torch.linalg.qr(p.T @ u).Q.T
            sum_u, sum_v = torch.zeros_like(u), torch.zeros_like(v)
            for image in shards.mask_NB[i].nonzero().flatten().tolist():
                leaves = [x.clone().requires_grad_() for x in (shared, u, v)]
                whole = leaves[0] + leaves[1] @ leaves[2] + (p - u @ v)
                text = tower(whole.float()[None])[0]
                logits = SCALE * text @ shards.features_NBE[i, image]
                loss = F.cross_entropy(logits, shards.labels_NB[i, image])
                grads = clip_jointly(
                    [g[None] for g in torch.autograd.grad(loss, leaves)], one.settings.dpfpl_clip
                )
                total += grads[0][0]
                sum_u += grads[1][0]
                sum_v += grads[2][0]
            implied = sum_u @ v + u @ sum_v - u @ u.T @ sum_u @ v
            local[i] = p - one.settings.dpfpl_lr_local * implied / 5
        shared = shared - one.settings.dpfpl_lr_shared * total / (5 * N)
    return shared, local


@pytest.mark.usefixtures("no_noise")
def test_a_round_is_what_the_algorithm_says_client_by_client() -> None:
    """Every step counts, and every client moves by its own gradients."""
    one = trainer()
    state = start(one)
    after, loss_n = one.shared(batch(), state)
    shared, local = by_loop(one, state)
    assert torch.allclose(after.shared_NTW.double(), shared.expand(N, -1, -1), atol=1e-5)
    assert torch.allclose(after.local_NTW.double(), local, atol=1e-5)
    assert (local - state.local_NTW).flatten(1).norm(dim=1).min() > 0.01
    assert torch.isfinite(loss_n).all()


@pytest.mark.usefixtures("no_noise")
def test_another_clients_images_do_not_move_a_local_prompt_in_one_step() -> None:
    one = replace(trainer(), steps=1)
    state = start(one)
    usual = batch()
    changed = replace(
        usual, shards=replace(usual.shards, labels_NB=(usual.shards.labels_NB + 1) % 3)
    )
    mixed = replace(
        usual,
        shards=replace(
            usual.shards,
            labels_NB=torch.where(
                torch.tensor([[True], [False], [False]]),
                changed.shards.labels_NB,
                usual.shards.labels_NB,
            ),
        ),
    )
    before, after = one.shared(usual, state)[0], one.shared(mixed, state)[0]
    assert torch.equal(before.local_NTW[1:], after.local_NTW[1:])
    assert not torch.equal(before.local_NTW[0], after.local_NTW[0])
    assert not torch.equal(before.shared_NTW, after.shared_NTW)


def test_all_released_sums_get_noise_of_the_stated_deviation() -> None:
    """Fails by chance once in a million runs."""
    sums = dp_fpl.ClippedSums(
        shared_TW=torch.ones(100, 200, dtype=torch.float64),
        u_nTK=torch.ones(20, 100, 10, dtype=torch.float64),
        v_nKW=torch.ones(20, 10, 100, dtype=torch.float64),
        loss_n=torch.zeros(20),
        count_n=torch.zeros(20),
    )
    noised = sums.noised(2.5)
    parts = [
        (part - 1).flatten().numpy() for part in (noised.shared_TW, noised.u_nTK, noised.v_nKW)
    ]
    for part in parts:
        assert stats.kstest(part, stats.norm(scale=2.5).cdf).pvalue > 1e-6
    correlation = np.corrcoef(parts)
    assert np.abs(correlation[np.triu_indices(3, 1)]).max() < 5 / np.sqrt(20_000)


@pytest.mark.slow
def test_noise_of_a_step_is_what_the_statement_says() -> None:
    """With images left out, what a step adds to p_G is noise alone, scaled by rate and batch."""
    settings = replace(SETTINGS, dpfpl_sample_rate=0.5)
    one = replace(trainer(settings), steps=1)
    state = start(one)
    empty = batch()
    empty = replace(
        empty, shards=replace(empty.shards, mask_NB=torch.zeros_like(empty.shards.mask_NB))
    )
    said = dp_fpl.calibrate(one.privacy, settings, 2)
    scale = settings.dpfpl_lr_shared / (0.5 * 5 * N) * said.noise_multiplier * said.sensitivity
    drawn = [one.shared(empty, state)[0].shared_NTW[0].flatten().numpy() for _ in range(100)]
    assert stats.kstest(np.concatenate(drawn) / scale, stats.norm.cdf).pvalue > 1e-6


def test_batches_are_drawn_with_the_stated_rate_and_not_by_seed() -> None:
    settings = replace(SETTINGS, dpfpl_sample_rate=0.25)
    shards = ragged_shards((200, 400, 300))
    first, second = (trainer(settings).draw(shards) for _ in range(2))
    assert not torch.equal(first, second)
    assert not (first & ~shards.mask_NB).any()
    total = sum(int(trainer(settings).draw(shards).sum()) for _ in range(20))
    assert abs(total - 0.25 * 18_000) < 5 * np.sqrt(0.25 * 0.75 * 18_000)


def test_local_prompts_start_by_seed_and_differ() -> None:
    local = start(trainer()).local_NTW
    assert torch.equal(local, start(trainer()).local_NTW)
    assert not torch.equal(local[0], local[1])


def test_bytes_count_a_gradient_up_and_down_in_every_step() -> None:
    update_nM = np.tile(np.arange(6.0), (2, 1))
    result = Broadcast(steps=30)(
        Contribution(
            round_index=0,
            clients_n=np.array([0, 2], dtype=np.int64),
            num_clients=4,
            descriptor_nD=np.zeros((2, 1)),
            before_nM=np.zeros((2, 6)),
            update_nM=update_nM,
        )
    )
    assert result.bytes_client == 30 * (6 + 6) * 4
    assert np.array_equal(result.update_rM, np.tile(np.arange(6.0), (4, 1)))


@pytest.mark.parametrize(("sigma", "epsilon"), [(84.8, 0.4), (169.7, 0.2), (3393, 0.01)])
def test_the_papers_formula_gives_the_noise_of_its_code(sigma: float, epsilon: float) -> None:
    """100 rounds at delta 1e-5, the settings of the paper's tables."""
    assert paper_epsilon(sigma, 100, 1e-5) == pytest.approx(epsilon, rel=1e-3)


@pytest.mark.slow
def test_statement_counts_every_step_and_both_parts() -> None:
    training = TrainingConfig(rounds=4, local_steps=5, shared_steps=3)
    config = RunConfig(training=training, privacy=PrivacyConfig(epsilon=2.0))
    said = dp_fpl.statement(config.settings_of(dp_fpl.METHOD))
    assert said.compositions == 20
    assert said.sample_rate == config.settings_of(dp_fpl.METHOD).own.dpfpl_sample_rate
    assert 1.99 < said.epsilon_pld <= 2.0 < said.epsilon_rdp
    assert said.epsilon_paper == pytest.approx(np.sqrt(20 * np.log(1e5)) / said.noise_multiplier)
    for needed in ("record:", "added or removed", "in secret", "p_L", "by its paper's formula"):
        assert needed in said.in_words


def test_prompts_that_overflow_are_named() -> None:
    one = replace(trainer(), steps=3)
    wild = replace(start(one), local_NTW=torch.full((N, T, W), 3e38))
    with pytest.raises(RunError, match="client 0 .* dpfpl_lr_local"):
        one.shared(batch(), wild)
