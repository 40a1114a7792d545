"""The process that forks parties and dealer of groups, as its parent sees it.

Starting it takes two seconds of CPU time, so groups that are open at once share a loader, and one
that all have given back is kept for the next. It ends by itself when none has come for a minute,
and with this process. See `mpc.roles.loader` for the fork.
"""

import atexit
import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from mpc.errors import ProcessDiedError
from mpc.roles.loader import IDLE_S

_LAST_LINES: Final = 5
_ABOUT_TO_END_S: Final = 5.0


class LastLines:
    """Reads a pipe to its end in a thread, and keeps the last lines."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._thread = threading.Thread(target=_keep_last, args=(pipe, self._lines), daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait for the end of the pipe, for a second at most."""
        self._thread.join(timeout=1.0)

    def report(self, process: str, exit_code: int | None) -> str:
        """Describe the exit of a process: its exit code or signal, and its last lines."""
        self.wait()
        lines = " | ".join(self._lines)
        return f"{process} {_how(exit_code)}" + (f"; last words: {lines}" if lines else "")


def _keep_last(pipe: IO[bytes], lines: deque[str]) -> None:
    with pipe:
        lines.extend(line.decode(errors="replace").rstrip() for line in pipe)


def _how(exit_code: int | None) -> str:
    if exit_code is None:
        return "ended; its exit code is unknown, because the loader ended before"
    if exit_code < 0:
        return f"was killed by {signal.Signals(-exit_code).name}"
    return f"ended with exit code {exit_code}"


class Loader:
    """The process `mpc.roles.loader`.

    Parameters
    ----------
    modules : sequence of str
        What its children may run. A kept loader serves groups with some of these modules only.
    """

    def __init__(self, modules: Sequence[str] = ()) -> None:
        self.users = 0
        """Groups that have borrowed it and not given it back."""
        self._modules = frozenset(modules)
        self._circumstances = _circumstances()
        self._last_use = time.monotonic()
        self._requests, its_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        output, its_output = pipe()
        with its_end, its_output:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "mpc.roles.loader"],
                stdin=its_end.fileno(),
                stdout=its_output,
                stderr=its_output,
                env=_environment(),
                start_new_session=True,
            )
        self._last_lines = LastLines(output)

    @property
    def pid(self) -> int:
        """Process number."""
        return self._process.pid

    def fork(self, name: str, module: str, descriptors: Sequence[int]) -> None:
        """Ask for a child: its standard input, output and error, and a socket for its status."""
        request = json.dumps({"name": name, "module": module}).encode()
        try:
            socket.send_fds(self._requests, [request], descriptors)
        except ConnectionError:
            raise self.death() from None

    def death(self) -> ProcessDiedError:
        """Return the error that names the loader, which is about to end, and its exit."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_ABOUT_TO_END_S)
        process, code = f"the loader (pid {self.pid})", self._process.poll()
        return ProcessDiedError(self._last_lines.report(process, code))

    def serves(self, modules: Sequence[str]) -> bool:
        """Whether a new loader would be the same, and this one will not end in this moment."""
        is_fresh = time.monotonic() - self._last_use < IDLE_S / 2
        is_same = self._modules.issuperset(modules) and self._circumstances == _circumstances()
        return is_fresh and is_same and self._process.poll() is None

    def used(self, change: int) -> None:
        """Count a group that comes, 1, or goes, -1."""
        self.users += change
        self._last_use = time.monotonic()

    def end(self, grace_s: float) -> None:
        """Ask for no more children, and kill it if it still runs after the grace period."""
        self._requests.close()
        try:
            self._process.wait(timeout=grace_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)
        self._last_lines.wait()


class _Shelf:
    """Keeps the loader that the next group shares, if there is one."""

    def __init__(self) -> None:
        self._loader: Loader | None = None
        self.renew()

    def renew(self) -> None:
        """Forget, in a forked process, that a thread of its parent held the lock."""
        # A session that is collected gives its loader back in any moment.
        self._lock = threading.RLock()

    def borrow(self, modules: Sequence[str]) -> Loader:
        with self._lock:
            if self._loader is None or not self._loader.serves(modules):
                self.clear()
                self._loader = Loader(modules)
            self._loader.used(1)
            return self._loader

    def give_back(self, loader: Loader, *, again: bool) -> None:
        with self._lock:
            loader.used(-1)
            if not again and loader is self._loader:
                self._loader = None
            if loader is not self._loader and not loader.users:
                loader.end(_ABOUT_TO_END_S)

    def clear(self) -> None:
        """Let no more groups share the loader, and end it if none has it."""
        with self._lock:
            loader, self._loader = self._loader, None
            if loader is not None and not loader.users:
                loader.end(_ABOUT_TO_END_S)


_shelf: Final = _Shelf()
os.register_at_fork(after_in_child=_shelf.renew)


def borrow_loader(modules: Sequence[str]) -> Loader:
    """Return the shared loader if it can serve a group with these modules; else start one."""
    return _shelf.borrow(modules)


def give_back_loader(loader: Loader, *, again: bool = True) -> None:
    """Keep a loader for the next group, or, if it should not be used `again`, end it.

    It ends when the last group gives it back.
    """
    _shelf.give_back(loader, again=again)


@atexit.register
def end_kept_loader() -> None:
    """End the loader that waits for the next group, if there is one."""
    _shelf.clear()


def pipe() -> tuple[IO[bytes], IO[bytes]]:
    """Return the ends of a pipe for reading and for writing; no program inherits them."""
    reading, writing = os.pipe()
    return open(reading, "rb"), open(writing, "wb")


def _environment() -> dict[str, str]:
    """Return this process's environment with `mpc` importable and one OpenMP thread."""
    here = str(Path(__file__).parents[2])
    paths: Sequence[str] = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}


def _circumstances() -> tuple[object, ...]:
    """Return what a loader and its children have from this process when it starts."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (os.getpid(), _environment(), files, _working_folder())


def _working_folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:  # it was deleted
        return None
