"""A worker process from the side of the comparison: start, messages, end.

Settings go through standard input, reports come on standard output, error messages on standard
error. A worker ends when its input closes, so that it does not outlive this process.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Final

from secfpp.comparison.cells import Cell
from secfpp.comparison.messages import Greeting, Order, Report, decode, encode
from secfpp.errors import ConfigError
from secfpp.experiment.config import RunConfig

__all__ = ["Worker"]

_LAST_LINES: Final = 5


class Worker:
    """One worker process. Its reports arrive in `inbox`, and None when it has ended.

    Parameters
    ----------
    number : int
        1, 2, ...
    threads : int
        Threads that its libraries may use.
    inbox : queue of (Worker, Report or None)
    lock : int
        Descriptor that the worker inherits, so that the folder is locked until it ends.
    """

    def __init__(
        self,
        number: int,
        threads: int,
        inbox: "queue.SimpleQueue[tuple[Worker, Report | None]]",
        lock: int,
    ) -> None:
        self.number = number
        self.cell: Cell | None = None
        self.greeted = False
        self.ready = False
        self.dismissed = False
        self.gone = False
        self._inbox = inbox
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "secfpp.comparison.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(threads),
            pass_fds=(lock,),
            start_new_session=True,
        )
        self._words: deque[str] = deque(maxlen=_LAST_LINES)
        self._threads = [
            threading.Thread(target=target, daemon=True)
            for target in (self._hear, self._keep_last_lines)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """Process number."""
        return self._process.pid

    def greet(self, greeting: Greeting) -> None:
        """Let the worker load data and model."""
        self.greeted = True
        self._say(greeting)

    def give(self, cell: Cell, settings: RunConfig) -> None:
        """Give a cell to the worker."""
        self.cell = cell
        self._say(Order(cell=cell.name, settings=settings))

    def exit_report(self) -> str:
        """Return how the worker ended, and its last lines of output."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        self._threads[1].join(timeout=1.0)
        code = self._process.poll()
        how = f"ended with exit code {code}"
        if code is not None and code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        words = " | ".join(self._words)
        return f"worker {self.number} (pid {self.pid}) {how}" + (words and f"; last words: {words}")

    def dismiss(self) -> None:
        """Close the worker's input, which ends it."""
        self.dismissed = True
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def interrupt(self) -> None:
        """Ask the worker to save and end."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def end(self, grace_s: float) -> None:
        """Wait for the worker's end, and kill it after `grace_s`."""
        try:
            self._process.wait(timeout=grace_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)
        self.dismiss()
        for thread in self._threads:
            thread.join(timeout=1.0)

    def _say(self, message: Greeting | Order) -> None:
        """Write to the worker's input; the reading thread notices if it has ended."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.write(encode(message))
                self._process.stdin.flush()

    def _hear(self) -> None:
        """Forward reports, in a thread; a killed worker may leave an incomplete last line."""
        pipe = self._process.stdout
        if pipe is not None:
            with pipe, contextlib.suppress(ValueError, ConfigError):
                for line in pipe:
                    self._inbox.put((self, decode(Report, line)))
        self._inbox.put((self, None))

    def _keep_last_lines(self) -> None:
        """Keep the last lines of its output, in a thread."""
        pipe = self._process.stderr
        if pipe is not None:
            with pipe:
                self._words.extend(line.decode(errors="replace").rstrip() for line in pipe)


def _environment(threads: int) -> dict[str, str]:
    """Return the environment of a worker: `secfpp` can be imported, threads are limited."""
    here = str(Path(__file__).parent.parent.parent)
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
    }
