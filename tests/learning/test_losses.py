import math

import pytest
import torch

from secfpp.errors import ConfigError
from secfpp.learning.losses import LossTerms, Shards, image_weights, prompt_loss
from tests.federation.toy import SCALE, ToyTower, ragged_shards


def one_client() -> tuple[torch.Tensor, Shards]:
    """Two classes on the axes; two images of class 0, one of class 1, one of padding."""
    text_NCE = torch.eye(2)[None]
    features = torch.tensor([[[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [9.0, 9.0]]])
    return text_NCE, Shards(
        features_NBE=features,
        labels_NB=torch.tensor([[0, 0, 1, 0]]),
        mask_NB=torch.tensor([[True, True, True, False]]),
    )


def surprise(own: float, other: float) -> float:
    return -math.log(math.exp(own) / (math.exp(own) + math.exp(other)))


def test_plain_cross_entropy_by_hand() -> None:
    text_NCE, shards = one_client()
    found = prompt_loss(text_NCE, shards, 2.0, LossTerms())
    wanted = (surprise(2, 0) + surprise(1.2, 1.6) + surprise(2, 0)) / 3
    assert found.item() == pytest.approx(wanted, rel=1e-5)


def test_balanced_cross_entropy_by_hand() -> None:
    text_NCE, shards = one_client()
    found = prompt_loss(text_NCE, shards, 2.0, LossTerms(balanced=True))
    wanted = (surprise(2, 0) + surprise(1.2, 1.6)) / 4 + surprise(2, 0) / 2
    assert found.item() == pytest.approx(wanted, rel=1e-5)


def test_alignment_by_hand() -> None:
    text_NCE, shards = one_client()
    plain = prompt_loss(text_NCE, shards, 2.0, LossTerms())
    both = prompt_loss(text_NCE, shards, 2.0, LossTerms(alignment_weight=5.0))
    assert (both - plain).item() == pytest.approx(5 * (0 / 4 + 0.4 / 4 + 0 / 2), rel=1e-4)


def test_alignment_sees_a_shift_that_the_softmax_does_not() -> None:
    text_NCE, shards = one_client()
    wide = torch.cat([text_NCE * 0.6, torch.full((1, 2, 1), 0.8)], dim=2)
    padded = Shards(
        features_NBE=torch.cat([shards.features_NBE, torch.zeros(1, 4, 1)], dim=2),
        labels_NB=shards.labels_NB,
        mask_NB=shards.mask_NB,
    )
    shifted = wide.clone()
    shifted[..., 2] *= -1
    plain, aligned = LossTerms(), LossTerms(alignment_weight=1.0)
    tilted = Shards(
        features_NBE=padded.features_NBE + torch.tensor([0.0, 0.0, 0.5]),
        labels_NB=padded.labels_NB,
        mask_NB=padded.mask_NB,
    )
    same = prompt_loss(wide, tilted, 2.0, plain) - prompt_loss(shifted, tilted, 2.0, plain)
    differ = prompt_loss(wide, tilted, 2.0, aligned) - prompt_loss(shifted, tilted, 2.0, aligned)
    assert abs(same.item()) < 1e-6
    assert differ.item() == pytest.approx(-0.8, abs=1e-5)


@pytest.mark.parametrize("balanced", [False, True])
def test_weights_sum_to_one_and_skip_padding(balanced: bool) -> None:
    shards = ragged_shards()
    weight_NB = image_weights(shards, 3, balanced=balanced)
    assert torch.allclose(weight_NB.sum(dim=1), torch.ones(3))
    assert (weight_NB[~shards.mask_NB] == 0).all()


def test_gradients_agree_with_differences() -> None:
    shards, tower = ragged_shards(), ToyTower()
    tower.class_CE, tower.mix_ME, tower.gate_MC = (
        tensor.double() for tensor in (tower.class_CE, tower.mix_ME, tower.gate_MC)
    )
    exact = Shards(
        features_NBE=shards.features_NBE.double(),
        labels_NB=shards.labels_NB,
        mask_NB=shards.mask_NB,
    )
    terms = LossTerms(balanced=True, alignment_weight=5.0)
    context = torch.randn(3, 2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.autograd.gradcheck(
        lambda x: prompt_loss(tower(x), exact, SCALE, terms), (context.requires_grad_(True),)
    )


def test_negative_weight_is_refused() -> None:
    with pytest.raises(ConfigError, match="alignment_weight=-1"):
        LossTerms(alignment_weight=-1)
