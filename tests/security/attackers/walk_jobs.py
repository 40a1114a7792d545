"""Whole clustering jobs under every reveal policy, for a number of parties: `python -m` this.

Server, data owners and the plaintext twin are this process; parties and dealer are its children.
Prints one JSON line. The inputs come from no generator either, since all of them may be patched to
raise.
"""

import json
import sys

import numpy as np

from mpc import ClusterJob, ClusterResult, PlainSession, open_session
from mpc.jobs.job import REVEAL_POLICIES
from mpc.ring.fixedpoint import PAYLOAD_BITS

NUM_POINTS, DIM, NUM_CLUSTERS, PAYLOAD = 12, 6, 3, 2
TOLERANCE = 8 * 2.0 ** -(PAYLOAD_BITS + 1) * 1.01
"""Half a unit of payloads whose norms are up to 8."""
STOCK_TOLERANCE = 8 * 2.0**-12
"""The same for CrypTen's own operations; see `tests.mpc.stock.test_pipeline`."""

JOBS = (
    *(ClusterJob(k=NUM_CLUSTERS, reveal=policy, evaluate=True) for policy in REVEAL_POLICIES),
    ClusterJob(k=NUM_CLUSTERS, init_rows=(0, 1, 2), min_cluster_size=5, evaluate=True),
    ClusterJob(k=NUM_CLUSTERS, init="k-means++", restarts=3, evaluate=True),
    ClusterJob(k=NUM_CLUSTERS, protocol="crypten", iterations=3, evaluate=True),
    *(ClusterJob(k=None, k_max=4, reveal=policy, evaluate=True) for policy in REVEAL_POLICIES),
)


def vectors() -> tuple[np.ndarray, np.ndarray]:
    """Three groups on three axes, a little apart inside each."""
    rows = np.arange(NUM_POINTS)
    points = 0.8 * np.eye(NUM_CLUSTERS, DIM)[rows % NUM_CLUSTERS]
    points += 0.05 * np.sin(np.outer(rows + 1, np.arange(1, DIM + 1)))
    return points, np.cos(np.outer(rows + 1, np.arange(1, PAYLOAD + 1)))


def agree(result: ClusterResult, twin: ClusterResult) -> bool:
    """Tell whether labels and sizes are equal, and means up to fixed point."""
    return bool(
        result.labels_N is not None
        and twin.labels_N is not None
        and np.array_equal(result.labels_N, twin.labels_N)
        and np.array_equal(result.sizes_N, twin.sizes_N)
        and np.allclose(
            result.means_NM,
            twin.means_NM,
            rtol=0,
            atol=STOCK_TOLERANCE if result.protocol == "crypten" else TOLERANCE,
            equal_nan=True,
        )
    )


def main() -> None:
    points, payload = vectors()
    with open_session(int(sys.argv[1])) as session:
        pids = dict(session.pids)
        equal = [
            agree(
                session.cluster(job, points, payload), PlainSession().cluster(job, points, payload)
            )
            for job in JOBS
        ]
    sys.stdout.write(json.dumps({"pids": pids, "equal": equal}) + "\n")


if __name__ == "__main__":
    main()
