"""Measuring by turns: every engine does a long and a short job, and then all do so again."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from peers.engines.engine import Answer
from peers.hosts import FailedError, Host
from peers.progress import say
from peers.record import Record, Samples, plan_for
from peers.workload import LONGEST_JOB, Size, Workload

SECONDS_OF_ONE_AT_MOST: Final = 2.0
"""An engine that takes longer for a job of one iteration is left out of a size."""
SECONDS_OF_A_WHOLE_JOB: Final = 10.0
"""An engine that repeats shorter jobs does the whole job once, if that takes no longer."""


class TooSlowError(Exception):
    """An engine would take too much of the run's time."""


class Run:
    """One engine at one size.

    Parameters
    ----------
    host : Host
    size : Size
    points : Path
    """

    def __init__(self, host: Host, size: Size, points: Path) -> None:
        self._host, self._size, self._points = host, size, points
        self._pairs: list[tuple[Answer, Answer]] = []
        self._whole: tuple[Answer, ...] = ()
        self.failed = ""

    def attempt(self, action: Callable[[], None]) -> None:
        """Do something unless something has failed; note it if this does."""
        if self.failed:
            return
        try:
            action()
        except (FailedError, TooSlowError) as error:
            self.failed = str(error)
            say(f"{self._size}: {self._host.name} is left out: {error}")

    def get_ready(self) -> None:
        """Prepare, choose which jobs to do, and do them once, counting rounds.

        Raises
        ------
        FailedError
            It cannot.
        TooSlowError
        """
        self._prepare(1)
        seconds = self._do(1).seconds
        if seconds > SECONDS_OF_ONE_AT_MOST:
            raise TooSlowError(f"too slow, one iteration took {seconds:.0f} s")
        self._plan = plan_for(seconds)
        for iterations in (self._plan.long, self._plan.short):
            self._prepare(iterations)
        long = self._do(self._plan.long, count=True)
        self._counted = (long, self._do(self._plan.short, count=True))
        if self._plan.long != LONGEST_JOB and seconds * LONGEST_JOB <= SECONDS_OF_A_WHOLE_JOB:
            self._prepare(LONGEST_JOB)
            self._whole = (self._do(LONGEST_JOB),)

    def take_turn(self) -> None:
        """Do a long and a short job, and first one that is not measured.

        Caches are cold after the others' turns, which would be counted to the long job. An engine
        that is slow can do without.
        """
        if self._plan.long == LONGEST_JOB:
            self._do(self._plan.short)
        long = self._do(self._plan.long)
        self._pairs.append((long, self._do(self._plan.short)))

    def record(self) -> Record:
        """Return what came of it."""
        name, size = self._host.name, str(self._size)
        if self.failed:
            return Record(engine=name, size=size, repetitions=0, failed=self.failed)
        long, short = zip(*self._pairs, strict=True)
        samples = Samples(
            plan=self._plan,
            long=long,
            short=short,
            whole=long if self._plan.long == LONGEST_JOB else self._whole,
            counted=self._counted,
        )
        return Record.of(name, size, samples, self._host.note())

    def _prepare(self, iterations: int) -> None:
        self._host.prepare(self._size, self._points, iterations)

    def _do(self, iterations: int, *, count: bool = False) -> Answer:
        return self._host.run(self._size, self._points, iterations, count=count)


class Turns:
    """Engines that are running, by turns.

    Parameters
    ----------
    hosts : sequence of Host
        Those that can take part.
    folder : Path
        For points.
    """

    def __init__(self, hosts: Sequence[Host], folder: Path) -> None:
        self._hosts, self._folder = list(hosts), folder

    def measure(self, workload: Workload, repetitions: int, budget_s: float) -> list[Record]:
        """Measure all engines at one size; one that fails is not asked again.

        Parameters
        ----------
        workload : Workload
        repetitions : int
            Turns of each engine.
        budget_s : float
            When this is used up no further turn begins; but there is one.
        """
        deadline = time.monotonic() + budget_s
        points = self._folder / f"{workload.size}.npy"
        np.save(points, workload.points_ND)
        runs = [Run(host, workload.size, points) for host in self._hosts]
        for run in runs:
            run.attempt(run.get_ready)
        for turn in range(repetitions):
            if turn and time.monotonic() > deadline:
                say(f"{workload.size}: no time for more than {turn} turns; --minutes gives more")
                break
            say(f"{workload.size}: turn {turn + 1} of {repetitions}")
            for run in runs:
                run.attempt(run.take_turn)
        self._hosts = [host for host in self._hosts if not host.closed]
        return [run.record() for run in runs]


@contextmanager
def started(names: Sequence[str], checkout: Path) -> Iterator[tuple[list[Host], Path]]:
    """Start engines, and end them; those that cannot take part are said and among them."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        hosts = []
        for name in names:
            host = Host(name, checkout=checkout, errors=folder / f"{name}.err")
            hosts.append(stack.enter_context(host))
            if host.unavailable:
                say(f"{name} is left out: {host.unavailable}")
        yield hosts, folder
