"""The version stands in one place, and all that says it says the same."""

import re
import tomllib

import pytest

import secfpp
from secfpp.analysis import doctor
from secfpp.cli import main
from secfpp.experiment.versions import collect_versions
from tests.packaging.checkouts import CHECKOUT


def test_it_is_written_in_one_place() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", secfpp.__version__)
    for name in ("pyproject.toml", "packaging/data-owner/pyproject.toml"):
        project = tomllib.loads((CHECKOUT / name).read_text())["project"]
        assert "version" not in project
        assert project["dynamic"] == ["version"]


def test_the_citation_has_it() -> None:
    text = (CHECKOUT / "CITATION.cff").read_text()
    assert re.findall(r"^version: (.*)$", text, re.MULTILINE) == [secfpp.__version__]


def test_the_command_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert not left.value.code
    assert capsys.readouterr().out == f"secfpp {secfpp.__version__}\n"


def test_doctor_and_records_say_it() -> None:
    assert secfpp.__version__ in doctor.CHECKS["secfpp"]("secfpp").detail
    assert collect_versions()["secfpp"] == secfpp.__version__


def test_doctor_warns_of_an_installation_of_another_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.0.1")
    found = doctor.CHECKS["secfpp"]("secfpp")
    assert found.status == "warn"
    assert "0.0.1" in found.detail


def test_the_changelog_has_a_section_of_it() -> None:
    text = (CHECKOUT / "CHANGELOG.md").read_text()
    released = re.findall(r"^## (\d\S+) - \d{4}-\d\d-\d\d$", text, re.MULTILINE)
    assert released[0] == secfpp.__version__
