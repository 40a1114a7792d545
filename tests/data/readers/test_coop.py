import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secfpp.data.domains import DomainSet
from secfpp.data.load import load_domains
from secfpp.data.readers.coop import LAYOUTS
from secfpp.data.readers.listing import ReadOptions
from secfpp.errors import ConfigError, DataError
from tests.data.parts_of_domains import files_of, own_test_part
from tests.data.pictures import coop_split, save

PARTS = {
    "train": [["b/1.jpg", 1, "car_side"], ["a/1.jpg", 0, "ant"], ["a/2.jpg", 0, "ant"]],
    "val": [["a/3.jpg", 0, "ant"]],
    "test": [["b/2.jpg", 1, "car_side"], ["a/4.jpg", 0, "ant"]],
}


def load(name: str, root: Path, **settings: Any) -> DomainSet:
    return load_domains(f"{name}:{root}", ReadOptions(image_size=8, **settings))


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_split_file_gives_classes_and_parts_and_is_recorded(tmp_path: Path, name: str) -> None:
    split = coop_split(tmp_path, name, PARTS)
    domain_set = load(name, tmp_path)
    (domain,) = domain_set.domains
    assert (domain_set.name, domain.name) == (name, name)
    assert domain_set.class_names == ("ant", "car_side")
    assert domain_set.phrase == ("a photo of" if name == "food101" else "a photo of a")
    assert domain.labels_N.tolist() == [1, 0, 0, 1, 0]
    assert own_test_part(domain).tolist() == [False] * 3 + [True] * 2
    assert domain.images_NHW3[:][:, 0, 0, 0].tolist() == pytest.approx([10, 0, 0, 10, 0], abs=2)
    digest = hashlib.sha256(split.read_bytes()).hexdigest()
    assert domain_set.split_files == {split.name: digest}
    assert load(name, tmp_path, split_sha256=digest.upper()).domains[0].checksum == domain.checksum
    assert domain_set.provenance.test_images == {name: 2}


def test_folder_above_is_found_too(tmp_path: Path) -> None:
    coop_split(tmp_path / "caltech-101", "caltech101", PARTS)
    assert len(load("caltech101", tmp_path).domains[0]) == 5


def test_another_split_file_than_the_stated_is_refused(tmp_path: Path) -> None:
    coop_split(tmp_path, "food101", PARTS)
    with pytest.raises(DataError, match=f"has sha256 [0-9a-f]{{64}}, not {'0' * 64}"):
        load("food101", tmp_path, split_sha256="0" * 64)
    with pytest.raises(ConfigError, match="64 hexadecimal digits"):
        load("food101", tmp_path, split_sha256="abc")


def test_stated_checksum_without_a_split_file_is_refused(tmp_path: Path) -> None:
    coop_split(tmp_path, "caltech101", PARTS).unlink()
    with pytest.raises(DataError, match=r"split_zhou_Caltech101\.json' does not exist"):
        load("caltech101", tmp_path, split_sha256="0" * 64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("test"), "has no list 'test'"),
        (lambda s: s.update(train=[]), "has no list 'train'"),
        (lambda s: s["train"].append(["a/9.jpg", 0]), "expected .file, label, class name."),
        (lambda s: s["train"].append(["a/9.jpg", "0", "ant"]), "expected .file, label"),
        (lambda s: s["train"].append(["a/9.jpg", 0, "bee"]), "label 0 both 'ant' and 'bee'"),
        (lambda s: s["train"].append(["a/9.jpg", 3, "bee"]), r"labels 0\.\.3 for 3 class names"),
        (lambda s: s["train"].append(["a/9.jpg", 2, "ant"]), r"labels 0\.\.2 for 2 class names"),
        (lambda s: s["train"].append(["../../etc/x.jpg", 0, "ant"]), "outside the folder"),
        (lambda s: s["train"].append(["/etc/x.jpg", 0, "ant"]), "outside the folder"),
        (lambda s: s["train"].append(["a/9.jpg", 0, "ant"]), r"1 of 6 listed images .* missing"),
        (lambda s: s["test"].append(["a/1.jpg", 1, "car_side"]), "both as 'ant' and as 'car_side'"),
    ],
)
def test_malformed_splits_are_refused(
    tmp_path: Path, change: Callable[[Any], object], message: str
) -> None:
    split = coop_split(tmp_path, "oxfordpets", PARTS)
    content = json.loads(split.read_text())
    change(content)
    split.write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        load("oxfordpets", tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '"train"', "[" * 100_000])
def test_file_that_is_no_split_is_refused(tmp_path: Path, text: str) -> None:
    coop_split(tmp_path, "oxfordpets", PARTS).write_text(text)
    with pytest.raises(DataError, match=r"not valid JSON|has no list 'train'"):
        load("oxfordpets", tmp_path)


def test_a_split_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    split = coop_split(tmp_path, "food101", PARTS)
    split.write_bytes(b"\xef\xbb\xbf" + split.read_bytes())
    assert len(load("food101", tmp_path).domains[0]) == 5


