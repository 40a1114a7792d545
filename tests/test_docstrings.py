"""Examples in docstrings run, and print what stands below them."""

import doctest
import importlib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
SESSIONS = ("mpc",)
"""Modules whose examples start parties."""


def modules_with_examples() -> list[str]:
    """Return modules of both packages in which a prompt of Python stands."""
    files = [file for package in ("mpc", "secfpp") for file in (CHECKOUT / package).rglob("*.py")]
    with_examples = [file for file in files if ">>> " in file.read_text()]
    parts = [file.relative_to(CHECKOUT).with_suffix("").parts for file in with_examples]
    return sorted(".".join(part).removesuffix(".__init__") for part in parts)


MODULES = [
    pytest.param(name, marks=pytest.mark.slow if name in SESSIONS else ())
    for name in modules_with_examples()
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name: str) -> None:
    done = doctest.testmod(importlib.import_module(name))
    assert done.attempted > 0
    assert done.failed == 0


def test_the_packages_for_users_have_examples() -> None:
    assert {"mpc", "mpc.fss"} <= set(modules_with_examples())
