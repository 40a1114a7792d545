import json
from pathlib import Path

import numpy as np
import pytest

from secfpp.data.domains import Domain
from secfpp.data.images import ImageFiles, decode, open_images
from secfpp.errors import DataError
from tests.data.pictures import save_noise


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return [save_noise(tmp_path / "pictures" / f"{i}.png", seed=i) for i in range(5)]


def test_rows_are_those_of_the_array(paths: list[Path], tmp_path: Path) -> None:
    files = open_images(paths, 8, tmp_path).images
    whole = np.stack([decode(path.read_bytes(), 8) for path in paths])
    assert (len(files), files.shape, files.dtype) == (5, (5, 8, 8, 3), np.dtype(np.uint8))
    for rows in (
        slice(None),
        slice(1, 3),
        slice(9, 12),
        [4, 0, 4],
        np.array([True, False] * 2 + [True]),
    ):
        np.testing.assert_array_equal(files[rows], whole[rows])
    with pytest.raises(TypeError, match="slice or a row of numbers"):
        files[0]  # type: ignore[index]
    with pytest.raises(IndexError):
        files[[5]]


def test_a_file_that_changes_or_goes_is_an_error(paths: list[Path], tmp_path: Path) -> None:
    files = open_images(paths, 8, tmp_path).images
    save_noise(paths[1], seed=99)
    with pytest.raises(DataError, match=r"1\.png' has changed since the data were listed"):
        files[:]
    paths[1].unlink()
    with pytest.raises(DataError, match=r"1\.png' could be read when the data were listed"):
        files[:]
    assert files[2:].shape == (3, 8, 8, 3)


def domain_of(paths: list[Path], tmp_path: Path, size: int = 8) -> Domain:
    images = open_images(paths, size, tmp_path).images
    return Domain(name="d", images_NHW3=images, labels_N=np.zeros(len(paths), dtype=np.int64))


def test_checksum_follows_bytes_size_and_order_but_not_names(
    paths: list[Path], tmp_path: Path
) -> None:
    first = domain_of(paths, tmp_path).checksum
    assert domain_of(paths, tmp_path).checksum == first
    others = [
        domain_of(paths, tmp_path, size=9).checksum,
        domain_of(paths[::-1], tmp_path).checksum,
        domain_of(paths[:4], tmp_path).checksum,
    ]
    moved = [path.rename(path.with_stem(f"{path.stem}_moved")) for path in paths]
    assert domain_of(moved, tmp_path).checksum == first
    save_noise(moved[0], seed=99)
    others.append(domain_of(moved, tmp_path).checksum)
    assert len({first, *others}) == 5


def test_unreadable_files_are_found_once_and_then_known(
    paths: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    paths[1].write_text("no image")
    paths[3].write_bytes(paths[3].read_bytes()[:-30])
    cache = tmp_path / "cache"
    for times in (1, 1):
        found = open_images(paths, 8, cache)
        assert found.kept_N.tolist() == [True, False, True, False, True]
        assert [str(p) in r for p, r in zip((paths[1], paths[3]), found.reasons, strict=True)] == [
            True,
            True,
        ]
        assert "not an image" in found.reasons[0]
        assert caplog.text.count("reading 5 images once") == times
    assert found.images[:].shape[0] == 3
    paths[1].write_text("another text")
    open_images(paths, 8, cache)
    assert caplog.text.count("reading 5 images once") == 2


@pytest.mark.parametrize("content", ["{", "[1]", json.dumps({"7": "x"}), json.dumps({"a": "x"})])
def test_a_damaged_list_of_unreadable_files_is_made_again(
    paths: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    cache = tmp_path / "cache"
    open_images(paths, 8, cache)
    (kept,) = (cache / "readable").iterdir()
    kept.write_text(content)
    assert open_images(paths, 8, cache).kept_N.all()
    assert "damaged" in caplog.text
    assert json.loads(kept.read_text()) == {}


def test_a_cache_that_cannot_be_written_is_only_a_warning(
    paths: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert open_images(paths, 8, blocked).kept_N.all()
    assert "cannot cache" in caplog.text


def test_a_file_that_cannot_be_opened_is_an_error_not_a_skipped_image(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*nowhere\.png"):
        open_images([tmp_path / "nowhere.png"], 8, tmp_path)


def test_no_rows_at_all() -> None:
    empty = ImageFiles(paths=(), sha256=(), image_size=4)
    assert empty[:].shape == (0, 4, 4, 3)
