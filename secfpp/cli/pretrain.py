"""`secfpp pretrain`."""

from __future__ import annotations

from dataclasses import dataclass

from secfpp.cli.outcome import Outcome
from secfpp.cli.verb import Verb


@dataclass(frozen=True, kw_only=True)
class Pretrain(Verb):
    """To be written."""

    def execute(self) -> Outcome:
        """Do it."""
        raise NotImplementedError
