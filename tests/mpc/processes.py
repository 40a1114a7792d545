"""Processes under test: find them, hurt them, and see that nothing of them is left."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

_LISTENING = "0A"


def alive(pids: Sequence[int]) -> list[int]:
    return [
        pid
        for pid in pids
        if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    ]


def listening(ports: Sequence[int]) -> list[int]:
    """Return those of the ports at which somebody listens."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    found = {int(f[1].split(":")[1], 16) for f in map(str.split, lines) if f[3] == _LISTENING}
    return sorted(found & set(ports))


class Signal:
    """One signal to one process, later; knows when it went out.

    Parameters
    ----------
    pid : int
    signum : int
    delay_s : float
    """

    def __init__(self, pid: int, signum: int, *, delay_s: float) -> None:
        self.sent_at = float("inf")
        self._pid, self._signum = pid, signum
        self._timer = threading.Timer(delay_s, self._send)
        self._timer.start()

    def _send(self) -> None:
        self.sent_at = time.monotonic()
        os.kill(self._pid, self._signum)

    def cancel(self) -> None:
        self._timer.cancel()

    @property
    def age_s(self) -> float:
        """Seconds since it went out."""
        return time.monotonic() - self.sent_at


def grandchildren() -> list[psutil.Process]:
    """Return the children of this process's children: what loaders have forked."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if _parent(child) != os.getpid()
    ]


def _parent(process: psutil.Process) -> int:
    """Return the number of the parent; of one that has ended, of this process."""
    try:
        return int(process.ppid())
    except psutil.NoSuchProcess:
        return os.getpid()


@contextmanager
def killing_a_newborn(
    number: int, signum: int, *, delay_s: float
) -> Iterator[list[psutil.Process]]:
    """Send a signal to the `number`-th grandchild of this process that is born in here.

    Yields
    ------
    list of Process
        The grandchildren so far; complete when the block ends.
    """
    before = {child.pid for child in grandchildren()}
    born: list[psutil.Process] = []
    over = threading.Event()

    def watch() -> None:
        killed = False
        while not over.wait(0.002):
            known = before | {child.pid for child in born}
            born.extend(child for child in grandchildren() if child.pid not in known)
            if not killed and len(born) > number:
                time.sleep(delay_s)
                born[number].send_signal(signum)
                killed = True

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield born
    finally:
        over.set()
        watcher.join(timeout=10)


def open_files(pid: int) -> list[str]:
    """Return what a process has open that a secret could be left in: no sockets, no pipes."""
    links = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except FileNotFoundError:
            continue  # closed meanwhile
    harmless = ("socket:", "pipe:", "anon_inode:", "/dev/null", "/dev/urandom")
    return [link for link in links if not link.startswith(harmless)]
