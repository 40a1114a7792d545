"""`secfpp report`: one self-contained page about a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from secfpp.cli.outcome import Outcome
from secfpp.cli.verb import Verb


@dataclass(frozen=True, kw_only=True)
class Report(Verb):
    """Make one self-contained HTML page of a run, with report.json and figure.svg beside it."""

    run: tyro.conf.Positional[Path]
    """Run folder, as `secfpp run` printed it."""
    out: Path | None = None
    """Folder to write to. None: the run folder."""

    def execute(self) -> Outcome:
        """Read the run, write the page."""
        from secfpp.report.write import write_report

        page, numbers = write_report(self.run, self.out)
        record = {"page": str(page), "numbers": str(numbers)}
        return Outcome(record=record, shown=(str(page),))
