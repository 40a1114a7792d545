"""Generated pages and figures are what their generators print now."""

import re

import pytest

import mpc
from docs.generate_cli import PAGE, page
from docs.generate_figures import FIGURES, PICTURES
from tests.docs.markdown import ROOT

API = (ROOT / "docs" / "reference" / "api.md").read_text("utf-8")


def test_the_command_line_page_is_what_the_program_says() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python docs/generate_cli.py"


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_a_figure_is_what_its_script_draws(name: str) -> None:
    assert (FIGURES / name).read_text("utf-8") == PICTURES[name]()


def test_the_api_page_has_every_public_name() -> None:
    directives = re.findall(r"^::: mpc\.(\w+)$", API, re.MULTILINE)
    assert sorted(set(directives) - {"errors"}) == sorted(mpc.__all__)
