from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from secfpp.data.domains import Domain, DomainSet
from secfpp.data.load import load_domains
from secfpp.data.readers.listing import ReadOptions
from secfpp.errors import ConfigError, DataError
from tests.data.pictures import save


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for domain in ("photo", "sketch"):
        for name in ("cat", "dog"):
            save(tmp_path / domain / name / "1.png")
            save(tmp_path / domain / name / "2.JPG")
    return tmp_path


def test_reads_domains_and_classes_in_alphabetical_order(tree: Path) -> None:
    save(tree / "photo" / "ant" / "x.jpeg")
    (tree / ".git").mkdir()
    (tree / "photo" / "cat" / "notes.txt").write_text("not an image")
    domain_set = load_domains(str(tree), ReadOptions(image_size=16))
    assert domain_set.class_names == ("ant", "cat", "dog")
    assert [d.name for d in domain_set.domains] == ["photo", "sketch"]
    assert [d.labels_N.tolist() for d in domain_set.domains] == [[0, 1, 1, 2, 2], [1, 1, 2, 2]]
    assert domain_set.domains[0].images_NHW3.shape == (5, 16, 16, 3)
    assert domain_set.domains[1].images_NHW3[:][0, 8, 8].tolist() == [200, 10, 10]


def test_one_domain_is_enough(tree: Path) -> None:
    for file in (tree / "sketch").rglob("*.*"):
        file.unlink()
    for name in ("cat", "dog", "."):
        (tree / "sketch" / name).rmdir()
    assert len(load_domains(str(tree), ReadOptions(image_size=8)).domains) == 1


def test_the_shorter_side_is_fitted_and_the_rest_cropped(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        wide = np.zeros((10, 30, 3), dtype=np.uint8)
        wide[:, 10:20] = 255
        path = save(tmp_path / "d" / name / "1.png")
        Image.fromarray(wide).save(path)
    image = load_domains(str(tmp_path), ReadOptions(image_size=10)).domains[0].images_NHW3[:]
    assert (image == 255).all()


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "CMYK", "I;16"])
def test_every_colour_mode_becomes_rgb(tree: Path, mode: str) -> None:
    path = tree / "photo" / "cat" / ("1.jpg" if mode == "CMYK" else "1.png")
    Image.new(mode, (20, 20)).save(path)
    images = load_domains(str(tree), ReadOptions(image_size=8)).domains[0].images_NHW3[:]
    assert images.shape == (5 if mode == "CMYK" else 4, 8, 8, 3)


SUMMER, SUMMER_ON_A_MAC = "\u00e9t\u00e9", "e\u0301te\u0301"


def test_a_class_spelt_composed_and_decomposed_is_one(tmp_path: Path) -> None:
    """An archive made on macOS has the second spelling; ASCII order puts it elsewhere, too."""
    save(tmp_path / "paris" / SUMMER / "1.png")
    save(tmp_path / "paris" / "bar" / "1.png")
    save(tmp_path / "rome" / SUMMER_ON_A_MAC / "1.png")
    save(tmp_path / "rome" / "bar" / "1.png")
    domain_set = load_domains(str(tmp_path), ReadOptions(image_size=8))
    assert domain_set.class_names == ("bar", SUMMER)
    assert [d.labels_N.tolist() for d in domain_set.domains] == [[0, 1], [0, 1]]


def test_a_domain_spelt_both_ways_is_one_with_the_images_of_both(tmp_path: Path) -> None:
    for domain in (SUMMER, SUMMER_ON_A_MAC):
        for name in ("bar", SUMMER, SUMMER_ON_A_MAC):
            save(tmp_path / domain / name / "1.png")
    domain_set = load_domains(str(tmp_path), ReadOptions(image_size=8))
    assert [d.name for d in domain_set.domains] == [SUMMER]
    assert np.bincount(domain_set.domains[0].labels_N).tolist() == [2, 4]


