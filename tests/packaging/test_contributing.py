"""What CONTRIBUTING and the files of a forge name exists; the YAML can be read."""

import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from tests.packaging.checkouts import CHECKOUT

FORGE = CHECKOUT / ".github"
FORMS = sorted(
    set((FORGE / "ISSUE_TEMPLATE").glob("*.yml")) - {FORGE / "ISSUE_TEMPLATE/config.yml"}
)
GUIDE = (CHECKOUT / "CONTRIBUTING.md").read_text()
WORKFLOW = FORGE / "workflows" / "ci.yml"


def targets() -> set[str]:
    """Return the targets of the Makefile that `make help` lists."""
    text = (CHECKOUT / "Makefile").read_text()
    return set(re.findall(r"^([a-z-]+):.*##", text, re.MULTILINE))


def test_paths_of_the_guide_exist() -> None:
    named = re.findall(r"`((?:mpc|secfpp|tests)/[^`\s]+)`", GUIDE) + re.findall(
        r"\]\((.*?)\)", GUIDE
    )
    assert len(named) > 15
    missing = [name for name in named if not (CHECKOUT / name).exists() and "NAME" not in name]
    assert missing == []


@pytest.mark.parametrize("text", [GUIDE, WORKFLOW.read_text()])
def test_commands_are_targets_of_make(text: str) -> None:
    named = set(re.findall(r"(?:`|run: |^)make ([a-z-]+)", text, re.MULTILINE))
    assert len(named) > 3
    assert named <= targets()


def test_the_workflow_lints_tests_and_builds() -> None:
    (job,) = yaml.safe_load(WORKFLOW.read_text())["jobs"].values()
    run = [step["run"] for step in job["steps"] if "run" in step]
    assert run == ["make install LOCKED=1", "make lint", "make test", "make dist"]
    cached = [step["with"] for step in job["steps"] if "setup-python" in step.get("uses", "")]
    assert [each["cache"] for each in cached] == ["pip"]
    assert (CHECKOUT / cached[0]["cache-dependency-path"]).is_file()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_issue_forms_are_complete(form: Path) -> None:
    read = yaml.safe_load(form.read_text())
    assert read.keys() == {"name", "description", "labels", "body"}
    asked = [field for field in read["body"] if field["type"] != "markdown"]
    assert all(field["attributes"]["label"] for field in asked)
    ids = [field["id"] for field in asked]
    assert len(set(ids)) == len(ids) > 1


def test_no_file_of_the_forge_names_a_registry() -> None:
    for file in FORGE.rglob("*.*"):
        if file.is_file():
            assert not re.findall(r"https?://|index-url|pypi", file.read_text()), file
