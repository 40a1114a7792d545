"""What the guide on Flower and the example say is what Flower and the ServerApp know."""

import re
import shlex
import tomllib
from dataclasses import MISSING, fields

import pytest

from secfpp.errors import ConfigError
from secfpp.experiment.config import RunConfig, load_config
from secfpp.experiment.units import list_units
from secfpp.methods.registry import METHODS
from secfpp.methods.shared.personal import make_trainer
from secfpp.seeds import Seeds
from tests.docs.markdown import ROOT, blocks

pytest.importorskip("flwr", reason="needs Flower: pip install 'secfpp[flower]'")
PAGE = ROOT / "docs" / "how-to" / "flower.md"
APP = tomllib.loads((ROOT / "examples" / "flower" / "pyproject.toml").read_text())
KEYS = APP["tool"]["flwr"]["app"]["config"]


def commands(program: str) -> list[list[str]]:
    """Return the words that follow a program, for each time that the page shows it."""
    lines = "\n".join(blocks(PAGE, "bash")).replace("\\\n", " ").splitlines()
    shown = [shlex.split(line) for line in lines if line]
    return [words[1:] for words in shown if words[0] == program]


def test_flower_s_programs_know_the_flags_of_the_page() -> None:
    from flwr.superlink.cli.flower_superlink import _parse_args_run_superlink
    from flwr.supernode.cli.flower_supernode import _parse_args_run_supernode

    (superlink,) = commands("flower-superlink")
    assert _parse_args_run_superlink().parse_args(superlink).enable_supernode_auth
    (supernode,) = commands("flower-supernode")
    assert _parse_args_run_supernode().parse_args(supernode).auth_supernode_private_key


def test_the_app_and_the_page_have_the_settings_of_the_server_app() -> None:
    from secfpp.integrations.flower.server_app import ServerSettings

    known = {each.name.replace("_", "-"): each.default for each in fields(ServerSettings)}
    assert KEYS.keys() == known.keys()
    for key, default in known.items():
        assert KEYS[key] == default or default is MISSING
    rows = re.findall(r"^\| (`[a-z].*?) \|", PAGE.read_text(), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(.*?)`", row)} == known.keys()
    (run,) = (words for words in commands("flwr") if "examples/flower" in words)
    given = tomllib.loads(run[-1].replace(" ", "\n"))
    assert set(given) < known.keys()
    ServerSettings.of({**KEYS, **given})


def test_the_app_of_the_simulation_and_the_page_have_its_settings() -> None:
    from secfpp.integrations.flower.simulated_messages import check_can_be_simulated
    from secfpp.integrations.flower.simulated_server import SimulationSettings

    root = ROOT / "examples" / "flower" / "simulation"
    keys = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["flwr"]["app"]["config"]
    known = {each.name.replace("_", "-"): each.default for each in fields(SimulationSettings)}
    assert keys.keys() == known.keys()
    (run,) = (words for words in commands("flwr") if "examples/flower/simulation" in words)
    given = tomllib.loads(run[-1].replace(" ", "\n"))
    assert SimulationSettings.of({**keys, **given}).wait_s == known["wait-s"]
    options = tomllib.loads(run[run.index("--federation-config") + 1].replace(" ", "\n"))
    config = load_config(root / "run.json")
    assert options["num-supernodes"] == 5 * config.partition.clients_per_domain
    for unit in list_units(config):
        method = METHODS[unit.method]
        trainer = make_trainer(method, config.settings_of(method), Seeds(unit.seed))
        check_can_be_simulated(unit.method, trainer)


@pytest.mark.parametrize("name", ["zero-shot", "dp-promptfl", "secfpp"])
def test_methods_that_cannot_be_simulated_are_refused(name: str) -> None:
    from secfpp.integrations.flower.simulated_messages import check_can_be_simulated

    method = METHODS[name]
    trainer = make_trainer(method, RunConfig().settings_of(method), Seeds(0))
    with pytest.raises(ConfigError, match="cannot be simulated"):
        check_can_be_simulated(name, trainer)
