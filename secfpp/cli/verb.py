"""The common part of all verbs of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from secfpp.cli.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class Verb:
    """One verb: its flags are its fields, its help their docstrings, its work `execute`."""

    json: bool = False
    """Print one JSON object on standard output, and nothing else there."""

    def execute(self) -> Outcome:
        """Do the work. Import heavy modules here, so that `--help` is quick.

        Returns
        -------
        Outcome
            What to print, for machines and for people.
        """
        raise NotImplementedError(type(self).__name__)


@dataclass(frozen=True, kw_only=True)
class ConfigurableVerb(Verb):
    """A verb whose flags may start from a file of settings, named by `--config`."""

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Return the verb with the settings of a file as its defaults."""
        raise NotImplementedError(cls.__name__)