def test_images_spelt_otherwise_on_disk_are_found(tmp_path: Path) -> None:
    composed, decomposed = "\u00e9t\u00e9", "e\u0301te\u0301"
    parts = {part: [[f"{decomposed}/1.jpg", 0, decomposed]] for part in ("test",)}
    parts["train"] = [[f"{composed}/2.jpg", 0, composed], ["bar/1.jpg", 1, "bar"]]
    coop_split(tmp_path, "food101", parts)
    images = tmp_path / "images"
    (images / decomposed / "1.jpg").rename(images / composed / "1.jpg")
    domain_set = load("food101", tmp_path)
    assert domain_set.class_names == (composed, "bar")
    assert domain_set.domains[0].labels_N.tolist() == [0, 1, 0]


def test_names_that_no_file_can_have_are_missing_files(tmp_path: Path) -> None:
    split = coop_split(tmp_path, "food101", PARTS)
    content = json.loads(split.read_text())
    content["train"] += [["a/\0.jpg", 0, "ant"], ["a/\ud800.jpg", 0, "ant"]]
    split.write_text(json.dumps(content))
    with pytest.raises(DataError, match="2 of 7 listed images of 'food101' are missing"):
        load("food101", tmp_path)


def test_an_image_listed_twice_is_used_once_and_for_testing_if_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    repeated = {
        "train": [*PARTS["train"], ["a/1.jpg", 0, "ant"], ["a/4.jpg", 0, "ant"]],
        "test": PARTS["test"],
    }
    coop_split(tmp_path, "caltech101", repeated)
    (domain,) = load("caltech101", tmp_path).domains
    assert len(domain) == 5
    assert int(own_test_part(domain).sum()) == 2
    assert "2 images are listed more than once" in caplog.text


def test_limit_holds_in_each_part_and_is_drawn_by_its_seed(tmp_path: Path) -> None:
    parts = {
        "train": [[f"{c}/{i}.jpg", c, f"class{c}"] for c in (0, 1) for i in range(20)],
        "test": [[f"{c}/{i}.jpg", c, f"class{c}"] for c in (0, 1) for i in range(20, 23)],
    }
    coop_split(tmp_path, "food101", parts)
    chosen = []
    for seed in (0, 0, 1):
        domain_set = load("food101", tmp_path, images_per_class=4, limit_seed=seed)
        (domain,) = domain_set.domains
        train, test = (domain.labels_N[domain.is_test_N == part] for part in (False, True))
        assert np.bincount(train).tolist() == [4, 4]
        assert np.bincount(test).tolist() == [3, 3]
        chosen.append(files_of(domain).paths)
    assert chosen[0] == chosen[1] != chosen[2]


def test_caltech_without_a_split_takes_the_folders(tmp_path: Path) -> None:
    images = tmp_path / "101_ObjectCategories"
    for folder in ("airplanes", "ant", "BACKGROUND_Google", "Faces", "Faces_easy"):
        save(images / folder / "image_0001.jpg")
    domain_set = load("caltech101", tmp_path)
    assert domain_set.class_names == ("airplane", "ant", "face")
    assert domain_set.domains[0].is_test_N is None
    assert domain_set.split_files == {}


def test_pets_without_a_split_take_the_publishers_lists(tmp_path: Path) -> None:
    for image in ("Abyssinian_1", "Abyssinian_2", "great_pyrenees_1", "great_pyrenees_2"):
        save(tmp_path / "images" / f"{image}.jpg")
    lists = tmp_path / "annotations"
    lists.mkdir()
    (lists / "trainval.txt").write_text(
        "#Image CLASS\nAbyssinian_1 1 1 1\ngreat_pyrenees_1 2 2 1\n"
    )
    (lists / "test.txt").write_text("Abyssinian_2 1 1 1\ngreat_pyrenees_2 2 2 1\n")
    domain_set = load("oxfordpets", tmp_path)
    assert domain_set.class_names == ("abyssinian", "great_pyrenees")
    assert domain_set.domains[0].labels_N.tolist() == [0, 1, 0, 1]
    assert own_test_part(domain_set.domains[0]).tolist() == [False, False, True, True]
    assert sorted(domain_set.split_files) == ["annotations/test.txt", "annotations/trainval.txt"]


def test_food_without_a_split_takes_the_publishers_lists(tmp_path: Path) -> None:
    for image in ("apple_pie/1", "apple_pie/2", "sushi/3", "sushi/4"):
        save(tmp_path / "images" / f"{image}.jpg")
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "train.txt").write_text("apple_pie/1\nsushi/3\n")
    with pytest.raises(DataError, match=r"split_zhou_Food101\.json nor .*missing: meta/test\.txt"):
        load("food101", tmp_path)
    (tmp_path / "meta" / "test.txt").write_text("apple_pie/2\nsushi/4\n")
    domain_set = load("food101", tmp_path)
    assert domain_set.class_names == ("apple_pie", "sushi")
    assert own_test_part(domain_set.domains[0]).tolist() == [False, False, True, True]
    (tmp_path / "meta" / "test.txt").write_text("../sushi/4\n")
    with pytest.raises(DataError, match="outside the folder"):
        load("food101", tmp_path)


def test_flowers_need_the_split_file(tmp_path: Path) -> None:
    save(tmp_path / "jpg" / "image_00001.jpg")
    with pytest.raises(DataError, match=r"split_zhou_OxfordFlowers\.json is not in"):
        load("flowers102", tmp_path)


def test_wrong_layout_says_what_was_expected_and_where(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no folder 'jpg' in .* nor in .*oxford_flowers.*expected"):
        load("flowers102", tmp_path)
