"""Workers of a comparison: start them, hand out cells, notice who is gone, end them all.

All workers start at once, and one of them loads data and model first: it builds the caches of
images and features that the others then find.
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
"""For workers to end in order: to leave a training step, save, and end their computing parties."""
TICK_S: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A cell that could not be finished, and why."""

    cell: str
    error: str
    exit_code: int


class Watcher(Protocol):
    """Whoever wants to know how far a comparison is."""

    def cell_started(self, worker: int, cell: Cell) -> None:
        """Hear that a worker begins a cell."""

    def round_done(self, worker: int, report: Report) -> None:
        """Hear of a round."""

    def cell_done(self, worker: int, cell: Cell) -> None:
        """Hear that a cell is finished."""

    def cell_failed(self, worker: int, failure: Failure) -> None:
        """Hear that a cell is given up."""

    def tick(self) -> None:
        """Be called now and then, whether something happens or not."""


class Pool:
    """Runs cells in worker processes; a context that none of them outlives.

    Parameters
    ----------
    greeting : Greeting
        What every worker loads.
    jobs : int
        Workers at a time.
    lock : int
        Descriptor of the folder's lock.
    watcher : Watcher
    order : callable
        Settings with which a cell is run.
    longest : callable
        Picks the cell to hand out next.
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
        """End all workers: in order at first, by force when they take too long."""
        alive = self._alive
        deadline = time.monotonic() + GRACE_S
        try:
            for worker in alive:
                worker.interrupt()
            for worker in alive:
                worker.end(max(deadline - time.monotonic(), 0.1))
        except BaseException:
            for worker in alive:
                worker.end(0.0)
            raise

    def run(self, cells: Sequence[Cell]) -> tuple[Failure, ...]:
        """Run all cells and return those that failed.

        Raises
        ------
        SecfppError
            Of the class that a worker met when it loaded data and model.
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
        """Workers that are not gone."""
        return [worker for worker in self.workers if not worker.gone]

    def _take(self, worker: Worker, report: Report | None) -> None:
        """Act on one report."""
        if report is None:
            self._raise_if_dead_soon(worker)
        elif report.kind == "unusable":
            raise _as_error(report)
        elif report.kind == "round":
            self._watcher.round_done(worker.number, report)
        else:
            self._employ(worker, report)

    def _employ(self, worker: Worker, report: Report) -> None:
        """Note how its cell ended, if it had one, and give it the next."""
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

    def _raise_if_dead_soon(self, worker: Worker) -> None:
        """Note that a worker is gone, with the cell that it had."""
        worker.gone = True
        if worker.cell is not None:
            self._give_up(worker, worker.cell, worker.exit_report(), RunError.exit_code)
            worker.cell = None
            self._fill_up()
        elif not worker.ready and not self._alive:
            raise RunError(f"{worker.exit_report()}; it was still loading data and model")
        self._greet()

    def _give_up(self, worker: Worker, cell: Cell, error: str, exit_code: int) -> None:
        """Note a cell that failed."""
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
        """Let one worker load data and model; all others, once one is ready."""
        cached = any(worker.ready for worker in self.workers)
        for worker in self._alive:
            loading = any(other.greeted for other in self._alive)
            if not worker.greeted and (cached or not loading):
                worker.greet(self._greeting)


def _as_error(report: Report) -> SecfppError:
    """Raise again what a worker met."""
    kind = getattr(errors, report.error_name, RunError)
    error: SecfppError = kind(report.error)
    return error
