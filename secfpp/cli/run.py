"""`secfpp run`: the federation, every method, one table."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from secfpp.cli.outcome import Outcome
from secfpp.cli.verb import Verb
from secfpp.config import RunConfig
from secfpp.config_json import load_config


@dataclass(frozen=True, kw_only=True)
class Run(Verb):
    """Run methods on clients' images, clustering and averaging their prompts under secret shares.

    Prints the result table and the path of the run folder. Ctrl-C saves what is done.
    """

    config: Path | None = None
    """Settings to start from, a JSON file such as config.json of a run folder; flags override."""
    settings: Annotated[RunConfig, tyro.conf.arg(name="")] = field(default_factory=RunConfig)
    """What is run."""

    @classmethod
    def from_file(cls, path: Path) -> Run:
        """Return the verb with the settings of a file as its defaults."""
        return cls(config=path, settings=load_config(path))

    def execute(self) -> Outcome:
        """Run and return the table."""
        raise NotImplementedError
