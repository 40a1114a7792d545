"""A client's own folder: its parts, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from secfpp.data.readers.listing import ReadOptions
from secfpp.deployment.own_images import OwnImages, read_own_images
from secfpp.errors import DataError

CLASSES = ("cat", "dog", "hen")
OPTIONS = ReadOptions(image_size=8)


def put(root: Path, part: str, name: str, count: int) -> None:
    folder = root / part / name
    folder.mkdir(parents=True)
    for image in range(count):
        Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)).save(folder / f"{image}.png")


def read(root: Path) -> OwnImages:
    return read_own_images(root, CLASSES, OPTIONS, phrase="a photo of a")


def test_parts_are_told_apart_and_a_class_may_be_missing(tmp_path: Path) -> None:
    put(tmp_path, "train", "dog", 2)
    put(tmp_path, "train", "hen", 1)
    put(tmp_path, "validation", "dog", 1)
    put(tmp_path, "test", "cat", 3)
    own = read(tmp_path)
    assert own.listed.listings[0].labels_N.tolist() == [1, 1, 2, 1, 0, 0, 0]
    assert own.shard.train_index.tolist() == [0, 1, 2]
    assert own.shard.validation_index.tolist() == [3]
    assert own.shard.test_index.tolist() == [4, 5, 6]
    assert own.shard.label_mix_C == pytest.approx([0, 2 / 3, 1 / 3])


def test_training_images_are_enough(tmp_path: Path) -> None:
    put(tmp_path, "train", "cat", 2)
    own = read(tmp_path)
    assert len(own.shard.validation_index) == len(own.shard.test_index) == 0


def test_no_training_images_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "test", "cat", 2)
    with pytest.raises(DataError, match=r"train' does not exist; .*train/CLASS"):
        read(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="holds no image"):
        read(tmp_path)


def test_a_class_of_nobody_is_refused_with_its_folder(tmp_path: Path) -> None:
    put(tmp_path, "train", "cat", 1)
    put(tmp_path, "test", "cow", 1)
    with pytest.raises(DataError, match=r"test/cow' is no class of the federation; .*cat, dog"):
        read(tmp_path)


def test_every_image_must_be_readable(tmp_path: Path) -> None:
    put(tmp_path, "train", "cat", 200)
    (tmp_path / "train" / "cat" / "7.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="1 of 200 images"):
        read(tmp_path).listed.open()
