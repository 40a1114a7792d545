"""An insecure shortcut is refused without its word, and stamps what it had a part in."""

import json
from pathlib import Path

import pytest

from secfpp.cli import main
from secfpp.config.secure import SecureConfig
from secfpp.errors import ConfigError
from secfpp.experiment.config import RunConfig
from tests.cli.verbs.test_run import SMALL


def test_first_party_provider_needs_a_word() -> None:
    with pytest.raises(ConfigError, match="insecure_dev"):
        SecureConfig(provider="tfp")


def test_settings_say_what_is_not_secure() -> None:
    assert RunConfig().secure.insecure == ()
    (reason,) = SecureConfig(provider="tfp", insecure_dev=True).insecure
    assert "party 0 can unmask everything" in reason


@pytest.mark.slow
def test_a_run_says_that_it_was_not_secure(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    flags = ("--methods", "secfpp", "--provider", "tfp", "--insecure-dev", "--out", str(folder))
    assert main(["run", *SMALL, *flags]) == 0
    assert "not secure: provider tfp" in capfd.readouterr().out
    results = json.loads((folder / "results.json").read_text())
    assert results["methods"]["secfpp"]["insecure"]
    assert "insecure" in (folder / "traffic.json").read_text()
