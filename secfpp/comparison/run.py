"""A whole comparison: cells run in worker processes; it can be resumed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from rich.console import Console

from secfpp.comparison.cells import Cell, list_cells
from secfpp.comparison.config import CompareConfig, first_conflict
from secfpp.comparison.folder import CompareFolder
from secfpp.comparison.forecast import Forecast
from secfpp.comparison.messages import Greeting, Report
from secfpp.comparison.pool import Failure, Pool
from secfpp.comparison.progress import CompareProgress
from secfpp.comparison.summary import Summary, summarise, write_summary
from secfpp.comparison.table import read_rows, write_table
from secfpp.errors import ConfigError, RunFolderError, RunInterruptedError

__all__ = ["Comparison", "run_compare"]

_REST: Final = 20
"""After the table was written, it is left alone for so many times as long as that took: writing it
reads every finished cell."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a comparison ends with."""

    folder: Path
    summary: Summary


def run_compare(
    config: CompareConfig,
    *,
    out: Path | None = None,
    resume: Path | None = None,
    console: Console | None = None,
) -> Comparison:
    """Run all cells of a comparison, or the remaining ones of a stopped one.

    Cells that fail are named in the summary; the others are run.

    Parameters
    ----------
    config : CompareConfig
        With `resume`, settings other than defaults must equal those of the folder; the number of
        workers may differ.
    out : Path, optional
        Folder to make. None: `runs/`, the date and time, `-compare`.
    resume : Path, optional
        Folder to continue.
    console : Console, optional
        Where progress is shown; standard error by default.

    Raises
    ------
    SecfppError
        If settings, folder, data, model or device cannot be used.
    RunInterruptedError
        On Ctrl-C; all full rounds are saved.
    """
    console = console or Console(file=sys.stderr)
    folder = _begin(config, out) if resume is None else _continue(config, resume)
    cells = list_cells(folder.config)
    with _naming_the_folder(folder, console), folder.locked() as lock:
        reports = _Reports(folder, cells, config.jobs, console)
        try:
            reports.run(lock)
        finally:
            summary = reports.write()
    return Comparison(folder=folder.path, summary=summary)


class _Reports:
    """Takes the reports of workers: shows progress and keeps the table up to date."""

    def __init__(
        self, folder: CompareFolder, cells: Sequence[Cell], jobs: int | None, console: Console
    ) -> None:
        self.folder = folder
        self.cells = cells
        self.failures: list[Failure] = []
        self._write_from = 0.0
        self.todo = [cell for cell in cells if not folder.is_done(cell)]
        self.jobs = replace(folder.config, jobs=jobs).jobs_for(len(self.todo))
        done = {cell.name: folder.rounds_done(cell) for cell in cells}
        self.forecast = Forecast(cells, done)
        self.progress = CompareProgress(
            self.forecast,
            num_cells=len(cells),
            cells_done=len(cells) - len(self.todo),
            jobs=self.jobs,
            console=console,
        )

    def run(self, lock: int) -> None:
        """Run the cells that are not finished."""
        config = self.folder.config
        pool = Pool(
            Greeting(settings=config.base, threads=config.threads),
            jobs=self.jobs,
            lock=lock,
            watcher=self,
            order=self.folder.order,
            longest=self.forecast.longest,
        )
        with self.progress, pool:
            pool.run(self.todo)

    def write(self) -> Summary:
        """Write table and summary of what is finished."""
        began = time.monotonic()
        rows = read_rows(self.folder, self.cells)
        complete = all(self.folder.is_done(cell) for cell in self.cells)
        summary = summarise(self.folder.config, rows, self.failures, complete=complete)
        write_table(self.folder.path / "table.csv", rows)
        write_summary(self.folder.path / "summary.json", summary)
        self._write_from = time.monotonic() + _REST * (time.monotonic() - began)
        return summary

    def cell_started(self, worker: int, cell: Cell) -> None:
        """Show it."""
        self.progress.cell_started(worker, cell)

    def round_done(self, worker: int, report: Report) -> None:
        """Show it."""
        self.progress.round_done(worker, report)

    def cell_done(self, worker: int, cell: Cell) -> None:
        """Show it, and bring the table up to date unless that takes too much of the time."""
        self.progress.cell_done(worker, cell)
        if time.monotonic() >= self._write_from:
            self.write()

    def cell_failed(self, worker: int, failure: Failure) -> None:
        """Keep it for the summary, and show it."""
        self.failures.append(failure)
        self.progress.cell_failed(worker, failure)

    def tick(self) -> None:
        """Refresh what is shown."""
        self.progress.tick()


def _begin(config: CompareConfig, out: Path | None) -> CompareFolder:
    """Make the folder of a new comparison; its settings are checked first."""
    jobs = config.jobs_for(len(list_cells(config)))
    return CompareFolder.create(replace(config, jobs=jobs), out)


def _continue(config: CompareConfig, path: Path) -> CompareFolder:
    """Open the folder of a comparison that was begun with the same settings."""
    folder = CompareFolder(path)
    if conflict := first_conflict(config, folder.config):
        raise ConfigError(
            f"{path} was begun with other settings: {conflict}; drop the flag, or start a new "
            "comparison"
        )
    if folder.predates_parts and not all(map(folder.is_done, list_cells(folder.config))):
        raise RunFolderError(
            f"{path} was begun by an earlier release, which drew other images from the same seeds; "
            "start a new comparison"
        )
    return folder


@contextmanager
def _naming_the_folder(folder: CompareFolder, console: Console) -> Iterator[None]:
    """Tell a user who stops a comparison how to continue it."""
    hint = f"full rounds are saved, go on with: secfpp compare --resume {folder.path}"
    try:
        yield
    except KeyboardInterrupt as error:
        raise RunInterruptedError(f"stopped; {hint}") from error
    except SystemExit:
        console.print(f"secfpp: {hint}", markup=False, highlight=False, soft_wrap=True)
        raise
