"""MPyC: three parties over plain TCP, honest majority."""

from typing import Final

import numpy as np
from companions import Companions

from peers.engines.engine import Outcome, Task
from peers.ports import free_ports
from peers.separate_environment import installed, interpreter

JOB_TIMEOUT_S: Final = 120.0


class Mpyc:
    """A group of MPyC's parties.

    Parameters
    ----------
    num_parties : int

    Raises
    ------
    UnavailableError
        MPyC is not installed.
    """

    note = "products of matrices and argmin on arrays; gmpy2"

    def __init__(self, num_parties: int) -> None:
        python = interpreter("mpyc")
        addresses = [f"-P127.0.0.1:{port}" for port in free_ports(num_parties)]
        self._parties = [
            Companions(
                "peers.engines.mpyc_party",
                [*addresses, f"-I{rank}", "--no-log"],
                [{}],
                python=python,
                timeout_s=JOB_TIMEOUT_S,
            )
            for rank in range(num_parties)
        ]
        for party in self._parties:
            party.hear(0)

    def prepare(self, task: Task) -> None:
        """Warm up, by a short job."""
        if task.iterations == 1:
            self.run(task)

    def run(self, task: Task) -> Outcome:
        """Do a job."""
        for party in self._parties:
            party.tell(0, points=str(task.points), k=task.size.k, iterations=task.iterations)
        answers = [party.hear(0) for party in self._parties]
        return Outcome(
            centres_KD=np.asarray(answers[0]["centres"]),
            seconds=max(answer["seconds"] for answer in answers),
        )

    def versions(self) -> dict[str, str]:
        """Return MPyC's and gmpy2's."""
        found = installed()
        return {name: found[name] for name in ("mpyc", "gmpy2") if name in found}

    def memory(self) -> dict[str, int]:
        """Not told."""
        return {}

    def close(self) -> None:
        """Kill them."""
        for party in self._parties:
            party.close()
