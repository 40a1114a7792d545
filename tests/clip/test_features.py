import dataclasses
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from secfpp.clip.features import digest_of, encode_domains
from secfpp.clip.model import FrozenClip, Precision, load_clip
from secfpp.data.domains import Domain, DomainSet


@pytest.fixture
def toy() -> DomainSet:
    rng = np.random.default_rng(0)
    domains = tuple(
        Domain(
            name=name,
            images_NHW3=rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8),
            labels_N=np.zeros(count, dtype=np.int64),
        )
        for name, count in (("few", 3), ("more", 5))
    )
    return DomainSet(name="toy", class_names=("a", "b"), domains=domains, phrase="a")


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FrozenClip, "encode_images", lambda *_: pytest.fail("computed again"))


def test_kept_features_are_the_computed_ones(
    embedded: FrozenClip, toy: DomainSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = encode_domains(embedded, toy, tmp_path)
    assert [f.shape for f in first] == [(3, 128), (5, 128)]
    forbid(monkeypatch)
    for kept, computed in zip(encode_domains(embedded, toy, tmp_path), first, strict=True):
        np.testing.assert_array_equal(kept, computed)
        np.testing.assert_allclose(np.linalg.norm(kept, axis=1), 1, rtol=1e-6)


def test_another_image_or_model_is_computed(
    embedded: FrozenClip, toy: DomainSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode_domains(embedded, toy, tmp_path)
    other_model = load_clip(device="cpu")
    other_model.model.logit_scale.data += 1
    brighter = np.array(toy.domains[0].images_NHW3)
    brighter[0, 0, 0, 0] ^= 1
    changed = dataclasses.replace(toy.domains[0], images_NHW3=brighter)
    other_data = dataclasses.replace(toy, domains=(changed,))
    forbid(monkeypatch)
    for clip, data in ((other_model, toy), (embedded, other_data)):
        with pytest.raises(pytest.fail.Exception, match="computed again"):
            encode_domains(clip, data, tmp_path)


def test_damaged_files_are_computed_again(
    embedded: FrozenClip, toy: DomainSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = encode_domains(embedded, toy, tmp_path)
    files = sorted((tmp_path / "features").iterdir())
    assert len(files) == 2
    for file in files:
        file.write_bytes(file.read_bytes()[:40])
    again = encode_domains(embedded, toy, tmp_path)
    for a, b in zip(again, first, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert caplog.text.count("computing it again") == 2


def test_features_of_another_type_are_computed_again(
    embedded: FrozenClip, toy: DomainSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = encode_domains(embedded, toy, tmp_path)
    for file in (tmp_path / "features").iterdir():
        save_file({"features": load_file(file)["features"].astype(np.float64)}, file)
    again = encode_domains(embedded, toy, tmp_path)
    assert [kept.dtype for kept in again] == [np.float32] * len(first)
    assert "float64" in caplog.text


def test_a_folder_that_cannot_be_written_is_only_a_warning(
    embedded: FrozenClip, toy: DomainSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert len(encode_domains(embedded, toy, blocked)) == 2
    assert "cannot cache image features" in caplog.text


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_precision_of_the_image_tower_is_its_own_and_keeps_features_apart(
    precision: Precision,
) -> None:
    whole = load_clip(device="cpu")
    half = dataclasses.replace(whole, precision=precision)
    images = np.random.default_rng(0).integers(0, 256, size=(6, 32, 32, 3), dtype=np.uint8)
    exact, rounded = (clip.encode_images(images).numpy() for clip in (whole, half))
    assert rounded.dtype == np.float32
    assert 1e-6 < np.abs(rounded - exact).max() < 0.1
    domain = Domain(name="d", images_NHW3=images, labels_N=np.array([0, 1] * 3))
    assert digest_of(half, domain, ()) != digest_of(whole, domain, ())
