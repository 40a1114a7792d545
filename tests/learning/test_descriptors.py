from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch

from secfpp.config.clustering import DescriptorName
from secfpp.errors import ConfigError, RunError
from secfpp.learning.descriptors import ClientView, describe, public_axes, random_projection
from tests.federation.toy import C, E, T, ToyTower, W, ragged_shards

WIDTHS = {
    "text-shift": C * E,
    "text-features": C * E,
    "update": T * W,
    "prompt": T * W,
    "projected-update": 5,
    "projected-prompt": 5,
    "mean-image": E,
}


def view(scale: float = 1.0) -> ClientView:
    shared = scale * torch.randn(3, T, W, generator=torch.Generator().manual_seed(2))
    return ClientView(
        tower=ToyTower(),
        shared_NTW=shared,
        update_NM=shared.flatten(1).double().numpy() - 0.5,
        initial_TW=torch.full((T, W), 0.5),
        shards=ragged_shards(),
    )


@pytest.mark.parametrize("name", get_args(DescriptorName))
def test_every_descriptor_has_its_shape_and_unit_norm(name: DescriptorName) -> None:
    found = describe(name, view(), 5)
    assert found.shape == (3, WIDTHS[name])
    assert found.dtype == np.float64
    assert np.allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-12)


def test_text_features_are_those_of_the_shared_prompt() -> None:
    seen = view()
    text = seen.tower(seen.shared_NTW).flatten(1).double().numpy()
    found = describe("text-features", seen, 5)
    assert np.allclose(found, text / np.linalg.norm(text, axis=1, keepdims=True))


def test_mean_image_leaves_padding_out() -> None:
    seen = view()
    dirty = seen.shards.features_NBE.clone()
    dirty[~seen.shards.mask_NB] = 1e6
    soiled = replace(seen, shards=replace(seen.shards, features_NBE=dirty))
    assert np.array_equal(describe("mean-image", seen, 5), describe("mean-image", soiled, 5))


def test_projection_is_public_and_keeps_norms_on_average() -> None:
    assert np.array_equal(random_projection(40, 30), random_projection(40, 30))
    rows = np.random.default_rng(0).normal(size=(400, 40))
    ratio = np.linalg.norm(rows @ random_projection(40, 30), axis=1) / np.linalg.norm(rows, axis=1)
    assert abs(np.mean(ratio**2) - 1) < 0.15


def test_zero_update_stays_zero() -> None:
    seen = view()
    still = replace(seen, update_NM=np.zeros((3, T * W)))
    assert (describe("update", still, 5) == 0).all()


def test_infinite_prompt_is_refused() -> None:
    with pytest.raises(RunError, match="client 0 is not finite"):
        describe("prompt", view(scale=float("inf")), 5)


def test_text_shift_is_zero_at_the_public_start_and_has_unit_norm_after() -> None:
    seen = view()
    away = seen.shared_NTW.clone()
    away[1] = seen.initial_TW
    found = describe("text-shift", replace(seen, shared_NTW=away), 5)
    assert (found[1] == 0).all()
    assert np.allclose(np.linalg.norm(found[[0, 2]], axis=1), 1.0, atol=1e-12)


def test_text_shift_is_the_way_that_text_features_went() -> None:
    seen = view()
    before, after = (
        seen.tower(prompts).flatten(1).double().numpy()
        for prompts in (seen.initial_TW[None], seen.shared_NTW)
    )
    shift = after - before
    expected = shift / np.linalg.norm(shift, axis=1, keepdims=True)
    assert np.allclose(describe("text-shift", seen, 5), expected, atol=1e-6)
    moved = replace(seen, initial_TW=seen.initial_TW + 1)
    assert not np.allclose(describe("text-shift", moved, 5), expected, atol=1e-2)


def test_public_axes_depend_on_the_model_alone_and_keep_more_than_random_ones() -> None:
    start_TW = torch.zeros(T, W)
    axes_Dd = public_axes("text-shift", ToyTower(), start_TW, 3)
    assert np.allclose(axes_Dd.T @ axes_Dd, np.eye(3))
    assert np.array_equal(axes_Dd, public_axes("text-shift", ToyTower(), start_TW, 3))
    generator = torch.Generator().manual_seed(1)
    moved_NTW = 0.02 * torch.randn(40, T, W, generator=generator)
    clients = ClientView(
        tower=ToyTower(),
        shared_NTW=moved_NTW,
        update_NM=moved_NTW.flatten(1).double().numpy(),
        initial_TW=start_TW,
        shards=ragged_shards(),
    )
    described_ND = describe("text-shift", clients, 3)
    random_Dd = np.linalg.qr(random_projection(described_ND.shape[1], 3))[0]
    kept, by_chance = (np.linalg.norm(described_ND @ some) for some in (axes_Dd, random_Dd))
    assert kept > 1.2 * by_chance


@pytest.mark.parametrize(("name", "axes"), [("mean-image", 3), ("text-shift", 1000)])
def test_axes_that_there_are_not_are_refused(name: DescriptorName, axes: int) -> None:
    with pytest.raises(ConfigError, match=r"mean-image has no public axes|dp_dims=1000"):
        public_axes(name, ToyTower(), torch.zeros(T, W), axes)
