"""Every preset runs: the same file, the same words, small data and a small model of the same kind.

Weights and data of the real ones are not here. Layouts of folders, settings and methods are.
"""

import json
from pathlib import Path

import open_clip
import pytest
import torch

from secfpp.cli import main
from secfpp.config.presets import preset_names
from secfpp.experiment.config import load_config
from tests.clip.conftest import save_random
from tests.data.published import published

SMALL = (
    *("--rounds", "1", "--local-steps", "2", "--shared-steps", "1", "--seeds", "1"),
    *("--clients-per-domain", "3", "--images-per-client", "8", "--test-images-per-domain", "10"),
    *("--validation-images-per-client", "2"),
)
"""What a run of seconds changes. Clients are fewer; data set, scheme, methods and losses stay."""
VIT = {
    "embed_dim": 32,
    "quick_gelu": True,
    "vision_cfg": {
        "image_size": 64,
        "layers": 2,
        "width": 64,
        "head_width": 32,
        "patch_size": 16,
    },
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 32,
        "heads": 2,
        "layers": 2,
    },
}
"""A vision transformer with a causal text tower, as ViT-B/16, but small."""


@pytest.fixture(scope="session")
def small_vit(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_random(tmp_path_factory.mktemp("vit") / "model", VIT)


def test_list_and_one_file(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["presets"]) == 0
    printed = capfd.readouterr().out
    assert all(f"secfpp run --config preset:{name}" in printed for name in preset_names())
    assert "departs: " in printed
    assert main(["presets", "--show", "oxfordpets"]) == 0
    saved = tmp_path / "mine.json"
    saved.write_text(capfd.readouterr().out)
    assert load_config(saved) == load_config(Path("preset:oxfordpets"))
    assert main(["presets", "--json"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert sorted(record) == list(preset_names())


def test_an_unknown_preset_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    for words in (["presets", "--show", "x"], ["run", "--config", "preset:x"]):
        assert main(words) == 2
        assert "no preset 'x'; known are caltech101" in capfd.readouterr().err


def test_without_the_data_the_folder_is_named(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, small_vit: str
) -> None:
    data = f"domainnet:{tmp_path / 'absent'}"
    words = ["--data", data, "--model", small_vit, "--pretrained", "none"]
    assert main(["run", "--config", "preset:domainnet", *words]) == 2
    assert "does not exist; give the folder of domainnet" in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", preset_names())
def test_a_preset_runs(
    name: str, tmp_path: Path, small_vit: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    words = ("--data", published(name, tmp_path / "data"), "--cache-dir", str(tmp_path / "cache"))
    model = ("--model", small_vit, "--pretrained", "none", "--out", str(folder), "--json")
    assert main(["run", "--config", f"preset:{name}", *words, *model, *SMALL]) == 0
    record = json.loads(capfd.readouterr().out)
    preset = load_config(Path(f"preset:{name}"))
    assert tuple(record["results"]) == preset.methods
    ran = load_config(folder / "config.json")
    assert ran.clustering == preset.clustering
    assert ran.partition.scheme == preset.partition.scheme
    assert record["results"]["secfpp"]["rounds"] > 0


@pytest.mark.slow
def test_the_real_architecture_runs_with_random_weights(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """ViT-B/16 with QuickGELU at 224 pixels, from a file as a user's would be."""
    weights = tmp_path / "random.pt"
    torch.manual_seed(0)
    torch.save(open_clip.create_model("ViT-B-16-quickgelu").state_dict(), weights)
    data = published("oxfordpets", tmp_path / "data", classes=3)
    words = ("--data", data, "--pretrained", str(weights), "--cache-dir", str(tmp_path / "cache"))
    chosen = ("--methods", "promptfl", "secfpp-plain", "--images-per-class", "3")
    sizes = (
        *("--images-per-client", "2", "--validation-images-per-client", "1"),
        *("--test-images-per-domain", "3", "--views", "whole"),
    )
    small = (*SMALL, *sizes, "--out", str(tmp_path / "run"), "--json")
    assert main(["run", "--config", "preset:oxfordpets", *words, *chosen, *small]) == 0
    results = json.loads(capfd.readouterr().out)["results"]
    assert 0 <= results["secfpp-plain"]["uniform"]["mean"] <= 1
