"""Workers of a comparison: start them, give them cells, notice their end, end them all.

All workers start at once. One of them loads data and model first and builds the caches of images
and features for the others.
"""

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

from secfpp import errors
from secfpp.comparison.cells import Cell
from secfpp.comparison.messages import Greeting, Report
from secfpp.comparison.worker_process import Worker
from secfpp.errors import RunError, SecfppError
from secfpp.experiment.config import RunConfig

__all__ = ["Failure", "Pool", "Watcher"]

GRACE_S: Final = 15.0
"""Time for workers to end in order: finish a training step, save, end their computing parties."""
TICK_S: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A cell that failed, with the reason."""

    cell: str
    error: str
    exit_code: int


class Watcher(Protocol):
    """Observes the progress of a comparison."""

    def cell_started(self, worker: int, cell: Cell) -> None:
        """Note that a worker begins a cell."""

    def round_done(self, worker: int, report: Report) -> None:
        """Note a round."""

    def cell_done(self, worker: int, cell: Cell) -> None:
        """Note that a cell is finished."""

    def cell_failed(self, worker: int, failure: Failure) -> None:
        """Note that a cell has failed."""

    def tick(self) -> None:
        """Do periodic work; called every `TICK_S` seconds at least."""


class Pool:
    """Runs cells in worker processes; all of them end with the context.

    Parameters
    ----------
    greeting : Greeting
        Settings of data and model for every worker.
    jobs : int
        Workers at a time.
    lock : int
        Descriptor of the folder's lock.
    watcher : Watcher
    order : callable
        Gives the settings of a cell's run.
    longest : callable
        Chooses the next cell.
    """

    def __init__(
        self,
        greeting: Greeting,
        *,
        jobs: int,
        lock: int,
        watcher: Watcher,
        order: Callable[[Cell], RunConfig],
        longest: Callable[[Sequence[Cell]], Cell],
    ) -> None:
        self.workers: list[Worker] = []
        self._greeting = greeting
        self._jobs = jobs
        self._lock = lock
        self._watcher = watcher
        self._order = order
        self._longest = longest
        self._waiting: list[Cell] = []
        self._failures: list[Failure] = []
        self._inbox: queue.SimpleQueue[tuple[Worker, Report | None]] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all workers: in order first, by force after `GRACE_S`."""
        deadline = time.monotonic() + GRACE_S
        try:
            for worker in self._alive:
                worker.interrupt()
            for worker in self.workers:
                worker.end(max(deadline - time.monotonic(), 0.1))
        except BaseException:
            for worker in self.workers:
                worker.end(0.0)
            raise

    def run(self, cells: Sequence[Cell]) -> tuple[Failure, ...]:
        """Run all cells and return those that failed.

        Raises
        ------
        SecfppError
            If a worker could not load data or model; of the same class.
        RunError
            If no worker can be started.
        """
        self._waiting = list(cells)
        self._fill_up()
        while not all(worker.dismissed for worker in self._alive):
            try:
                worker, report = self._inbox.get(timeout=TICK_S)
            except queue.Empty:
                pass
            else:
                self._take(worker, report)
            self._watcher.tick()
        return tuple(self._failures)

    @property
    def _alive(self) -> list[Worker]:
        """Workers that have not ended."""
        return [worker for worker in self.workers if not worker.gone]

    def _take(self, worker: Worker, report: Report | None) -> None:
        """Act on one report."""
        if report is None:
            self._note_end(worker)
        elif report.kind == "unusable":
            raise _as_error(report)
        elif report.kind == "round":
            self._watcher.round_done(worker.number, report)
        else:
            self._continue(worker, report)

    def _continue(self, worker: Worker, report: Report) -> None:
        """Note the end of the worker's cell, and give it the next one."""
        if report.kind == "ready":
            worker.ready = True
            self._greet()
        elif worker.cell is not None and report.kind == "done":
            self._watcher.cell_done(worker.number, worker.cell)
        elif worker.cell is not None:
            self._give_up(worker, worker.cell, report.error, report.exit_code)
        worker.cell = None
        if not self._waiting:
            worker.dismiss()
            return
        cell = self._longest(self._waiting)
        self._waiting.remove(cell)
        self._watcher.cell_started(worker.number, cell)
        worker.give(cell, self._order(cell))
        self._fill_up()

    def _note_end(self, worker: Worker) -> None:
        """Note that a worker has ended; its cell has failed."""
        worker.gone = True
        if worker.cell is not None:
            self._give_up(worker, worker.cell, worker.exit_report(), RunError.exit_code)
            worker.cell = None
            self._fill_up()
        elif not worker.ready and not self._alive:
            raise RunError(f"{worker.exit_report()}; it was still loading data and model")
        self._greet()

    def _give_up(self, worker: Worker, cell: Cell, error: str, exit_code: int) -> None:
        """Note a failed cell."""
        failure = Failure(cell=cell.name, error=error, exit_code=exit_code)
        self._failures.append(failure)
        self._watcher.cell_failed(worker.number, failure)

    def _fill_up(self) -> None:
        """Start workers while there are cells for them."""
        coming = sum(not worker.ready for worker in self._alive)
        for _ in range(min(self._jobs - len(self._alive), len(self._waiting) - coming)):
            number = len(self.workers) + 1
            self.workers.append(Worker(number, self._greeting.threads, self._inbox, self._lock))
        self._greet()

    def _greet(self) -> None:
        """Let one worker load data and model; once it is ready, let all others do so."""
        cached = any(worker.ready for worker in self.workers)
        for worker in self._alive:
            loading = any(other.greeted for other in self._alive)
            if not worker.greeted and (cached or not loading):
                worker.greet(self._greeting)


def _as_error(report: Report) -> SecfppError:
    """Return the error of a worker's report."""
    kind = getattr(errors, report.error_name, RunError)
    error: SecfppError = kind(report.error)
    return error
