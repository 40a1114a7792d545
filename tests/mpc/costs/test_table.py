"""The guide shows the table that the command prints."""

from pathlib import Path

import pytest

from mpc.costs.table import table


@pytest.mark.slow
def test_the_guide_has_the_table() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "clustering.md").read_text()
    assert "\n".join(table()) in guide
