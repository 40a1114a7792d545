"""From command-line words to a verb with its flags filled in."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, cast

import tyro

from secfpp import __version__
from secfpp.cli.former_words import present_words
from secfpp.cli.verb import Verb
from secfpp.cli.verbs.certs import Certs
from secfpp.cli.verbs.cluster import Cluster
from secfpp.cli.verbs.compare import Compare
from secfpp.cli.verbs.dealer import Dealer
from secfpp.cli.verbs.descriptors import Descriptors
from secfpp.cli.verbs.doctor import Doctor
from secfpp.cli.verbs.methods import Methods
from secfpp.cli.verbs.party import Party
from secfpp.cli.verbs.pretrain import Pretrain
from secfpp.cli.verbs.report import Report
from secfpp.cli.verbs.run import Run

VERBS: dict[str, type[Verb]] = {
    "run": Run,
    "compare": Compare,
    "methods": Methods,
    "cluster": Cluster,
    "party": Party,
    "dealer": Dealer,
    "descriptors": Descriptors,
    "pretrain": Pretrain,
    "report": Report,
    "certs": Certs,
    "doctor": Doctor,
}
NARROWEST = 40  # columns
DESCRIPTION = (
    f"SecFPP {__version__}: CLIP prompts learned together by clients that show them to nobody, "
    "grouped by k-means over secret-shared vectors."
)


def parse(words: Sequence[str]) -> Verb:
    """Return the verb that `words` ask for.

    Parameters
    ----------
    words
        Command-line words after the program's name.

    Raises
    ------
    SystemExit
        With 0 after `--help`, with 2 when the words make no sense.
    ConfigError
        If a value is out of range, or the file named by `--config` cannot be used.
    """
    if list(words) == ["--version"]:
        sys.stdout.write(f"secfpp {__version__}\n")
        raise SystemExit(0)
    branches = [_branch(name, verb, words) for name, verb in VERBS.items()]
    anything = cast(type[Verb], reduce(or_, branches))
    with _wide_enough():
        return tyro.cli(
            anything,
            args=[*present_words([*_none_spelled(words)])] or ["--help"],
            prog="secfpp",
            description=DESCRIPTION,
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
        )


@contextmanager
def _wide_enough() -> Iterator[None]:
    """Let help be as wide as it must: in a few columns, tyro never comes to an end of it."""
    before = os.environ.get("COLUMNS")
    if shutil.get_terminal_size().columns >= NARROWEST:
        yield
        return
    os.environ["COLUMNS"] = str(NARROWEST)
    try:
        yield
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before


def _none_spelled(words: Sequence[str]) -> Iterator[str]:
    """Yield the words with `--k none`, as the help spells it, turned into what tyro reads."""
    for before, word in zip(["", *words], words, strict=False):
        if before == "--k" and word.lower() == "none":
            yield "None"
        elif word.lower() == "--k=none":
            yield "--k=None"
        else:
            yield word


def _branch(name: str, verb: type[Verb], words: Sequence[str]) -> object:
    """Return the annotated type of one subcommand; some start from the file they are given."""
    if issubclass(verb, Run | Compare) and list(words[:1]) == [name]:
        file = _file_of_settings(words)
        if file is not None:
            return Annotated[verb, tyro.conf.subcommand(name, default=verb.from_file(file))]
    return Annotated[verb, tyro.conf.subcommand(name)]


def _file_of_settings(words: Sequence[str]) -> Path | None:
    """Return what `--config` names; the last one wins."""
    found = None
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--config" and following:
            found = Path(following)
        elif word.startswith("--config="):
            found = Path(word.removeprefix("--config="))
    return found
