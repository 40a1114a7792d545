"""MP-SPDZ, from a tree that somebody built: compiled once, processes anew for every job.

`SECFPP_MPSPDZ` names the tree. Programs, inputs and certificates lie in a temporary folder, and
nothing is written into the tree. Its processes start, meet and end within a job's bytes; its
seconds and rounds are those of its own timer, from input to opened centres.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from peers.engines.engine import Outcome, Task, UnavailableError
from peers.engines.mpspdz_program import program_text
from peers.ports import free_range
from peers.workload import Size

TREE_VARIABLE: Final = "SECFPP_MPSPDZ"
PARTIES: Final = 3
TIMEOUT_S: Final = 120.0
TIMER: Final = re.compile(r"Time1 = ([\d.e+-]+) seconds \([\d.e+-]+ MB, (\d+) rounds\)")


@dataclass(frozen=True, kw_only=True, slots=True)
class BackEnd:
    """How to compile for one of MP-SPDZ's protocols, and to run it."""

    compiler_options: tuple[str, ...]
    probabilistic: bool
    run_options: tuple[str, ...]
    note: str


BACK_ENDS: Final = {
    "replicated-ring": BackEnd(
        compiler_options=("-R", "64", "-Z", "3"),
        probabilistic=True,
        run_options=(),
        note="local share conversion, probabilistic truncation",
    ),
    "dealer-ring": BackEnd(
        compiler_options=("-R", "64", "-Y"),
        probabilistic=False,
        run_options=("--direct",),
        note="edaBits, direct links",
    ),
}


class MpSpdz:
    """One of MP-SPDZ's protocols.

    Parameters
    ----------
    protocol : {"replicated-ring", "dealer-ring"}

    Raises
    ------
    UnavailableError
        No tree is named, or it is not built.
    """

    def __init__(self, protocol: str) -> None:
        self._tree = built_tree(f"{protocol}-party.x")
        self._program = self._tree / f"{protocol}-party.x"
        self._back_end = BACK_ENDS[protocol]
        self.note = self._back_end.note
        self._temporary = tempfile.TemporaryDirectory()
        self._folder = Path(self._temporary.name)
        (self._folder / "Programs" / "Source").mkdir(parents=True)
        self._do("bash", str(self._tree / "Scripts" / "setup-ssl.sh"), str(PARTIES), "Player-Data")

    def prepare(self, task: Task) -> None:
        """Compile a program and write its input."""
        source = self._folder / "Programs" / "Source" / f"{name_of(task)}.mpc"
        source.write_text(program_text(task, probabilistic=self._back_end.probabilistic))
        np.savetxt(self._folder / f"{input_of(task.size)}-P0-0", task.points_ND, fmt="%.9f")
        compiler = str(self._tree / "compile.py")
        self._do(sys.executable, compiler, *self._back_end.compiler_options, name_of(task))

    def run(self, task: Task) -> Outcome:
        """Start the parties, and wait for them to end."""
        output, errors = self._parties(name_of(task), input_of(task.size))
        timer = TIMER.search(errors)
        if timer is None:
            raise RuntimeError(f"no time in what MP-SPDZ says: {errors[-300:]}")
        opened = output[output.index("[[") :]
        return Outcome(
            centres_KD=np.asarray(json.loads(opened[: opened.index("]]") + 2])),
            seconds=float(timer[1]),
            rounds=int(timer[2]),
        )

    def _parties(self, program: str, inputs: str) -> tuple[str, str]:
        """Return what party 0 prints and what it says on standard error."""
        port = str(free_range(PARTIES))
        options = (program, "-h", "127.0.0.1", "-pn", port, "-IF", inputs)
        with ExitStack() as stack:
            parties = []
            for rank in range(PARTIES):
                party = subprocess.Popen(
                    [self._program, str(rank), *options, *self._back_end.run_options],
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE if rank == 0 else subprocess.DEVNULL,
                    stderr=subprocess.PIPE if rank == 0 else subprocess.DEVNULL,
                    text=True,
                )
                stack.enter_context(party)
                stack.callback(party.kill)
                parties.append(party)
            said = parties[0].communicate(timeout=TIMEOUT_S)
            for party in parties:
                if party.wait(timeout=TIMEOUT_S) != 0:
                    raise RuntimeError(f"MP-SPDZ ended with {party.returncode}: {said[1][-300:]}")
            return said

    def _do(self, *command: str) -> None:
        done = subprocess.run(
            command,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            what = done.stderr.strip()[-300:]
            raise RuntimeError(f"{Path(command[1]).name} ended with {done.returncode}: {what}")

    def versions(self) -> dict[str, str]:
        """Return the newest release that the tree's list of changes names."""
        changes = self._tree / "CHANGELOG.md"
        text = changes.read_text() if changes.exists() else ""
        found = re.search(r"^## (\S+)", text, re.MULTILINE)
        return {"mp-spdz": f"{found[1]} or later" if found else "unknown"}

    def memory(self) -> dict[str, int]:
        """Not told."""
        return {}

    def close(self) -> None:
        """Remove the temporary folder."""
        self._temporary.cleanup()


def built_tree(program: str) -> Path:
    """Return the tree that the environment names.

    Raises
    ------
    UnavailableError
        None is named, or it has no such program.
    """
    named = os.environ.get(TREE_VARIABLE)
    if not named:
        raise UnavailableError(f"{TREE_VARIABLE} does not name a built tree of MP-SPDZ")
    tree = Path(named).resolve()
    if not (tree / program).exists():
        raise UnavailableError(f"{tree} has no {program}; build it there")
    return tree


def name_of(task: Task) -> str:
    """Return the name of a job's program."""
    return f"lloyd_{task.size}_{task.iterations}"


def input_of(size: Size) -> str:
    """Return the start of the name of a size's input file."""
    return f"input_{size}"
