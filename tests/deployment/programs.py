"""Programs of a whole federation on this machine, for tests."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.patience import SOON_S


@dataclass
class Programs:
    """Starts clients and servers, and ends all that are left.

    Parameters
    ----------
    root : Path
        Where each keeps its folder.
    files : tuple
        Flags that all of them have.
    clients : int
        How many the server waits for.
    """

    root: Path
    files: tuple[str | Path, ...]
    clients: int
    started: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def client(self, number: int, data: Path, *more: str | Path) -> None:
        role = f"client:{number}"
        words = ("client", "--role", role, "--data", data, "--out", self.folder(role))
        self._start(role, *words, *self.files, *more)

    def server(self, *more: str | Path) -> None:
        words = ("server", "--clients", str(self.clients), "--out", self.folder("server"))
        self._start("server", *words, *self.files, *more)

    def folder(self, role: str) -> Path:
        return self.root / role.replace(":", "-")

    def lines(self, role: str, name: str) -> list[dict[str, Any]]:
        """Return the whole lines of a file in a role's folder."""
        path = self.folder(role) / name
        whole = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in whole.splitlines(keepends=True) if line[-1] == "\n"]

    def kill(self, role: str) -> None:
        os.kill(self.started[role].pid, signal.SIGKILL)
        self.started[role].communicate()

    def wait(self, role: str, within_s: float = 3 * SOON_S) -> tuple[int, str]:
        """Wait until a program ends; return its exit code and what it said."""
        try:
            _, said = self.started[role].communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{role} does not end; {self._all_said()}") from None
        return self.started[role].returncode, said

    def _all_said(self) -> dict[str, tuple[int | None, str]]:
        """End all programs; return how each had ended before, and what it said."""
        ended = {role: process.poll() for role, process in self.started.items()}
        for process in self.started.values():
            process.kill()
        return {role: (ended[role], each.communicate()[1]) for role, each in self.started.items()}

    def until(self, holds: Callable[[], bool], complaint: str) -> None:
        """Wait until something holds; no program may have failed before."""
        deadline = time.monotonic() + 3 * SOON_S
        while not holds():
            assert time.monotonic() < deadline, complaint
            for role, process in self.started.items():
                assert process.poll() in (None, 0, -signal.SIGKILL), (role, process.communicate())
            time.sleep(0.05)

    def _start(self, role: str, *words: str | Path) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        self.started[role] = subprocess.Popen(
            [sys.executable, "-m", "secfpp.cli", *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def end(self) -> None:
        with ExitStack() as stack:
            for process in self.started.values():
                stack.callback(process.communicate)
                stack.callback(process.kill)
