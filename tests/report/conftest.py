"""Fixture runs of the report's tests; nothing in them was measured."""

from pathlib import Path

import pytest

from tests.report.fixture_run import write_fixture


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A finished made-up run of three seeds."""
    return write_fixture(tmp_path / "run")
