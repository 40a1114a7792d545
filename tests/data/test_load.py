from pathlib import Path

import pytest

from secfpp.config.tree import to_json
from secfpp.data.load import READERS, load_domains
from secfpp.data.readers.listing import ReadOptions
from secfpp.errors import ConfigError, DataError
from tests.data.parts_of_domains import files_of
from tests.data.pictures import save, save_noise


def test_known_names() -> None:
    assert sorted(READERS) == [
        "caltech101",
        "cifar10",
        "cifar100",
        "domainnet",
        "flowers102",
        "food101",
        "office-caltech10",
        "oxfordpets",
    ]


@pytest.mark.parametrize("source", ["food101", "food102:/tmp", "imagenet:x"])
def test_unknown_names_are_refused_with_the_known(source: str) -> None:
    with pytest.raises(DataError, match=r"neither a folder nor NAME:PATH .*caltech101"):
        load_domains(source)


@pytest.mark.parametrize("place", ["", "/nowhere/at/all"])
def test_missing_folder_of_a_known_set(place: str) -> None:
    with pytest.raises(DataError, match="nothing is downloaded"):
        load_domains(f"cifar10:{place}")


def test_folder_called_like_a_data_set_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("food101", "a:b"):
        for name in ("cat", "dog"):
            save(tmp_path / folder / "photo" / name / "1.png")
        assert load_domains(folder, ReadOptions(image_size=4)).name == folder


@pytest.mark.parametrize(
    "setting", [{"images_per_class": 0}, {"max_unreadable": -1}, {"image_size": 0}]
)
def test_settings_out_of_range_are_refused(tmp_path: Path, setting: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        load_domains(str(tmp_path), ReadOptions(**setting))  # type: ignore[arg-type]


@pytest.mark.parametrize("source", ["digits", "cifar10:.", "."])
def test_stated_split_without_a_split_file_is_refused(source: str) -> None:
    with pytest.raises(ConfigError, match="no split file of CoOp's"):
        load_domains(source, ReadOptions(split_sha256="0" * 64))


def many(tmp_path: Path, count: int = 200) -> Path:
    for i in range(count):
        save_noise(tmp_path / "d" / ("cat" if i % 2 else "dog") / f"{i}.png", seed=i, size=4)
    return tmp_path


@pytest.mark.parametrize(("damaged", "stated"), [(2, None), (0, 0), (5, 5)])
def test_a_few_unreadable_images_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damaged: int, stated: int | None
) -> None:
    many(tmp_path)
    for i in range(damaged):
        (tmp_path / "d" / "cat" / f"{2 * i + 1}.png").write_text("no image")
    domain_set = load_domains(str(tmp_path), ReadOptions(image_size=4, max_unreadable=stated))
    assert domain_set.skipped == damaged
    assert domain_set.domains[0].images_NHW3[:].shape == (200 - damaged, 4, 4, 3)
    assert domain_set.domains[0].labels_N.tolist().count(0) == 100 - damaged
    assert (f"{damaged} of 200 images" in caplog.text) == (damaged > 0)
    record = to_json(domain_set.provenance)
    assert isinstance(record, dict)
    assert (record["skipped"], record["images"]) == (damaged, {"d": 200 - damaged})


@pytest.mark.parametrize(
    ("damaged", "stated", "limit"), [(3, None, "1% of them"), (3, 2, "max_unreadable=2")]
)
def test_more_unreadable_images_than_allowed_are_an_error(
    tmp_path: Path, damaged: int, stated: int | None, limit: str
) -> None:
    many(tmp_path)
    for i in range(damaged):
        (tmp_path / "d" / "cat" / f"{2 * i + 1}.png").write_text("no image")
    with pytest.raises(DataError, match=rf"3 of 200 .* cannot be read, more than {limit}.*1\.png"):
        load_domains(str(tmp_path), ReadOptions(image_size=4, max_unreadable=stated))


def test_a_domain_without_any_readable_image_is_an_error(tmp_path: Path) -> None:
    many(tmp_path, 10)
    (tmp_path / "e" / "cat").mkdir(parents=True)
    (tmp_path / "e" / "cat" / "1.png").write_text("no image")
    with pytest.raises(DataError, match="'e' has no image that can be read"):
        load_domains(str(tmp_path), ReadOptions(image_size=4, max_unreadable=5))


@pytest.mark.slow
def test_limit_on_the_embedded_digits() -> None:
    domain_set = load_domains("digits", ReadOptions(images_per_class=3))
    for domain in domain_set.domains:
        assert len(domain) == 30
        assert sorted(domain.labels_N.tolist()) == [c for c in range(10) for _ in range(3)]


def test_limit_on_a_folder_does_not_depend_on_other_classes(tmp_path: Path) -> None:
    many(tmp_path, 40)
    first = load_domains(str(tmp_path), ReadOptions(image_size=4, images_per_class=5)).domains[0]
    for i in range(30):
        save_noise(tmp_path / "d" / "ant" / f"{i}.png", seed=1000 + i, size=4)
    again = load_domains(str(tmp_path), ReadOptions(image_size=4, images_per_class=5)).domains[0]
    assert len(again) == 15
    assert set(files_of(first).paths) < set(files_of(again).paths)
