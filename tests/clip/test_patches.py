"""Features of regions against open_clip's own forward passes."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from secfpp.clip import patches
from secfpp.clip.crops import crop_boxes
from secfpp.clip.model import FrozenClip, load_clip
from secfpp.clip.patches import (
    Regions,
    attend_everywhere,
    encode_patches,
    grid_features,
    regions_of,
)
from secfpp.data.domains import Domain, DomainSet
from tests.clip.conftest import TEXT, VISION, save_random

RESNET = {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16}


def domains(side: int = 32, counts: tuple[int, ...] = (3, 5)) -> DomainSet:
    rng = np.random.default_rng(0)
    return DomainSet(
        name="toy",
        class_names=("a", "b"),
        domains=tuple(
            Domain(
                name=f"d{count}",
                images_NHW3=rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8),
                labels_N=np.zeros(count, dtype=np.int64),
            )
            for count in counts
        ),
        phrase="a",
    )


def pixels(clip: FrozenClip, count: int = 4) -> torch.Tensor:
    rng = np.random.default_rng(1)
    side = clip.image_size
    images = rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    return clip.preprocess(torch.from_numpy(images))


def random_clip(folder: Path, vision: Mapping[str, object]) -> FrozenClip:
    config = {"embed_dim": 24, "vision_cfg": vision, "text_cfg": TEXT}
    return load_clip(save_random(folder / "model", config), device="cpu")


@pytest.fixture(scope="session")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> FrozenClip:
    return random_clip(tmp_path_factory.mktemp("resnet"), RESNET)


@pytest.fixture
def no_computing(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def arm() -> None:
        monkeypatch.setattr(patches, "_compute", lambda *_: pytest.fail("computed again"))

    return arm


def test_tokens_are_those_that_the_transformer_returns(other_clip: FrozenClip) -> None:
    assert regions_of(other_clip) == Regions(kind="tokens", grid=(2, 2))
    visual, images = other_clip.model.visual, pixels(other_clip)
    visual.output_tokens = True
    try:
        pooled_NE, tokens_NRD = visual(images)
    finally:
        visual.output_tokens = False
    torch.testing.assert_close(pooled_NE, other_clip.model.encode_image(images))
    expected = (tokens_NRD @ visual.proj).reshape(4, 2, 2, 24)
    torch.testing.assert_close(grid_features(other_clip, images), expected)


def test_the_mean_of_tokens_is_the_feature_of_a_tower_that_pools_by_mean(tmp_path: Path) -> None:
    clip = random_clip(tmp_path, VISION | {"pool_type": "avg"})
    images = pixels(clip)
    mean_NE = grid_features(clip, images).mean(dim=(1, 2))
    torch.testing.assert_close(mean_NE, clip.model.encode_image(images))


def test_the_mean_as_query_gives_the_resnet_s_own_feature(resnet: FrozenClip) -> None:
    images = pixels(resnet)
    found = resnet.model.visual.forward_intermediates(images, indices=1)
    map_NDYX = found["image_intermediates"][-1]
    assert map_NDYX.shape[2:] == (2, 2)
    attended = attend_everywhere(resnet.model.visual.attnpool, map_NDYX)
    torch.testing.assert_close(attended[:, 0], resnet.model.encode_image(images))
    torch.testing.assert_close(grid_features(resnet, images).flatten(1, 2), attended[:, 1:])


def test_places_of_the_resnet_are_queries_of_its_attention_pool(resnet: FrozenClip) -> None:
    """Torch's own attention, with every token as a query."""
    assert regions_of(resnet) == Regions(kind="attention pool", grid=(2, 2))
    images, pool = pixels(resnet), resnet.model.visual.attnpool
    found = resnet.model.visual.forward_intermediates(images, indices=1)
    places = found["image_intermediates"][-1].flatten(2).permute(2, 0, 1)
    tokens = torch.cat([places.mean(dim=0, keepdim=True), places])
    tokens = tokens + pool.positional_embedding[:, None]
    expected, _ = functional.multi_head_attention_forward(
        tokens,
        tokens,
        tokens,
        embed_dim_to_check=tokens.shape[2],
        num_heads=pool.num_heads,
        in_proj_weight=None,
        in_proj_bias=torch.cat([pool.q_proj.bias, pool.k_proj.bias, pool.v_proj.bias]),
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=pool.c_proj.weight,
        out_proj_bias=pool.c_proj.bias,
        training=False,
        use_separate_proj_weight=True,
        q_proj_weight=pool.q_proj.weight,
        k_proj_weight=pool.k_proj.weight,
        v_proj_weight=pool.v_proj.weight,
    )
    torch.testing.assert_close(
        grid_features(resnet, images).flatten(1, 2), expected[1:].transpose(0, 1)
    )


