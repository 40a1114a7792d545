import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer

from secfpp.clip.model import load_clip
from secfpp.clip.pretraining.card import model_card
from secfpp.clip.pretraining.contrastive import Batch, BatchSampler, right_captions
from secfpp.clip.pretraining.images import (
    ATTRIBUTES,
    TEMPLATES,
    UNSTATED,
    build_pretraining_set,
    caption_words,
    write_caption,
)
from secfpp.clip.pretraining.pretrain import pretrain
from secfpp.data.cache import load_digits
from secfpp.data.domains import Domain
from secfpp.errors import ConfigError, ModelError


def test_captions_say_what_is_stated() -> None:
    stated = np.array([1, 2, UNSTATED, 0])
    caption = write_caption(7, stated, TEMPLATES[0])
    assert caption == "a photo of the noisy upside down handwritten digit seven"
    assert write_caption(0, np.full(4, UNSTATED), TEMPLATES[0]) == "a photo of the digit zero"
    assert set(caption.split()) <= set(caption_words())


def test_a_right_caption_contradicts_nothing_and_leaves_no_turn_unsaid() -> None:
    u = UNSTATED
    attributes = np.array([[0, 0, 0, 0], [0, 2, 0, 0], [0, 2, 0, 0]])
    batch = Batch(
        images_B3HW=torch.empty(0),
        tokens_BL=torch.empty(0),
        digits_B=np.array([6, 6, 9]),
        attributes_BA=attributes,
        stated_BA=np.array([[u, u, u, u], [u, 2, u, u], [1, 2, 0, 0]]),
    )
    expected = [[True, False, False], [False, True, False], [False, False, False]]
    assert right_captions(batch).tolist() == expected


@pytest.mark.slow
def test_images_are_drawn_alike_and_batches_fit_their_captions() -> None:
    first, again = (build_pretraining_set(2000, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.images_NHW3, again.images_NHW3)
    assert np.bincount(first.digits_N).tolist() == [200] * 10
    white = first.images_NHW3[(first.attributes_NA == [0, 0, 1, 1]).all(axis=1)]
    assert white.mean() > 150
    batch = BatchSampler(first, SimpleTokenizer(), np.random.default_rng(0)).draw()
    assert np.diagonal(right_captions(batch)).all()
    styles = np.unique(batch.attributes_BA, axis=0)
    assert 1 < len(styles) <= 6
    assert all((styles[:, a] < len(values)).all() for a, values in enumerate(ATTRIBUTES))


@pytest.mark.slow
def test_a_short_training_writes_a_model_that_loads_and_repeats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = load_digits()
    few = tuple(
        Domain(name=d.name, images_NHW3=d.images_NHW3[:60], labels_N=d.labels_N[:60])
        for d in digits.domains
    )
    monkeypatch.setattr("secfpp.clip.pretraining.pretrain.NUM_IMAGES", 1500)
    monkeypatch.setattr(
        "secfpp.clip.pretraining.pretrain.load_digits",
        lambda: dataclasses.replace(digits, domains=few),
    )
    seen: list[tuple[int, int]] = []
    reports = [
        pretrain(tmp_path / name, steps=12, progress=lambda done, of, _: seen.append((done, of)))
        for name in "ab"
    ]
    assert seen == [(i, 12) for i in range(1, 13)] * 2
    assert reports[0].fingerprint == reports[1].fingerprint
    clip = load_clip(f"local-dir:{tmp_path / 'a'}", device="cpu")
    assert clip.fingerprint == reports[0].fingerprint
    assert np.isfinite(reports[0].final_loss)
    assert "| synth |" in model_card(tmp_path / "a")
    assert {f.name for f in (tmp_path / "a").iterdir()} == {
        "card.json",
        "card.md",
        "open_clip_config.json",
        "open_clip_model.safetensors",
        "vocabulary.txt.gz",
    }


@pytest.mark.parametrize("setting", [{"steps": 9}, {"seed": -1}, {"device": "cuda:99"}])
def test_settings_out_of_range_are_refused(
    setting: dict[str, int] | dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=str(next(iter(setting.values())))):
        pretrain(tmp_path, **setting)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write the model"):
        pretrain(tmp_path / "file" / "below")


def test_card_of_a_folder_without_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no card\.md"):
        model_card(tmp_path)
