"""Files, modules and functions that a page names are there."""

import importlib
import re
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, name_of, pages, prose

PAGES = [page for page in pages() if page.name not in ("CHANGELOG.md", "changelog.md")]
_FILE = re.compile(r"`((?:tests|mpc|secfpp|benchmarks|docs)/[\w/.-]*)`")
_NAME = re.compile(r"`((?:mpc|secfpp)(?:\.\w+)+)`")


def is_there(name: str) -> bool:
    """Return whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for split in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:split]))
        except ModuleNotFoundError:
            continue
        for part in parts[split:]:
            found = getattr(found, part, None)
        return found is not None
    return False


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_a_page_names_exist(page: Path) -> None:
    assert [
        name
        for name in _FILE.findall(prose(page))
        if "NAME" not in name and not (ROOT / name).exists()
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_modules_and_functions_that_a_page_names_exist(page: Path) -> None:
    assert [name for name in _NAME.findall(prose(page)) if not is_there(name)] == []


def test_a_name_that_is_gone_is_noticed() -> None:
    assert is_there("mpc.engine.reveal.PartyRevealer.reveal")
    assert not is_there("mpc.engine.reveal.Door")
    assert not is_there("mpc.nowhere.reveal")