def test_classes_that_differ_by_case_alone_are_said_to(
    tree: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(tree / "photo" / "Cat" / "1.png")
    assert load_domains(str(tree), ReadOptions(image_size=8)).class_names == ("Cat", "cat", "dog")
    assert "classes 'Cat', 'cat' differ in case, spaces or signs alone" in caplog.text


@pytest.mark.parametrize("name", ["__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", ".git"])
def test_folders_that_systems_leave_behind_are_passed_over(tree: Path, name: str) -> None:
    expected = load_domains(str(tree), ReadOptions(image_size=8))
    save(tree / name / "photo" / "._1.png")
    save(tree / name / "cat" / "1.png")
    save(tree / "photo" / name / "1.png" / "SYNOPHOTO_THUMB_M.jpg")
    save(tree / "photo" / "cat" / name / "1.png" / "SYNOPHOTO_THUMB_M.jpg")
    assert load_domains(str(tree), ReadOptions(image_size=8)).checksums == expected.checksums


def test_a_folder_called_like_an_image_is_none(tree: Path) -> None:
    save(tree / "photo" / "cat" / "album.jpg" / "1.png")
    assert len(load_domains(str(tree), ReadOptions(image_size=8)).domains[0]) == 4


def test_links_to_nothing_are_named_as_such(tree: Path) -> None:
    (tree / "photo" / "cat" / "3.png").symlink_to("annex/3.png")
    with pytest.raises(DataError, match=r"1 of 5 images of 'photo' are links to what is not there"):
        load_domains(str(tree), ReadOptions(image_size=8))


def test_links_in_a_circle(tree: Path) -> None:
    (tree / "photo" / "cat" / "loop.png").symlink_to("loop.png")
    (tree / "photo" / "loop").symlink_to("loop")
    with pytest.raises(DataError, match="links to what is not there"):
        load_domains(str(tree), ReadOptions(image_size=8))


@pytest.mark.parametrize("source", ["~nobody-of-this-name/x", "food101:~nobody-of-this-name/x"])
def test_a_home_that_nobody_has(source: str) -> None:
    with pytest.raises(ConfigError, match="no home folder"):
        load_domains(source, ReadOptions(image_size=8))


@pytest.mark.parametrize("source", ["x" * 5000, "food101:" + "x" * 5000])
def test_a_name_too_long_for_the_system(source: str) -> None:
    with pytest.raises(DataError, match="File name too long"):
        load_domains(source, ReadOptions(image_size=8))


def test_truncated_image_is_named(tree: Path) -> None:
    path = save(tree / "photo" / "cat" / "big.jpg", size=(300, 300))
    path.write_bytes(path.read_bytes()[:600])
    message = (
        r"1 of 9 images .* cannot be read, more than 1%.*photo/cat/big\.jpg' \((?i:.*truncated)"
    )
    with pytest.raises(DataError, match=message):
        load_domains(str(tree), ReadOptions(image_size=8))


def test_text_called_png_is_left_out_where_that_is_allowed(
    tree: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tree / "photo" / "cat" / "fake.png").write_text("hello")
    with pytest.raises(DataError, match=r"fake\.png' \(not an image\); repair or remove"):
        load_domains(str(tree), ReadOptions(image_size=8))
    domain_set = load_domains(str(tree), ReadOptions(image_size=8, max_unreadable=1))
    assert domain_set.skipped == 1
    assert domain_set.domains[0].labels_N.tolist() == [0, 0, 1, 1]
    assert "fake.png" in caplog.text


def test_empty_class_folder_is_named(tree: Path) -> None:
    (tree / "photo" / "eel").mkdir()
    with pytest.raises(DataError, match=r"class folder .*photo/eel.* holds no image"):
        load_domains(str(tree), ReadOptions(image_size=8))


def test_empty_domain_folder_is_named(tree: Path) -> None:
    (tree / "clipart").mkdir()
    with pytest.raises(DataError, match=r"domain folder .*clipart.* holds no class folders"):
        load_domains(str(tree), ReadOptions(image_size=8))


def test_one_class_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "photo" / "cat" / "1.png")
    with pytest.raises(DataError, match=r"1 class\(es\) \['cat'\]"):
        load_domains(str(tmp_path), ReadOptions(image_size=8))


def test_missing_folder_and_file_instead_of_folder(tmp_path: Path) -> None:
    file = save(tmp_path / "a.png")
    for path in (tmp_path / "nowhere", file):
        with pytest.raises(DataError, match="does not exist; give 'digits', a folder"):
            load_domains(str(path), ReadOptions(image_size=8))


def test_folder_of_loose_images_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    with pytest.raises(DataError, match="holds no folders"):
        load_domains(str(tmp_path), ReadOptions(image_size=8))


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((2, 4, 4, 3)), np.zeros(2, dtype=np.int64)),
        (np.zeros((2, 4, 4), dtype=np.uint8), np.zeros(2, dtype=np.int64)),
        (np.zeros((2, 4, 4, 3), dtype=np.uint8), np.zeros(3, dtype=np.int64)),
        (np.zeros((2, 4, 4, 3), dtype=np.uint8), np.zeros(2)),
    ],
)
def test_domain_of_wrong_shape_or_type_is_refused(
    images: NDArray[Any], labels: NDArray[Any]
) -> None:
    with pytest.raises(DataError, match="expected"):
        Domain(name="d", images_NHW3=images, labels_N=labels)


@pytest.mark.parametrize("is_test", [np.zeros(2), np.zeros(3, dtype=bool)])
def test_split_of_wrong_shape_or_type_is_refused(is_test: NDArray[Any]) -> None:
    images, labels = np.zeros((2, 4, 4, 3), dtype=np.uint8), np.zeros(2, dtype=np.int64)
    with pytest.raises(DataError, match=r"is_test_N is .* expected bool of shape \(2,\)"):
        Domain(name="d", images_NHW3=images, labels_N=labels, is_test_N=is_test)


@pytest.mark.parametrize("label", [-1, 2])
def test_label_without_a_class_is_refused(label: int) -> None:
    domain = Domain(
        name="d",
        images_NHW3=np.zeros((1, 4, 4, 3), dtype=np.uint8),
        labels_N=np.array([label], dtype=np.int64),
    )
    with pytest.raises(DataError, match="but there are 2 classes"):
        DomainSet(name="s", class_names=("a", "b"), domains=(domain,), phrase="a")


def test_a_list_divides_domains_into_test_images_and_others(tree: Path) -> None:
    listed = ["photo/cat/1.png", "photo/dog/2.JPG", "", "# a remark", "sketch/dog/1.png"]
    (tree / "test_images.txt").write_text("\n".join(listed))
    domain_set = load_domains(str(tree), ReadOptions(image_size=8))
    parts = [domain.is_test_N for domain in domain_set.domains]
    assert [None if part is None else part.tolist() for part in parts] == [
        [True, False, False, True],
        [False, False, True, False],
    ]
    assert set(domain_set.provenance.split_files) == {"test_images.txt"}
    assert domain_set.provenance.test_images == {"photo": 2, "sketch": 1}


def test_a_list_that_names_what_is_not_there_is_refused(tree: Path) -> None:
    (tree / "test_images.txt").write_text("photo/cat/1.png\nphoto/cat/9.png\n")
    with pytest.raises(DataError, match=r"names 1 image.* not there, such as 'photo/cat/9\.png'"):
        load_domains(str(tree), ReadOptions(image_size=8))
