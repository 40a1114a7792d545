"""Per-image gradients and their sums, against a loop over images with autograd on each part.

Shape letters: n clients, B images of a client (padded), T context tokens, W width, K rank.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from secfpp.config.privacy import PrivacyConfig
from secfpp.methods.dp_fpl import ClippedSums, DpFpl, DpFplSettings
from secfpp.methods.interface import ClientBatch
from secfpp.methods.shared.low_rank import Factors, factorise
from secfpp.privacy.per_image import clip_jointly, image_gradients
from secfpp.seeds import Seeds
from tests.federation.toy import SCALE, C, E, T, ToyTower, W, ragged_shards

N, K, CLIP = 3, 1, 0.8


def batch() -> ClientBatch:
    return ClientBatch(
        tower=ToyTower(),
        logit_scale=SCALE,
        shards=ragged_shards(),
        validation=ragged_shards(),
        clients_n=np.arange(N, dtype=np.int64),
        round_index=0,
    )


def trainer(clip: float = CLIP) -> DpFpl:
    return DpFpl(
        steps=2,
        rounds=2,
        images_per_client=5,
        settings=DpFplSettings(dpfpl_rank=K, dpfpl_clip=clip, dpfpl_sample_rate=0.5),
        privacy=PrivacyConfig(),
        seeds=Seeds(0),
    )


def prompts() -> tuple[torch.Tensor, Factors]:
    """p_G + p_L and the factors of p_L, each client its own."""
    generator = torch.Generator().manual_seed(0)
    local_nTW = 0.3 * torch.randn(N, T, W, generator=generator)
    shared_TW = 0.3 * torch.randn(T, W, generator=generator)
    start_nWK = torch.randn(N, W, K, generator=generator)
    return shared_TW + local_nTW, factorise(local_nTW, start_nWK)


def one_by_one(
    prompt_nTW: torch.Tensor, factors: Factors, drawn_nB: torch.Tensor
) -> list[tuple[int, torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Gradients of p_G, u and v of one image after the other, each a leaf of its own."""
    tower, shards, found = ToyTower(), ragged_shards(), []
    for client, image in drawn_nB.nonzero().tolist():
        u, v = factors.u_NTK[client].clone(), factors.v_NKW[client].clone()
        rest = prompt_nTW[client] - u @ v
        leaves = [torch.zeros(T, W), u, v]
        for leaf in leaves:
            leaf.requires_grad_()
        text_CE = tower((leaves[0] + leaves[1] @ leaves[2] + rest)[None])[0]
        logits_C = SCALE * text_CE @ shards.features_NBE[client, image]
        loss = F.cross_entropy(logits_C[None], shards.labels_NB[client, image][None])
        found.append((client, *torch.autograd.grad(loss, leaves)))
    return found


