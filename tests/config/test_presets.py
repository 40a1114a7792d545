import json
from pathlib import Path

import pytest

from secfpp.comparison.config import load_settings
from secfpp.config.presets import load_preset, preset_names, read_start
from secfpp.config.tree import from_json
from secfpp.data.readers import coop, fedbn
from secfpp.errors import ConfigError
from secfpp.experiment.config import RunConfig, load_config

OF_PAPERS = {*coop.LAYOUTS, *fedbn.LAYOUTS}


def test_every_data_set_of_the_papers_has_one() -> None:
    assert set(preset_names()) >= OF_PAPERS


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_settings_with_reasons(name: str) -> None:
    preset = load_preset(name)
    config = load_config(Path(f"preset:{name}"))
    assert config == from_json(RunConfig, preset.settings)
    assert config.model == "ViT-B-16-quickgelu"
    assert config.pretrained == "openai"
    assert config.training.num_context == 16
    assert "secfpp" in config.methods
    assert len(preset.departures) > 5
    assert all(departure.endswith(".") for departure in preset.departures)
    assert load_settings(Path(f"preset:{name}")).methods == config.methods


@pytest.mark.parametrize("name", sorted(coop.LAYOUTS))
def test_settings_of_dp_fpl(name: str) -> None:
    """Ten clients without a class in common, 100 rounds, rank 8, batches of 32, five seeds."""
    config = load_config(Path(f"preset:{name}"))
    assert config.data == f"{name}:data"
    assert (config.partition.scheme, config.partition.clients_per_domain) == ("pathological", 10)
    assert (config.training.rounds, config.seeds) == (100, 5)
    own = from_json(RunConfig, load_preset(name).settings)
    rate = getattr(own, "dpfpl").dpfpl_sample_rate  # noqa: B009
    assert rate * config.partition.images_per_client == pytest.approx(32, rel=0.01)


@pytest.mark.parametrize(
    ("name", "clients", "k"), [("domainnet", 30, 6), ("office-caltech10", 12, 4)]
)
def test_clients_of_fedotp(name: str, clients: int, k: int) -> None:
    config = load_config(Path(f"preset:{name}"))
    domains = len(fedbn.LAYOUTS[name].domains)
    assert domains * config.partition.clients_per_domain == clients
    assert config.clustering.k == k == domains


def test_an_unknown_preset_names_the_known() -> None:
    with pytest.raises(ConfigError, match=r"no preset 'imagenet'; known are caltech101, "):
        read_start(Path("preset:imagenet"))


def test_a_file_of_that_name_needs_a_folder_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("preset:mine").write_text(json.dumps({"seeds": 2}))
    assert read_start(tmp_path / "preset:mine") == {"seeds": 2}
