"""No file of a user's ends the command with status 70, a traceback or a wait without end.

Cases are drawn from a named seed, so that a case is the same on every machine and can be run alone.
How many there are depends on the time that they may take::

    SECFPP_FUZZ_SECONDS=600 SECFPP_FUZZ_SEED=tonight pytest tests/fuzz
"""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.fuzz import data_folders, deployments, pictures, records, resumed
from tests.fuzz.command import SECONDS, Maker, check
from tests.fuzz.settings import settings
from tests.fuzz.vectors import vectors
from tests.patience import SOON_S

FAMILIES: Final[dict[str, Maker]] = {
    "vectors": vectors,
    "settings": settings,
    **deployments.MAKERS,
    **records.MAKERS,
    "images": pictures.images,
    "layouts": data_folders.layouts,
    "lists": data_folders.lists,
    "runs-resumed": resumed.runs_gone_on_with,
    "comparisons-resumed": resumed.comparisons_gone_on_with,
    "models": resumed.models,
}
QUICK: Final = ("vectors", "settings", "networks", "credentials")
"""Families that load neither torch nor matplotlib."""
LEAST: Final = 6
"""Cases of each family, whatever they take."""
ALONE: Final = os.environ.get("SECFPP_FUZZ_CASE", "")
PATIENCE_S: Final = 4 * (SOON_S + SECONDS)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave nothing in the user's cache or beside the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.timeout(PATIENCE_S)
@pytest.mark.filterwarnings("ignore:::PIL")
@pytest.mark.parametrize(
    "family",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in FAMILIES],
)
def test_no_input_ends_in_an_internal_error(
    family: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    for number in _numbers(family):
        check(family, number, FAMILIES[family], tmp_path / str(number), capfdbinary)
        shutil.rmtree(tmp_path / str(number))


def _numbers(family: str) -> Iterator[int]:
    """Yield the one case that is asked for, or as many as there is time for."""
    if ALONE:
        alone, _, only = ALONE.partition(":")
        yield from [int(only)] if alone == family else []
        return
    yield from range(LEAST)
    end = time.process_time() + SECONDS / len(FAMILIES)
    for number in itertools.count(LEAST):
        if time.process_time() > end:
            return
        yield number
