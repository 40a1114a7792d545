"""A job in a session of a process that may open few files: `python -m` this, with its owners."""

import sys

import numpy as np

from mpc import ClusterJob, open_session
from mpc.errors import InputError


def main(num_owners: int) -> None:
    points = np.random.default_rng(0).normal(size=(num_owners, 2)) / 8
    with open_session(2) as session:
        try:
            for _ in range(2):
                result = session.cluster(ClusterJob(k=2, iterations=1), points, points)
        except InputError as error:
            few = points[:4]
            again = session.cluster(ClusterJob(k=2, iterations=1), few, few)
            sys.stdout.write(f"{error}; then {len(again.sizes_N)} owners\n")
        else:
            sys.stdout.write(f"done for {len(result.sizes_N)}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
