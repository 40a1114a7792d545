"""Write docs/reference/cli.md: what every verb of `secfpp` prints for `--help`.

    python docs/generate_cli.py

The width is fixed and colour is off, so that the page is the same on every machine. Frames are
drawn with ASCII characters.
"""

import os
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import get_args, get_type_hints
from unittest.mock import patch

PAGE = Path(__file__).parent / "reference" / "cli.md"
COLUMNS = "100"
ASCII = str.maketrans(
    {"╭": "+", "╮": "+", "╰": "+", "╯": "+", "─": "-", "│": "|", "•": "*", "—": "-", "…": "..."}
)
HEAD = """\
# Command line

*Made by `python docs/generate_cli.py` from the program. Do not edit this page by hand.*

This page has the help text of the program `secfpp` and of each of its verbs. `secfpp VERB --help`
prints the same text. The [glossary](../glossary.md#flags) says what each flag is about.

Exit codes:

| code | meaning |
|---|---|
| 0 | The work is done. |
| 1 | A run failed, `secfpp doctor` found a failure, or `secfpp audit` refuted a claim. |
| 2 | A flag, a file, a shape or a value is wrong. Nothing was shared. |
| 3 | The secure part failed: a party or the dealer died, or a link broke. |
| 70 | The program has a fault. |
| 130, 143 | The program was stopped by Ctrl-C or by SIGTERM. What was done is saved. |
"""


def commands() -> list[tuple[str, ...]]:
    """Return the words of every command that has a help text, the program itself first."""
    from secfpp.cli.parse import VERBS, load_verb

    below = {verb: _subcommands(load_verb(verb)) for verb in VERBS}
    return [(), *((verb, *sub) for verb in VERBS for sub in [(), *((s,) for s in below[verb])])]


def _subcommands(verb: type) -> list[str]:
    """Return the words that may follow a verb, from the type of its field `action`."""
    action = get_type_hints(verb, include_extras=True).get("action")
    return [about.name for kind in get_args(action) for about in kind.__metadata__]


def help_text(words: tuple[str, ...]) -> str:
    """Return what `secfpp WORDS --help` prints, in ASCII."""
    from secfpp.cli.parse import parse

    printed = StringIO()
    fixed = {"COLUMNS": COLUMNS, "NO_COLOR": "1", "TERM": "dumb"}
    with patch.dict(os.environ, fixed), redirect_stdout(printed):
        os.environ.pop("FORCE_COLOR", None)
        with suppress(SystemExit):
            parse([*words, "--help"])
    text = printed.getvalue().translate(ASCII)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for words in commands():
        title = " ".join(["secfpp", *words])
        parts.append(f"## {title}\n\n```text\n{help_text(words)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
