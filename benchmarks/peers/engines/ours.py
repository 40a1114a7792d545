"""This project's own sessions: parties and dealer, TLS on every link, default policy."""

import os
import time
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np

from mpc import ClusterJob, open_session
from peers.engines.engine import Outcome, Task, UnavailableError
from peers.workload import RADIUS, FloatArray, lloyd

OWNERS = 20
"""Data owners, with links of their own, that share the points between them."""


class Ours:
    """A session of some parties.

    Parameters
    ----------
    num_parties : int
    comparisons : str, optional
        How two parties compare; as is the default when None.

    Raises
    ------
    UnavailableError
        The checkout that is measured has no such choice.
    """

    note = ""

    def __init__(self, num_parties: int, comparisons: str | None = None) -> None:
        self._chosen = {} if comparisons is None else {"comparisons": comparisons}
        if not self._chosen.keys() <= {field.name for field in fields(ClusterJob)}:
            raise UnavailableError("this version has one way to compare")
        self.session = open_session(num_parties)

    def prepare(self, task: Task) -> None:
        """Let the owners connect and the parties do a dry run."""
        self.run(task)

    def run(self, task: Task) -> Outcome:
        """Cluster under policy `own-mean`; each owner reconstructs the mean of its own cluster.

        Raises
        ------
        RuntimeError
            The job ended early.
        """
        points_ND = task.points_ND
        job = ClusterJob(
            k=task.size.k,
            iterations=task.iterations,
            init_rows=tuple(range(task.size.k)),
            min_cluster_size=1,
            norm_bound=RADIUS,
            centre=False,
            **self._chosen,
        )
        owners = [row % OWNERS for row in range(task.size.n)]
        started = time.perf_counter()
        result = self.session.cluster(job, points_ND, points_ND / RADIUS, owners)
        seconds = time.perf_counter() - started
        if result.iterations != task.iterations:
            raise RuntimeError(f"{result.iterations} iterations, not {task.iterations}")
        later = [
            step
            for step in result.traffic.steps
            if step.name.startswith("iteration ") and step.name != "iteration 1"
        ]
        online = [step.seconds - step.seconds_offline for step in later]
        sent = [self.session.num_parties * step.bytes_sent for step in later]
        return Outcome(
            centres_KD=centres_of(result.means_NM * RADIUS, points_ND, task),
            seconds=seconds,
            rounds=result.traffic.rounds_online,
            iteration_s=median(online) if online else None,
            iteration_online_bytes=median(sent) if sent else None,
        )

    def versions(self) -> dict[str, str]:
        """Return what there is beside the figures of the whole run."""
        return {"secfpp": version("secfpp")}

    def memory(self) -> dict[str, int]:
        """Return the peak resident bytes of parties, dealer, and server with data owners."""
        pids = {**self.session.pids, "server and owners": os.getpid()}
        return {role: peak_bytes(pid) for role, pid in pids.items()}

    def close(self) -> None:
        """End the session."""
        self.session.close()


def centres_of(means_ND: FloatArray, points_ND: FloatArray, task: Task) -> FloatArray:
    """Return of each cluster, as it is in the clear, the member's mean that is farthest off.

    Owners have means, not centres; so every one of them is compared.
    """
    course = lloyd(points_ND, task.size.k, task.iterations)
    error_N = np.linalg.norm(means_ND - course.centres_KD[course.labels_TN[-1]], axis=1)
    worst = [
        max(np.flatnonzero(course.labels_TN[-1] == cluster), key=error_N.__getitem__)
        for cluster in range(task.size.k)
    ]
    return means_ND[worst]


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process has had resident."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has no VmHWM")
