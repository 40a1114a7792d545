"""Progress of a comparison: a bar and a line for each worker on a terminal, plain lines elsewhere.

Progress goes to standard error. The remaining time is estimated from measured rounds by method.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from secfpp.comparison.cells import Cell
from secfpp.comparison.forecast import Forecast
from secfpp.comparison.messages import Report
from secfpp.comparison.pool import Failure

__all__ = ["CompareProgress", "clock"]

LINE_EVERY_S = 30.0  # without a terminal, if no cell is finished meanwhile


class CompareProgress:
    """A watcher of a comparison that draws while it is entered.

    Parameters
    ----------
    forecast : Forecast
        Receives every round.
    num_cells : int
    cells_done : int
        Finished before.
    jobs : int
        Workers at a time.
    console : Console, optional
        Where to draw; standard error by default.
    """

    def __init__(
        self,
        forecast: Forecast,
        *,
        num_cells: int,
        cells_done: int,
        jobs: int,
        console: Console | None = None,
    ) -> None:
        self._console = console or Console(file=sys.stderr)
        self._forecast = forecast
        self._num_cells = num_cells
        self._cells_done = cells_done
        self._jobs = jobs
        self._started = self._last_line = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("rounds"),
            TimeElapsedColumn(),
            TextColumn("left {task.fields[left]}"),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("loading data and model", total=None, left="-:--:--")
        self._doing: dict[int, str] = {}

    def __enter__(self) -> Self:
        """Start drawing."""
        self._bar.start()
        workers = f"{self._jobs} worker{'s' if self._jobs != 1 else ''}"
        self._line(f"{self._num_cells} cells, {self._cells_done} done before; {workers}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop drawing and leave the terminal as it was."""
        self._bar.stop()

    def cell_started(self, worker: int, cell: Cell) -> None:
        """Show the cell of a worker."""
        self._doing[worker] = cell.name
        self._draw()

    def round_done(self, worker: int, report: Report) -> None:
        """Show the result of a round."""
        self._forecast.round_done(report.cell, report.method, report.seconds)
        accuracies = f"own mix {100 * report.own_mix:.1f} uniform {100 * report.uniform:.1f}"
        self._doing[worker] = f"{report.cell} {report.method}: {accuracies}"
        self._draw()

    def cell_done(self, worker: int, cell: Cell) -> None:
        """Show that a cell is finished."""
        self._forecast.cell_over(cell.name)
        self._cells_done += 1
        self._doing.pop(worker, None)
        self._draw()
        self._line(f"{cell.name} done; {self._progress_text()}")

    def cell_failed(self, worker: int, failure: Failure) -> None:
        """Print that a cell has failed, with and without a terminal."""
        self._forecast.cell_over(failure.cell)
        self._doing.pop(worker, None)
        self._draw()
        self._console.print(
            f"secfpp: {failure.cell} failed: {failure.error}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    def tick(self) -> None:
        """Update the remaining time."""
        self._draw()
        if time.monotonic() - self._last_line > LINE_EVERY_S:
            self._line(self._progress_text())

    def _draw(self) -> None:
        """Redraw the bar and the lines of the workers."""
        doing = "\n".join(f"worker {number}: {text}" for number, text in self._doing.items())
        self._bar.update(
            self._task,
            total=self._forecast.rounds_total,
            completed=self._forecast.rounds_done,
            description=doing or "loading data and model",
            left=clock(self._forecast.seconds_left(self._jobs)),
        )

    def _progress_text(self) -> str:
        """Return the progress as text."""
        gone = clock(time.monotonic() - self._started)
        return (
            f"{self._cells_done} of {self._num_cells} cells, {self._forecast.rounds_done} of "
            f"{self._forecast.rounds_total} rounds; {gone} gone, about "
            f"{clock(self._forecast.seconds_left(self._jobs))} left"
        )

    def _line(self, text: str) -> None:
        """Print a plain line if there is no terminal."""
        if not self._console.is_terminal:
            self._last_line = time.monotonic()
            self._console.print(f"secfpp: {text}", markup=False, highlight=False, soft_wrap=True)


def clock(seconds: float | None) -> str:
    """Return a time as h:mm:ss; dashes if it is unknown."""
    if seconds is None:
        return "-:--:--"
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
