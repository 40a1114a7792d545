"""The guide shows the table that the command prints."""

from pathlib import Path

from mpc.cost_table import table


def test_the_guide_has_the_table() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "clustering.md").read_text()
    assert "\n".join(table()) in guide
