"""`secfpp report`: one self-contained page about a run or a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from secfpp.cli.outcome import Outcome
from secfpp.cli.verb import Verb


@dataclass(frozen=True, kw_only=True)
class Report(Verb):
    """Make one self-contained HTML page of a run or a comparison.

    Beside it: report.json and figure.svg; of a comparison, also accuracy.csv and costs.csv.
    """

    folder: tyro.conf.Positional[Path]
    """Folder of a run or a comparison, as `secfpp run` or `secfpp compare` printed it."""
    out: Path | None = None
    """Folder to write to. None: the same."""

    def execute(self) -> Outcome:
        """Read the folder, write the page."""
        from secfpp.report.comparison.load import is_comparison

        if is_comparison(self.folder):
            from secfpp.report.comparison.write import write_comparison as write
        else:
            from secfpp.report.run.write import write_report as write
        page, numbers = write(self.folder, self.out)
        record = {"page": str(page), "numbers": str(numbers)}
        return Outcome(record=record, shown=(str(page),))
