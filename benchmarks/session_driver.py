"""Assignments in a session of whichever version of `mpc` PYTHONPATH names, one at a time.

Run by `benchmarks/test_assignment.py`, once with this checkout and once with an older one.
"""

import time
from pathlib import Path

import numpy as np
from commands import Commands, reply

import mpc
from mpc import ClusterJob, open_session


def main() -> None:
    commands = Commands()
    sizes = commands.next()
    n, d, k = sizes["N"], sizes["D"], sizes["K"]
    points_ND = np.random.default_rng(0).normal(size=(n, d))
    points_ND /= np.linalg.norm(points_ND, axis=1, keepdims=True)
    job = ClusterJob(k=k, iterations=1, init_rows=tuple(range(k)), evaluate=True)
    with open_session(2) as session:
        reply(checkout=str(Path(mpc.__file__).parents[1]))
        for _ in commands:
            started = time.perf_counter()
            result = session.cluster(job, points_ND, points_ND[:, :1])
            seconds = time.perf_counter() - started
            traffic = result.traffic
            reply(
                seconds=seconds,
                seconds_online=traffic.seconds_online,
                seconds_dealer=traffic.seconds_offline,
                rounds_online=traffic.rounds_online,
                bytes_online=traffic.bytes_online,
            )


if __name__ == "__main__":
    main()
