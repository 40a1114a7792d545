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


def parties_and_dealers() -> list[psutil.Process]:
    """Return those among the descendants of this process; loaders name them by their roles."""
    below = psutil.Process().children(recursive=True)
    return [process for process in below if _name(process).startswith(("party:", "dealer"))]


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return ""


@contextmanager
def killing_a_newborn(
    role: str, signum: int, *, delay_s: float
) -> Iterator[dict[str, psutil.Process]]:
    """Send a signal to the first process of a role that is born in here.

    Yields
    ------
    dict of str to Process
        The parties and the dealer so far, by role; complete when the block ends.
    """
    before = {child.pid for child in parties_and_dealers()}
    born: dict[str, psutil.Process] = {}
    over = threading.Event()

    def watch() -> None:
        killed = False
        while not over.wait(0.002):
            new = [child for child in parties_and_dealers() if child.pid not in before]
            born.update({_name(child): child for child in new})
            if not killed and role in born:
                time.sleep(delay_s)
                born[role].send_signal(signum)
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
