"""How fast this machine does secure jobs: a few are done, and speeds fitted to their times."""

from __future__ import annotations

import platform
from collections.abc import Callable
from operator import itemgetter
from typing import Final

import numpy as np

from mpc.costs.plan import plan_job
from mpc.costs.speeds import Speeds
from mpc.costs.work import Work
from mpc.jobs.job import ClusterJob
from mpc.ring.fixedpoint import FloatArray
from mpc.roles.dry_run import JobShape
from mpc.session.session import SecureSession, open_session
from secfpp.config.clustering import ClusteringConfig
from secfpp.methods.shared.round_job import job_of

__all__ = ["calibrate", "job_points"]

SIZES: Final = (
    *((20, 16, 16, 3), (20, 600, 2000, 3), (60, 100, 600, 6), (70, 140, 2000, 4)),
    *((250, 16, 30, 4), (300, 600, 100, 4), (600, 30, 1000, 7), (900, 300, 30, 5)),
)
"""N, D, M and K of the jobs; each is done fresh and warm."""
_TIMES: Final = 3
"""How often a job is timed; the least time counts, since others only add to it."""


def calibrate(
    num_parties: int, on_done: Callable[[int, int], None] = lambda done, of: None
) -> Speeds:
    """Measure this machine, with all parties, the dealer and all owners on it.

    Parameters
    ----------
    num_parties : int
        P, 2 to 5.
    on_done : callable
        Is told how many jobs of how many are done.

    Returns
    -------
    Speeds
    """
    measured: list[tuple[Work, float]] = []
    connected, connecting_s = 0, 0.0
    with open_session(num_parties) as session:
        for index, (n, d, m, k) in enumerate(SIZES):
            given = job_points(n, d, m, k, seed=index)
            for start in range(2):
                job = job_of(ClusteringConfig(k=k), n, start)
                first, *others = (_timed(session, job, *given) for _ in range(1 + _TIMES))
                iterations, seconds = min(others, key=itemgetter(1))
                shape = JobShape(job=job, num_points=n, dim=d, payload=m, num_parties=num_parties)
                measured.append((plan_job(shape, iterations=iterations).work, seconds))
                if n > connected:
                    connecting_s += max(first[1] - seconds, 0.0)
                    connected = n
            on_done(index + 1, len(SIZES))
    return Speeds.fitted(
        measured,
        machine=f"{platform.node()}, measured just now",
        connection_s=connecting_s / (connected * num_parties),
    )


def job_points(n: int, d: int, m: int, k: int, *, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return points (N, D) in K separated clusters on the unit sphere, and payloads (N, M)."""
    rng = np.random.default_rng(seed)
    centres_KD = rng.normal(size=(k, d))
    points_ND = centres_KD[np.arange(n) % k] + 0.2 * rng.normal(size=(n, d))
    points_ND /= np.linalg.norm(points_ND, axis=1, keepdims=True)
    return points_ND, rng.normal(size=(n, m)) / (2 * m**0.5)


def _timed(
    session: SecureSession, job: ClusterJob, points_ND: FloatArray, payload_NM: FloatArray
) -> tuple[int, float]:
    """Do a job; return its reassignments and seconds."""
    result = session.cluster(job, points_ND, payload_NM)
    return result.iterations, result.traffic.seconds_total
