"""`secfpp worlds`: probes of a folder, and what a build needs."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from secfpp.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Save two domains of dark and light noise; the second one calls dark light."""
    rng = np.random.default_rng(0)
    for domain, names in (("one", ("dark", "light")), ("two", ("light", "dark"))):
        for name, low in zip(names, (0, 128), strict=True):
            place = tmp_path / "data" / domain / name
            place.mkdir(parents=True)
            for number in range(12):
                pixels = rng.integers(low, low + 128, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(place / f"{number}.png")
    return tmp_path / "data"


def probe(folder: Path, *words: str) -> list[str]:
    return ["worlds", "probe", str(folder), "--cache-dir", str(folder.parent / "cache"), *words]


def test_a_conflict_is_found(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(probe(folder, "--json", "--device", "cpu")) == 0
    record = json.loads(capfd.readouterr().out)
    assert [domain["domain"] for domain in record["domains"]] == ["one", "two"]
    assert record["mean"]["probe_own"] == 1.0
    assert record["mean"]["probe_pooled"] < 0.8
    assert record["has_conflict"] is True


def test_people_see_a_line_a_domain_and_a_verdict(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("dark", "light"):
        (folder / "two" / name).rename(folder / "two" / f"{name}-before")
    (folder / "two" / "dark-before").rename(folder / "two" / "light")
    (folder / "two" / "light-before").rename(folder / "two" / "dark")
    assert main(probe(folder, "--device", "cpu")) == 0
    printed = " ".join(capfd.readouterr().out.split())
    assert "two" in printed
    assert "mean" in printed
    assert "less than 5 points" in printed


def test_fewer_training_images(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(probe(folder, "--train-images", "8", "--json", "--device", "cpu")) == 0
    assert json.loads(capfd.readouterr().out)["mean"]["probe_own"] == 1.0
    assert main(probe(folder, "--train-images", "1", "--device", "cpu")) == 2
    assert "train_images=1" in capfd.readouterr().err


def test_a_build_without_npm_ends_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    words = ["worlds", "build", "--out", str(tmp_path / "out"), "--cache-dir", str(tmp_path / "c")]
    assert main(words) == 2
    heard = capfd.readouterr().err
    assert "fetching @iconify-json/" in heard
    assert "install Node.js with npm" in heard
