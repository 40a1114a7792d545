"""`secfpp descriptors`."""

from __future__ import annotations

from dataclasses import dataclass

from secfpp.cli.outcome import Outcome
from secfpp.cli.verb import Verb


@dataclass(frozen=True, kw_only=True)
class Descriptors(Verb):
    """To be written."""

    def execute(self) -> Outcome:
        """Do it."""
        raise NotImplementedError
