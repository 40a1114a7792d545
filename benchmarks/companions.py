"""Programs beside the benchmarks, from the side of the benchmark: start, ask, kill."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Self

from mpc.net.handshake import listen

HERE = Path(__file__).parent
ANSWER_TIMEOUT_S = 120.0


class Companions:
    """Some processes of one program, which are killed when this is closed.

    Parameters
    ----------
    program : str
        File in this folder, or the name of a module that can be imported from it.
    arguments : sequence of str
        The same for all; nothing secret.
    environments : sequence of mapping
        What each process has in its environment besides this one's: as many as processes.
    checkout : Path
        Where `mpc` is imported from, by the processes and by those they start.
    python : Path
        Interpreter, of this environment unless told.
    before : sequence of str
        What starts the interpreter, e.g. `unshare` and its options.
    timeout_s : float
        Longest wait for an answer.
    errors : Path, optional
        File for what they say on standard error; this process's own when None.
    """

    def __init__(
        self,
        program: str,
        arguments: Sequence[str],
        environments: Sequence[Mapping[str, str]],
        *,
        checkout: Path = HERE.parent,
        python: Path = Path(sys.executable),
        before: Sequence[str] = (),
        timeout_s: float = ANSWER_TIMEOUT_S,
        errors: Path | None = None,
    ) -> None:
        self._program = program
        self._timeout_s = timeout_s
        run = [str(HERE / program)] if program.endswith(".py") else ["-m", program]
        path = os.pathsep.join((str(checkout), str(HERE)))
        with errors.open("ab") if errors else nullcontext() as said:
            self._children = [
                subprocess.Popen(
                    [*before, str(python), *run, *arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=said,
                    cwd=checkout,
                    env={**os.environ, "PYTHONPATH": path, **environment},
                )
                for environment in environments
            ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, ranks: Sequence[int], /, **command: object) -> list[dict[str, object]]:
        """Give some processes the same command, and return what each answers."""
        for rank in ranks:
            self.tell(rank, **command)
        return [self.hear(rank) for rank in ranks]

    def tell(self, rank: int, /, **command: object) -> None:
        """Write one JSON line to a process's standard input.

        Raises
        ------
        RuntimeError
            It has ended.
        """
        __tracebackhide__ = True  # pytest would print the command, and there may be a key in it
        pipe = self._children[rank].stdin
        try:
            pipe.write(json.dumps(command).encode() + b"\n")
            pipe.flush()
        except BrokenPipeError:
            raise RuntimeError(f"{self._program}, process {rank}, has ended") from None

    def hear(self, rank: int) -> dict[str, object]:
        """Return the JSON line that a process says next.

        Raises
        ------
        RuntimeError
            It says nothing in time, or has ended.
        """
        pipe = self._children[rank].stdout
        heard = select.select([pipe], [], [], self._timeout_s)[0] and pipe.readline()
        if not heard:
            code = self._children[rank].poll()
            raise RuntimeError(
                f"{self._program}, process {rank}, gave no answer within {self._timeout_s:g} s "
                f"(exit code {code}); see its standard error"
            )
        return json.loads(heard)

    def close(self) -> None:
        """Kill them all; gloo's would abort if they ended by themselves."""
        for child in self._children:
            child.kill()
        for child in self._children:
            child.wait(timeout=10)
            with suppress(BrokenPipeError):  # what was not flushed
                child.stdin.close()
            child.stdout.close()


def gloo_environments(processes: int, *, world_size: int) -> list[dict[str, str]]:
    """Return what processes need in their environments to meet over gloo, or over CrypTen on it."""
    with listen() as probe:
        port = probe.getsockname()[1]
    return [
        {
            "RANK": str(rank),
            "WORLD_SIZE": str(world_size),
            "RENDEZVOUS": "env://",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "GLOO_SOCKET_IFNAME": "lo",
        }
        for rank in range(processes)
    ]
