"""Settings that a federation shares: read, checked, and told apart by a digest."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from secfpp.deployment import lengths
from secfpp.deployment.config import label_of, load_federation, model_digest, settings_digest
from secfpp.errors import ConfigError, ModelError
from tests.deployment.folders import settings, write_settings
from tests.patience import SOON_S


def test_a_file_is_read_and_nobody_evaluates(tmp_path: Path) -> None:
    config = load_federation(write_settings(tmp_path / "federation.json"))
    assert config.training.rounds == 4
    assert config.clustering.k == 2
    assert config.clustering.evaluate is False


def test_a_digest_is_of_what_must_be_alike_only(tmp_path: Path) -> None:
    config = load_federation(write_settings(tmp_path / "federation.json"))
    elsewhere = replace(config, model="local-dir:/elsewhere")
    in_portions = replace(config, training=replace(config.training, clients_at_once=1))
    slower = replace(config, training=replace(config.training, lr_shared=0.002))
    digest = settings_digest(config)
    assert settings_digest(elsewhere) == settings_digest(in_portions) == digest
    assert settings_digest(slower) != digest
    assert label_of(config, "ab", 3) == f"settings {digest}, model ab, round 3"


def test_another_model_has_another_digest() -> None:
    start_TW = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert model_digest(start_TW) == model_digest(start_TW.copy())
    assert model_digest(start_TW) != model_digest(start_TW + np.float32(2.0**-20))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": ["one"]}, "classes"),
        ({"classes": ["one", "two", "one"]}, "classes names 'one' twice"),
        ({"clustering": {"evaluate": True}}, "clustering.evaluate"),
        ({"payload_bound": 0}, "payload_bound"),
        ({"quorum": 0}, "quorum"),
        ({"rounds": 3}, "rounds"),
    ],
)
def test_bad_settings_are_refused_by_their_name(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    path = tmp_path / "federation.json"
    path.write_text(json.dumps(settings(**changes)))
    with pytest.raises(ConfigError, match=words):
        load_federation(path)


def test_the_server_works_without_torch() -> None:
    program = "import sys, secfpp.deployment.server, secfpp.deployment.lengths as lengths\n"
    program += "assert 'torch' not in sys.modules and lengths.lengths_of"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=SOON_S)


def dies(config: object) -> None:
    os._exit(9)


def test_a_killed_process_that_loads_the_model_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lengths, "_count", dies)
    config = load_federation(write_settings(tmp_path / "federation.json"))
    with pytest.raises(ModelError, match="'embedded' was killed"):
        lengths.lengths_of(config)