def test_one_place_is_no_grid_so_that_regions_are_crops(
    embedded: FrozenClip, tmp_path: Path
) -> None:
    assert regions_of(embedded) == Regions(kind="crops", grid=(1, 1))
    data = domains()
    for domain, found_NRE in zip(
        data.domains, encode_patches(embedded, data, tmp_path), strict=True
    ):
        assert found_NRE.shape == (len(domain), 5, 128)
        images = domain.images_NHW3[:]
        boxes = [np.s_[:, :, :], np.s_[:28, :28], np.s_[:28, 4:], np.s_[4:, :28], np.s_[4:, 4:]]
        for r, box in enumerate(boxes):
            crop = np.stack([image[box] for image in images])
            expected = embedded.encode_images(crop).numpy()
            np.testing.assert_allclose(found_NRE[:, r], expected, atol=1e-6)


def test_crops_of_an_odd_rectangle_reach_its_ends() -> None:
    whole, first, *_, last = crop_boxes(5, 9)
    assert whole == (slice(0, 5), slice(0, 9))
    assert (first[0].start, first[1].start, last[0].stop, last[1].stop) == (0, 0, 5, 9)
    assert crop_boxes(1, 1)[4] == (slice(0, 1), slice(0, 1))


def test_grid_features_are_kept_row_by_row_with_unit_norm(
    resnet: FrozenClip, tmp_path: Path
) -> None:
    data = domains(side=64)
    found = encode_patches(resnet, data, tmp_path)
    for domain, found_NRE in zip(data.domains, found, strict=True):
        images = resnet.preprocess(torch.from_numpy(domain.images_NHW3))
        expected = functional.normalize(grid_features(resnet, images).flatten(1, 2), dim=-1)
        np.testing.assert_allclose(found_NRE, expected.detach().numpy(), atol=1e-5)


def test_a_finer_grid_is_averaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = random_clip(tmp_path, VISION | {"patch_size": 8})
    monkeypatch.setattr(patches, "MAX_SIDE", 2)
    data = domains(counts=(3,))
    (found_NRE,) = encode_patches(clip, data, tmp_path)
    grid = grid_features(clip, clip.preprocess(torch.from_numpy(data.domains[0].images_NHW3)))
    assert grid.shape[1:3] == (4, 4)
    expected = functional.normalize(grid[:, :2, 2:].mean(dim=(1, 2)), dim=-1)
    np.testing.assert_allclose(found_NRE[:, 1], expected.detach().numpy(), atol=1e-5)


def test_kept_regions_are_the_computed_ones(
    embedded: FrozenClip, tmp_path: Path, no_computing: Callable[[], None]
) -> None:
    first = encode_patches(embedded, domains(), tmp_path)
    no_computing()
    for kept, computed in zip(encode_patches(embedded, domains(), tmp_path), first, strict=True):
        np.testing.assert_array_equal(kept, computed)


@pytest.mark.parametrize("change", ["way", "model", "data"])
def test_another_way_model_or_image_is_computed(
    change: str,
    embedded: FrozenClip,
    resnet: FrozenClip,
    tmp_path: Path,
    no_computing: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encode_patches(embedded, domains(), tmp_path)
    no_computing()
    if change == "way":
        monkeypatch.setattr(patches, "CROP_FRACTION", 0.5)
    clip = resnet if change == "model" else embedded
    data = domains(counts=(3, 4)) if change == "data" else domains()
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        encode_patches(clip, data, tmp_path)


def test_damaged_files_are_computed_again(
    embedded: FrozenClip, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = encode_patches(embedded, domains(), tmp_path)
    files = sorted((tmp_path / "patches").iterdir())
    assert len(files) == 2
    for file in files:
        file.write_bytes(file.read_bytes()[:40])
    for a, b in zip(encode_patches(embedded, domains(), tmp_path), first, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert caplog.text.count("computing it again") == 2
