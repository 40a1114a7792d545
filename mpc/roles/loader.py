"""The loader: a process that imports the modules of parties and dealer once, and forks them.

Importing torch and CrypTen takes two seconds of CPU time and 300 MB. Forked children share both.
The parent of all groups starts the loader with a socket as standard input, and sends one request a
child: its name, its module, and four descriptors. Three become the child's standard input, output
and error. On the fourth, a socket, the loader says the child's process number and, when the child
ends, its exit code. When all have ended, it ends too, if its parent asks for no more children or
asked for none in the last minute.

A fork is safe here for these reasons.

* **No secret.** Settings and credentials go from the parent to a child's standard input, after the
  fork. The loader reads from none of these pipes, and a child keeps no descriptor of another child.
* **No thread.** The loader only imports, so it has one thread when it forks. If an import started
  another one, the child executes a new interpreter, which imports for itself.
* **No state of a CSPRNG.** `os.urandom` asks the kernel, which keeps no state in the process.
  OpenSSL compares the process number before it draws, and reseeds its generators in a child. No
  AES stream exists before the fork: a role draws its keys from `os.urandom` after it has started.
  Python reseeds `random` in a child. The global generators of NumPy and torch are equal in all
  children, as those of torch are in all processes, and draw no mask
  (`tests/security/test_generators.py`). CrypTen's are replaced before a job (`plugged`).

Children of one loader have the same layout of addresses, as any processes that were forked.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

IDLE_S: Final = 60.0
"""Seconds without a child after which the loader ends."""
MAX_REQUEST_BYTES: Final = 4096
_STANDARD: Final = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class _Forked:
    """A child that has not ended, as the loader sees it."""

    pid: int
    status: socket.socket
    """Where its process number and exit code are said."""


@dataclass(slots=True)
class Loader:
    """Forks children until its parent hangs up, and waits for them.

    Parameters
    ----------
    requests : socket.socket
        A socket of packets; each is a request with four descriptors.
    """

    requests: socket.socket
    executes: bool = False
    """In a child: whether it must execute a new interpreter."""
    _children: dict[int, _Forked] = field(default_factory=dict)
    """By their process descriptors."""
    _hung_up: bool = False

    def serve(self) -> str | None:
        """Return None at the end of the loader; return in every child, too, its module's name."""
        while self._children or not self._hung_up:
            for descriptor in self._readable():
                if descriptor in self._children:
                    self._report(descriptor)
                elif module := self._fork_next():
                    return module
        return None

    def _readable(self) -> list[int]:
        """Wait for a request or the end of a child; hang up if there is neither for long."""
        poll = select.poll()
        for descriptor in self._children:
            poll.register(descriptor, select.POLLIN)
        if not self._hung_up:
            poll.register(self.requests, select.POLLIN)
        ready = poll.poll(None if self._children else 1000 * IDLE_S)
        self._hung_up |= not ready
        return [descriptor for descriptor, _ in ready]

    def _report(self, descriptor: int) -> None:
        child = self._children.pop(descriptor)
        _, status = os.waitpid(child.pid, 0)
        os.close(descriptor)
        with child.status, contextlib.suppress(OSError):  # the parent may have ended
            child.status.send(b"%d" % os.waitstatus_to_exitcode(status))

    def _fork_next(self) -> str | None:
        """Fork one child; return its module's name in the child, and None here."""
        packet, descriptors, _, _ = socket.recv_fds(self.requests, MAX_REQUEST_BYTES, 4)
        if not packet:
            self._hung_up = True
            return None
        request = json.loads(packet)
        _import(request["module"])
        executes = _num_threads() > 1
        pid = os.fork()
        if pid == 0:
            self.executes = executes
            self._become(request["name"], descriptors)
            return str(request["module"])
        for descriptor in descriptors[:3]:
            os.close(descriptor)
        self._watch(pid, socket.socket(fileno=descriptors[3]))
        return None

    def _watch(self, pid: int, status: socket.socket) -> None:
        descriptor = os.pidfd_open(pid)
        with contextlib.suppress(OSError):  # the parent may have ended
            socket.send_fds(status, [b"%d" % pid], [descriptor])
        self._children[descriptor] = _Forked(pid, status)

    def _become(self, name: str, descriptors: list[int]) -> None:
        """Take over standard streams, and close all that is the loader's or another child's."""
        with contextlib.suppress(OSError):  # only what `ps` shows
            Path("/proc/self/comm").write_text(name)
        os.setsid()
        for descriptor, standard in zip(descriptors[:3], _STANDARD, strict=True):
            os.dup2(descriptor, standard)
        for descriptor in (*descriptors, *self._children):
            os.close(descriptor)
        for child in self._children.values():
            child.status.close()
        self._children.clear()
        self.requests.close()
        gc.enable()


def _import(module: str) -> None:
    """Import what a child needs; its pages stay shared if no collection marks its objects.

    An error is left to the child, which imports again and fails on its own standard error.
    """
    with contextlib.suppress(Exception):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()


def _num_threads() -> int:
    return len(os.listdir("/proc/self/task"))


def main() -> None:
    """Run the loader's process; in a child, run the child's module."""
    gc.disable()
    loader = Loader(socket.socket(fileno=os.dup(0)))
    module = loader.serve()
    if module is None:
        os._exit(0)  # without interpreter shutdown, as children end
    if loader.executes:
        os.execv(sys.executable, [sys.executable, "-m", module])  # noqa: S606
    importlib.import_module(module).main()


if __name__ == "__main__":
    main()
