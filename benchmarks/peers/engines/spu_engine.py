"""SPU, its parties as processes with brpc links between them."""

import tempfile
from pathlib import Path
from typing import Final

import numpy as np
from companions import Companions

from peers.engines.engine import Outcome, Task, count_shift
from peers.ports import free_ports
from peers.separate_environment import installed, interpreter

LARGEST_COUNT: Final = 2
JOB_TIMEOUT_S: Final = 120.0


class Spu:
    """A group of SPU's parties under one of its protocols.

    Parameters
    ----------
    protocol : {"SEMI2K", "ABY3"}
        Two parties whose first makes the correlated randomness; three with an honest majority.
    num_parties : int

    Raises
    ------
    UnavailableError
        SPU is not installed.
    """

    note = "argmin by a tree of comparisons, which is faster than jnp.argmin here"

    def __init__(self, protocol: str, num_parties: int) -> None:
        python = interpreter("spu")
        self._logs = tempfile.TemporaryDirectory()
        self._ranks = range(num_parties)
        addresses = [f"127.0.0.1:{port}" for port in free_ports(num_parties)]
        self._parties = [
            Companions(
                "peers.engines.spu_party",
                [str(rank), protocol, str(Path(self._logs.name) / f"{rank}.log"), *addresses],
                [{"JAX_PLATFORMS": "cpu"}],
                python=python,
                timeout_s=JOB_TIMEOUT_S,
            )
            for rank in self._ranks
        ]
        for party in self._parties:
            party.hear(0)

    def prepare(self, task: Task) -> None:
        """Compile, by doing the job once."""
        self.run(task)

    def run(self, task: Task) -> Outcome:
        """Do a job."""
        command = {
            "points": str(task.points),
            "n": task.size.n,
            "d": task.size.d,
            "k": task.size.k,
            "iterations": task.iterations,
            "shift": count_shift(task.size, LARGEST_COUNT),
            "count": task.count,
        }
        for party in self._parties:
            party.tell(0, **command)
        answers = [party.hear(0) for party in self._parties]
        return Outcome(
            centres_KD=np.asarray(answers[0]["centres"]),
            seconds=max(answer["seconds"] for answer in answers),
            rounds=answers[0]["rounds"],
        )

    def versions(self) -> dict[str, str]:
        """Return SPU's and jax's."""
        found = installed()
        return {name: found[name] for name in ("spu", "jax")}

    def memory(self) -> dict[str, int]:
        """Not told."""
        return {}

    def close(self) -> None:
        """Kill them."""
        for party in self._parties:
            party.close()
        self._logs.cleanup()
