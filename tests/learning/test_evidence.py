"""Evidence besides the prompt: by hand, without padding, and within its bounds."""

from dataclasses import replace
from math import exp, log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from secfpp.learning.evidence import SMOOTHING, attend, class_sums, log_prior, resemble
from secfpp.learning.losses import Shards
from tests.federation.toy import C, E, ragged_shards

SHARPNESS = 3.0


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.randn(*shape, generator=generator), dim=-1)


def soiled(shards: Shards) -> Shards:
    """Put other features and another class where there is no image."""
    away_NB = ~shards.mask_NB
    return replace(
        shards,
        features_NBE=torch.where(away_NB[..., None], torch.tensor(5.0), shards.features_NBE),
        labels_NB=torch.where(away_NB, 1, shards.labels_NB),
    )


def three_images() -> Shards:
    """Images of classes 0, 2 and 2 of one client, and a place without one."""
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [1.0, 0.0]])
    return Shards(
        features_NBE=features[None],
        labels_NB=torch.tensor([[0, 2, 2, 0]]),
        mask_NB=torch.tensor([[True, True, True, False]]),
    )


def test_votes_are_those_computed_by_hand() -> None:
    votes = attend(torch.tensor([[[0.0, 1.0]]]), three_images(), 3, SHARPNESS)
    expected = [exp(-SHARPNESS), 0.0, 1.0 + exp(-0.2 * SHARPNESS)]
    torch.testing.assert_close(votes[0, 0], torch.tensor(expected))


def test_sums_are_those_computed_by_hand() -> None:
    sums = class_sums(three_images(), 3)
    expected = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.6, 1.8]]) / 3
    torch.testing.assert_close(sums[0], expected)


def test_label_mix_is_that_computed_by_hand() -> None:
    found = log_prior(three_images(), 3)
    assert found.shape == (1, 1, 3)
    whole = 3 + 3 * SMOOTHING
    expected = [log(count / whole) for count in (1 + SMOOTHING, SMOOTHING, 2 + SMOOTHING)]
    torch.testing.assert_close(found[0, 0], torch.tensor(expected))


def test_resemblance_is_that_computed_by_hand() -> None:
    sums_1CE = torch.tensor([[[0.2, 0.0], [0.0, 0.0], [0.3, 0.4]]])
    found = resemble(torch.tensor([[[0.0, 1.0]]]), sums_1CE)
    torch.testing.assert_close(found[0, 0], torch.tensor([-0.4, 0.0, 0.4]))


def test_padding_is_no_evidence() -> None:
    shards, features_NSE = ragged_shards(), unit(3, 5, E)
    dirty = soiled(shards)
    assert not torch.equal(dirty.labels_NB, shards.labels_NB)
    votes, dirty_votes = (attend(features_NSE, own, C, SHARPNESS) for own in (shards, dirty))
    torch.testing.assert_close(dirty_votes, votes)
    torch.testing.assert_close(class_sums(dirty, C), class_sums(shards, C))
    torch.testing.assert_close(log_prior(dirty, C), log_prior(shards, C))


@given(
    counts=st.lists(st.integers(0, 12), min_size=1, max_size=4).filter(lambda c: max(c) > 0),
    num_classes=st.integers(1, 6),
    alike=st.booleans(),
    seed=st.integers(0, 2**20),
)
def test_sums_have_norm_one_at_most_and_zero_for_absent_classes(
    counts: list[int], num_classes: int, alike: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    features_NBE = unit(len(counts), max(counts), E, seed=seed)
    if alike:
        features_NBE = features_NBE[:1, :1].expand_as(features_NBE)
    shards = Shards(
        features_NBE=features_NBE,
        labels_NB=torch.randint(0, num_classes, features_NBE.shape[:2], generator=generator),
        mask_NB=torch.arange(max(counts))[None] < torch.tensor(counts)[:, None],
    )
    sums_NCE = class_sums(shards, num_classes)
    assert sums_NCE.shape == (len(counts), num_classes, E)
    assert float(sums_NCE.flatten(1).norm(dim=1).max()) <= 1 + 1e-6
    for client, count in enumerate(counts):
        present = set(shards.labels_NB[client, :count].tolist())
        absent = [c for c in range(num_classes) if c not in present]
        assert (sums_NCE[client, absent] == 0).all()
    mix_NC = log_prior(shards, num_classes)[:, 0].exp()
    torch.testing.assert_close(mix_NC.sum(dim=1), torch.ones(len(counts)))


def test_a_client_whose_images_are_equal_has_a_sum_of_norm_one() -> None:
    """The bound that the secure session needs is reached, and not passed."""
    shards = Shards(
        features_NBE=unit(1, 1, E).expand(1, 7, E),
        labels_NB=torch.ones(1, 7, dtype=torch.int64),
        mask_NB=torch.ones(1, 7, dtype=torch.bool),
    )
    assert float(class_sums(shards, C).norm()) == pytest.approx(1.0, abs=1e-6)


def test_a_class_without_a_prototype_gets_nothing() -> None:
    sums_NCE = unit(3, C, E, seed=2)
    sums_NCE[0, 1] = 0
    sums_NCE[2] = 0
    found = resemble(unit(3, 5, E, seed=1), sums_NCE)
    assert (found[0, :, 1] == 0).all()
    assert (found[2] == 0).all(), "without any prototype there is no evidence"
    assert found[0].abs().max() > 0.01
    assert torch.allclose(found.sum(dim=2), torch.zeros(3, 5), atol=1e-5)


def test_the_length_of_sums_says_nothing() -> None:
    features_NSE = unit(3, 5, E, seed=1)
    sums_NCE = unit(3, C, E, seed=2)
    length_NC1 = torch.tensor([[0.02], [1.0], [0.3]])
    stretched = resemble(features_NSE, 7 * length_NC1 * sums_NCE)
    torch.testing.assert_close(stretched, resemble(features_NSE, sums_NCE), atol=1e-5, rtol=0)


def test_what_rounding_leaves_of_zero_is_no_prototype() -> None:
    """Under secret sharing a sum of zeros comes back as a few units of the last fractional bit."""
    features_NSE = unit(1, 5, E, seed=1)
    sums_NCE = 0.05 * unit(1, C, E, seed=2)
    sums_NCE[0, 2] = 0
    residue = sums_NCE.clone()
    residue[0, 2] = 2.0**-18
    torch.testing.assert_close(
        resemble(features_NSE, residue), resemble(features_NSE, sums_NCE), atol=1e-6, rtol=0
    )
