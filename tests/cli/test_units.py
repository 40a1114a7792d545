"""Sizes and durations are told in a unit that fits them."""

import pytest

from secfpp.cli.units import byte_size, duration


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (2.5e6, "2.5 MB"), (3.21e9, "3.21 GB")],
)
def test_bytes(count: float, said: str) -> None:
    assert byte_size(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.5, "0.5 s"), (119.0, "119 s"), (120.0, "2 min"), (7200.0, "2 h")]
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said
