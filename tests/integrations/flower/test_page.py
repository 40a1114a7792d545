"""What the guide on Flower and the example say is what Flower and the ServerApp know."""

import re
import shlex
import tomllib
from dataclasses import MISSING, fields

import pytest

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
    (run,) = commands("flwr")[-1:]
    given = tomllib.loads(run[-1].replace(" ", "\n"))
    assert set(given) < known.keys()
    ServerSettings.of({**KEYS, **given})
