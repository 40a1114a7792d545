"""Every command of `secfpp` and `make` that a page shows is one that the program knows."""

import re
import shlex
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from secfpp.cli.parse import parse
from tests.docs.markdown import ROOT, blocks, name_of, pages

_INLINE = re.compile(r"`(secfpp [a-z][^`]*)`")
NOT_SHOWN = ("docs/reference/cli.md", "CHANGELOG.md")
"""Help texts; what commands once were."""


def commands(page: Path) -> list[str]:
    """Return the commands of a page: lines of shell blocks, and inline code that has a flag."""
    shell = [block for language in ("", "bash", "sh", "text") for block in blocks(page, language)]
    lines = "\n".join(shell).replace("\\\n", " ").splitlines()
    shown = [line.strip().removeprefix("$ ") for line in lines]
    inline = [code for code in _INLINE.findall(page.read_text("utf-8")) if " -" in code]
    starts = ("secfpp ", "make ")
    return [line for line in [*shown, *inline] if line.startswith(starts)]


def _words(command: str) -> list[str]:
    """Return the words of a command without its remark; `make run ARGS=...` as `secfpp run ...`."""
    words = shlex.split(command, comments=True)
    if words[0] == "secfpp":
        return words[1:]
    given = [word.removeprefix("ARGS=") for word in words if word.startswith("ARGS=")]
    return [words[1], *shlex.split(" ".join(given))]


PAGES = [page for page in pages() if name_of(page) not in NOT_SHOWN and commands(page)]


def refusal(command: str) -> str:
    """Return why a command is refused; "" if it is not."""
    words = _words(command)
    if command.startswith("make ") and words[0] not in ("run", "compare"):
        known = f"\n{words[0]}:" in (ROOT / "Makefile").read_text()
        return "" if known else f"no such target: {command}"
    heard = StringIO()
    with redirect_stderr(heard), redirect_stdout(heard):
        try:
            parse(words)
        except SystemExit as end:
            return f"{command}: {heard.getvalue()}" if end.code else ""
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_of_a_page_parse(page: Path) -> None:
    assert [why for why in map(refusal, commands(page)) if why] == []


@pytest.mark.parametrize("command", ["secfpp run --no-such-flag 3   # a remark", "make nothing"])
def test_a_wrong_command_is_noticed(command: str) -> None:
    assert refusal(command)


def test_commands_are_found() -> None:
    assert len([command for page in PAGES for command in commands(page)]) > 60
