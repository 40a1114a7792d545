"""The guide shows the table that the command prints."""

from pathlib import Path

import pytest

from mpc.costs import sharded_table
from mpc.costs.table import table


@pytest.mark.slow
def test_the_guide_has_the_table() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "clustering.md").read_text()
    assert "\n".join(table()) in guide


@pytest.mark.slow
def test_the_page_on_scale_has_the_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "scale.md").read_text()
    assert "\n".join(sharded_table.table()) in page
