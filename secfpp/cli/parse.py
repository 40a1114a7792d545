"""Parse command-line words into a verb with its flags."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import make_dataclass
from functools import reduce
from importlib import import_module
from operator import or_
from pathlib import Path
from typing import Annotated, Final, cast

import tyro

from secfpp import __version__
from secfpp.cli.former_words import present_words
from secfpp.cli.verb import ConfigurableVerb, Verb

VERBS: Final = {
    "run": "Run methods on clients' images, and print a table of accuracies and costs.",
    "compare": "Compare methods over seeds and privacy budgets: a tidy table, means, paired tests.",
    "attack": "Attack a run or a comparison: steal prompts, find members, infer labels.",
    "presets": "List ready settings for published data sets, and where they depart from papers.",
    "methods": "List all methods: what a client sends, gets and keeps, and what hides its update.",
    "cluster": "Cluster the rows of a file by k-means over secret shares.",
    "client": "Be one client of a federation, with images, prompt and key of its own.",
    "server": "Drive the rounds of a federation whose clients are programs of their own.",
    "party": "Be one computing party of a session across hosts.",
    "dealer": "Be the dealer of a session across hosts.",
    "descriptors": "Compare descriptors of clients: how well they find the domains.",
    "plan": "Say what a federation will take: rounds, bytes, seconds and memory.",
    "pretrain": "Train the embedded CLIP model again.",
    "worlds": "Build worlds of drawings with 24 classes; probe any world for conflict.",
    "audit": "Audit the epsilons that methods claim: lower bounds from canaries.",
    "report": "Make one self-contained HTML page of a run or a comparison.",
    "policy": "Print what a party or a data owner allows, and check a job against it.",
    "ledger": "Check the ledgers that the roles of a deployment keep.",
    "certs": "Make certificates, keys and addresses for a session across hosts.",
    "doctor": "Check whether this machine is ready.",
}
"""Each verb is a class in the module of its name in `secfpp.cli.verbs`. Only the verb that is asked
for is imported: the settings of methods are flags of `run` and `compare`, and methods take seconds
to import."""
NARROWEST = 40  # columns
MAY_BE_NONE: Final = ("--k", "--pretrained")
DESCRIPTION = (
    f"SecFPP {__version__}: CLIP prompts learned together by clients that show them to nobody, "
    "grouped by k-means over secret-shared vectors."
)


def parse(words: Sequence[str]) -> Verb:
    """Return the verb that `words` ask for, with its flags.

    Parameters
    ----------
    words
        Command-line words after the program's name.

    Raises
    ------
    SystemExit
        With 0 after `--help`, with 2 for words that cannot be parsed.
    ConfigError
        If a value is out of range, or the file named by `--config` cannot be used.
    """
    if list(words) == ["--version"]:
        sys.stdout.write(f"secfpp {__version__}\n")
        raise SystemExit(0)
    asked = words[0] if words else None
    branches = [_branch(name, words) if name == asked else _line(name) for name in VERBS]
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
    """Widen a very narrow terminal for the help text, which tyro cannot wrap into few columns."""
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
    """Yield the words with `--k none`, as the help spells it, in the spelling of tyro."""
    for before, word in zip(["", *words], words, strict=False):
        flag, equals, value = word.partition("=")
        if before in MAY_BE_NONE and word.lower() == "none":
            yield "None"
        elif equals and flag in MAY_BE_NONE and value.lower() == "none":
            yield f"{flag}=None"
        else:
            yield word


def load_verb(name: str) -> type[Verb]:
    """Import the class of a verb."""
    module = import_module(f"secfpp.cli.verbs.{name}")
    return cast(type[Verb], getattr(module, name.capitalize()))


def _line(name: str) -> object:
    """Return a subcommand without flags, for a verb that is only listed."""
    about = tyro.conf.subcommand(name, description=VERBS[name])
    return Annotated[make_dataclass(name.capitalize(), []), about]


def _branch(name: str, words: Sequence[str]) -> object:
    """Return the annotated type of the subcommand asked for; some start from a file."""
    verb = load_verb(name)
    if issubclass(verb, ConfigurableVerb) and (file := _file_of_settings(words)) is not None:
        return Annotated[verb, tyro.conf.subcommand(name, default=verb.from_file(file))]
    return Annotated[verb, tyro.conf.subcommand(name)]


def _file_of_settings(words: Sequence[str]) -> Path | None:
    """Return the file that the last `--config` names."""
    found = None
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--config" and following:
            found = Path(following)
        elif word.startswith("--config="):
            found = Path(word.removeprefix("--config="))
    return found
