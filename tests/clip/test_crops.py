"""Features of crops: the mean over five crops, of unit norm, cached under a key of their own."""

from pathlib import Path

import numpy as np
import pytest

from secfpp.clip.features import encode_domains
from secfpp.clip.model import BATCH_SIZE, FrozenClip
from secfpp.config.workload import Views, WorkloadConfig
from secfpp.data.domains import Domain, DomainSet
from secfpp.federation.workload import load_workload
from tests.data.pictures import save_noise


def domains(*counts: int, side: int = 32) -> DomainSet:
    rng = np.random.default_rng(1)
    made = tuple(
        Domain(
            name=f"domain{count}",
            images_NHW3=rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8),
            labels_N=np.zeros(count, dtype=np.int64),
        )
        for count in counts
    )
    return DomainSet(name="toy", class_names=("a", "b"), domains=made, phrase="a")


def by_hand(clip: FrozenClip, images_NHW3: np.ndarray) -> np.ndarray:
    """Read the image and its quadrants of seven eighths, each alone; add them; divide by length."""
    side = images_NHW3.shape[1]
    long = round(side * 7 / 8)
    total = clip.encode_images(images_NHW3).numpy().astype(np.float64)
    for top in (0, side - long):
        for left in (0, side - long):
            crop = np.ascontiguousarray(images_NHW3[:, top : top + long, left : left + long])
            total += clip.encode_images(crop).numpy()
    return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True))


@pytest.mark.parametrize("side", [32, 48])
def test_the_feature_is_the_mean_over_five_crops(
    embedded: FrozenClip, tmp_path: Path, side: int
) -> None:
    toy = domains(3, 5, side=side)
    found = encode_domains(embedded, toy, tmp_path, views="crops")
    whole = encode_domains(embedded, toy, tmp_path)
    for features, domain, of_whole in zip(found, toy.domains, whole, strict=True):
        assert features.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-6)
        expected = by_hand(embedded, np.asarray(domain.images_NHW3))
        np.testing.assert_allclose(features, expected, atol=1e-5)
        assert np.abs(features - of_whole).max() > 0.01


def test_batches_keep_the_order_of_images(embedded: FrozenClip, tmp_path: Path) -> None:
    toy = domains(BATCH_SIZE + 3)
    found = encode_domains(embedded, toy, tmp_path, views="crops")[0]
    images = np.asarray(toy.domains[0].images_NHW3)
    places = [0, BATCH_SIZE - 1, BATCH_SIZE, BATCH_SIZE + 2]
    np.testing.assert_allclose(found[places], by_hand(embedded, images[places]), atol=1e-5)


def test_crops_and_whole_images_have_files_of_their_own(
    embedded: FrozenClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = domains(3, 5)
    whole = encode_domains(embedded, toy, tmp_path)
    crops = encode_domains(embedded, toy, tmp_path, views="crops")
    assert len(list((tmp_path / "features").iterdir())) == 4
    monkeypatch.setattr(FrozenClip, "encode_images", lambda *_: pytest.fail("computed again"))
    for again, first in (
        (encode_domains(embedded, toy, tmp_path), whole),
        (encode_domains(embedded, toy, tmp_path, views="crops"), crops),
    ):
        for one, other in zip(again, first, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("views", ["whole", "crops"])
def test_a_workload_has_the_views_that_are_asked_for(
    embedded: FrozenClip, tmp_path: Path, views: Views
) -> None:
    for i in range(8):
        save_noise(tmp_path / "data" / "domain0" / f"class{i % 2}" / f"{i}.png", seed=i)
    config = WorkloadConfig(
        data=str(tmp_path / "data"), cache_dir=tmp_path / "cache", views=views, device="cpu"
    )
    workload = load_workload(config, num_context=2)
    expected = encode_domains(embedded, workload.domain_set, tmp_path / "other", views=views)
    np.testing.assert_allclose(workload.features[0], expected[0], atol=1e-6)
    assert WorkloadConfig().views == "crops"
