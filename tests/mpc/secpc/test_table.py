"""The guide shows the table that the command prints."""

from pathlib import Path

import pytest

from mpc.secpc.table import CASES, table


@pytest.mark.slow
def test_the_guide_has_the_table() -> None:
    """Its first lines, those of ten clients."""
    guide = (Path(__file__).parents[3] / "docs" / "clustering.md").read_text()
    assert table(CASES[:2]) in guide