def by_loop(
    prompt_nTW: torch.Tensor, factors: Factors, drawn_nB: torch.Tensor, clip: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    total = torch.zeros(T, W), torch.zeros(N, T, K), torch.zeros(N, K, W)
    for client, shared, u, v in one_by_one(prompt_nTW, factors, drawn_nB):
        norm = torch.cat([shared.flatten(), u.flatten(), v.flatten()]).norm()
        shrink = min(1.0, clip / norm.item())
        total[0].add_(shrink * shared)
        total[1][client] += shrink * u
        total[2][client] += shrink * v
    return total


def joined(sums: ClippedSums) -> torch.Tensor:
    return torch.cat([part.flatten() for part in (sums.shared_TW, sums.u_nTK, sums.v_nKW)])


def test_gradients_are_those_of_single_images() -> None:
    tower, generator = ToyTower(), torch.Generator().manual_seed(1)
    prompt_STW = torch.randn(5, T, W, generator=generator)
    features_SE = F.normalize(torch.randn(5, E, generator=generator), dim=1)
    labels_S = torch.randint(0, C, (5,), generator=generator)
    grad_STW, loss_S = image_gradients(tower, prompt_STW, features_SE, labels_S, SCALE)
    for s in range(5):
        row = prompt_STW[s : s + 1].clone().requires_grad_()
        loss = F.cross_entropy(SCALE * tower(row)[0] @ features_SE[s], labels_S[s])
        (expected,) = torch.autograd.grad(loss, [row])
        assert torch.allclose(grad_STW[s], expected[0], atol=1e-6)
        assert loss_S[s].item() == pytest.approx(loss.item(), rel=1e-5)


@pytest.mark.parametrize("clip", [CLIP, 1e3])
def test_clipped_sums_are_those_of_a_loop_over_images(clip: float) -> None:
    prompt_nTW, factors = prompts()
    drawn_nB = ragged_shards().mask_NB & (torch.arange(7) % 2 == 0)
    sums = trainer(clip).sums(batch(), prompt_nTW, factors, drawn_nB)
    shared, u, v = by_loop(prompt_nTW, factors, drawn_nB, clip)
    assert torch.allclose(sums.shared_TW.float(), shared, atol=1e-5)
    assert torch.allclose(sums.u_nTK.float(), u, atol=1e-5)
    assert torch.allclose(sums.v_nKW.float(), v, atol=1e-5)
    assert sums.count_n.tolist() == drawn_nB.sum(dim=1).tolist()


def test_some_images_are_clipped_and_some_are_not() -> None:
    """Otherwise the comparison with the loop would show less than it says."""
    prompt_nTW, factors = prompts()
    found = one_by_one(prompt_nTW, factors, ragged_shards().mask_NB)
    norms = [torch.cat([part.flatten() for part in parts]).norm().item() for _, *parts in found]
    assert min(norms) < CLIP < max(norms)


def test_an_image_moves_all_sums_together_by_the_clip_at_most() -> None:
    prompt_nTW, factors = prompts()
    everything_nB = ragged_shards().mask_NB
    with_all = joined(trainer().sums(batch(), prompt_nTW, factors, everything_nB))
    moved = []
    for client, image in everything_nB.nonzero().tolist():
        fewer_nB = everything_nB.clone()
        fewer_nB[client, image] = False
        without = joined(trainer().sums(batch(), prompt_nTW, factors, fewer_nB))
        moved.append((with_all - without).norm().item())
    assert max(moved) <= CLIP * (1 + 1e-9)
    assert max(moved) > 0.999 * CLIP


def test_an_image_moves_no_other_clients_local_sums() -> None:
    prompt_nTW, factors = prompts()
    everything_nB = ragged_shards().mask_NB
    fewer_nB = everything_nB.clone()
    fewer_nB[1, 2] = False
    both = [trainer().sums(batch(), prompt_nTW, factors, d) for d in (everything_nB, fewer_nB)]
    changed_n = (both[0].v_nKW != both[1].v_nKW).flatten(1).any(dim=1)
    assert changed_n.tolist() == [False, True, False]


def test_a_batch_may_be_empty() -> None:
    prompt_nTW, factors = prompts()
    sums = trainer().sums(batch(), prompt_nTW, factors, torch.zeros(N, 7, dtype=torch.bool))
    assert (joined(sums) == 0).all()
    assert (sums.loss_n == 0).all()


def test_joint_clip_bounds_the_joined_rows_and_leaves_short_ones_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    scale_S = torch.logspace(-3, 3, 50)[:, None]
    parts = [
        scale_S[..., None] * torch.randn(50, 2, 3, generator=generator),
        scale_S * torch.randn(50, 4, generator=generator),
    ]
    clipped = clip_jointly(parts, 1.5)
    norm_S = torch.cat([part.flatten(1) for part in clipped], dim=1).norm(dim=1)
    before_S = torch.cat([part.double().flatten(1) for part in parts], dim=1).norm(dim=1)
    assert (norm_S <= 1.5 * (1 + 1e-12)).all()
    short = before_S <= 1.5
    assert short.any()
    assert not short.all()
    assert torch.equal(clipped[0][short], parts[0][short].double())
    assert torch.allclose(
        clipped[1][~short] * (before_S[~short] / 1.5)[:, None], parts[1][~short].double()
    )


def test_a_client_with_rubbish_in_its_padding_is_not_touched_by_it() -> None:
    prompt_nTW, factors = prompts()
    one = batch()
    features = one.shards.features_NBE.clone()
    features[~one.shards.mask_NB] = float("nan")
    other = replace(one, shards=replace(one.shards, features_NBE=features))
    drawn_nB = one.shards.mask_NB
    sums = [trainer().sums(b, prompt_nTW, factors, drawn_nB) for b in (one, other)]
    assert torch.equal(joined(sums[0]), joined(sums[1]))
