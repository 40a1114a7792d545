"""CrypTen as it comes: gloo, a provider of its own, its own argmin, the better of two methods."""

from dataclasses import replace
from importlib.metadata import version
from typing import Final

import numpy as np
from companions import Companions, gloo_environments

from peers.engines.engine import Outcome, Task, count_shift

METHODS: Final = ("log_reduction", "pairwise")
LARGEST_COUNT: Final = 2
"""CrypTen's reciprocal of larger numbers is too coarse for 16 bits, and wrong from 300 on."""
JOB_TIMEOUT_S: Final = 120.0


class Crypten:
    """A group of parties, and a third-party provider where asked for.

    Parameters
    ----------
    num_parties : int
    provider : {"TFP", "TTP"}
        First party, which can unmask everything; or third party.
    """

    def __init__(self, num_parties: int, provider: str) -> None:
        processes = num_parties + (provider == "TTP")
        self._ranks = tuple(range(num_parties))
        self._method: dict[str, str] = {}
        self._processes = Companions(
            "peers.engines.crypten_party",
            [provider],
            gloo_environments(processes, world_size=num_parties),
            timeout_s=JOB_TIMEOUT_S,
        )
        for rank in self._ranks:
            self._processes.hear(rank)

    @property
    def note(self) -> str:
        """Which method of argmin won."""
        if len(set(self._method.values())) == 1:
            return f"argmin: {next(iter(self._method.values()))}"
        return "argmin: " + ", ".join(f"{m} at {size}" for size, m in self._method.items())

    def prepare(self, task: Task) -> None:
        """Choose the faster method of argmin for a size."""
        if str(task.size) not in self._method:
            once = replace(task, iterations=1)
            self._run(once, METHODS[0])  # warms up
            tried = [(self._run(once, method).seconds, method) for method in 2 * METHODS]
            self._method[str(task.size)] = min(tried)[1]

    def run(self, task: Task) -> Outcome:
        """Do a job with the chosen method."""
        return self._run(task, self._method[str(task.size)])

    def _run(self, task: Task, method: str) -> Outcome:
        answers = self._processes.ask(
            self._ranks,
            points=str(task.points),
            k=task.size.k,
            iterations=task.iterations,
            count=task.count,
            method=method,
            shift=count_shift(task.size, LARGEST_COUNT),
        )
        return Outcome(
            centres_KD=np.asarray(answers[0]["centres"]),
            seconds=max(answer["seconds"] for answer in answers),
            rounds=answers[0]["rounds"],
        )

    def versions(self) -> dict[str, str]:
        """Return CrypTen's and torch's."""
        return {name: version(name) for name in ("crypten", "torch")}

    def memory(self) -> dict[str, int]:
        """Not told."""
        return {}

    def close(self) -> None:
        """Kill them."""
        self._processes.close()
