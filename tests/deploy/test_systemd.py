"""Units of systemd are sound, and as confined as the documentation says."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from secfpp.cli.parse import parse
from tests.deploy.files import UNITS, said
from tests.packaging.checkouts import CHECKOUT

PAGE = CHECKOUT / "docs" / "how-to" / "systemd.md"
PROGRAM = "/opt/secfpp/bin/secfpp"

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def _name(unit: Path) -> str:
    return unit.name


@pytest.mark.parametrize("unit", UNITS, ids=_name)
def test_systemd_finds_nothing_wrong(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace(PROGRAM, sys.executable))
    assert said("systemd-analyze", "verify", "--man=no", copy) == (0, "")


def test_a_wrong_unit_is_noticed(tmp_path: Path) -> None:
    copy = tmp_path / UNITS[0].name
    text = UNITS[0].read_text().replace(PROGRAM, sys.executable)
    copy.write_text(text.replace("ProtectHome=yes", "ProtectHomes=yes"))
    assert "ProtectHomes" in said("systemd-analyze", "verify", "--man=no", copy)[1]


@pytest.mark.parametrize("unit", UNITS, ids=_name)
def test_exposure_is_what_the_page_says(unit: Path) -> None:
    stated = re.search(r"at most (\d+\.\d) of 10", PAGE.read_text())
    assert stated is not None
    code, text = said("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
    score = re.search(r"Overall exposure level for \S+: (\d+\.\d)", text)
    assert score is not None, (code, text)
    assert float(score[1]) <= float(stated[1])


@pytest.mark.parametrize("unit", UNITS, ids=_name)
def test_the_program_knows_the_command(unit: Path) -> None:
    text = unit.read_text().replace("\\\n", " ").replace("%i", "3")
    (command,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    words = shlex.split(command.removeprefix("ExecStart="))
    assert words[0] == PROGRAM
    parse([word.replace("${SECFPP_CLIENTS}", "6") for word in words[1:]])
