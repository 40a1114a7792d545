"""What jobs take by number of clients, as a table for the documentation.

Run `python -m mpc.secpc.table`. Jobs are run with clients as objects, whose messages are counted as
if they were sent; rows are of the size of the default federation's.

Shape letters: N clients, K clusters, D dimensions, M of a payload.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mpc.jobs.job import ClusterJob
from mpc.jobs.result import ClusterResult
from mpc.ring.fixedpoint import FloatArray
from mpc.secpc.first_queries import first_polynomials
from mpc.secpc.leakage import determined_pairs
from mpc.secpc.session import SecPCSession
from mpc.secpc.settings import SecPCSettings

DIM, PAYLOAD, K = 1280, 1792, 5
CASES: Final = ((10, 1), (10, 2), (30, 1), (30, 4), (100, 1), (100, 10))
"""Clients and slices."""
MOST_PAIRED: Final = 30
"""Most clients whose pairs are counted: unknowns grow as N^2."""
_HEAD: Final = (
    "N",
    "l",
    "t",
    "answers needed",
    "may drop out",
    "a client sends: shares",
    "masks",
    "distances",
    "sums",
    "server receives",
    "rounds",
    "pairs determined",
)


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One job."""

    num_clients: int
    slices: int
    result: ClusterResult
    determined: float | None
    """Which part of the distances of pairs the server's distances determine."""

    def cells(self) -> list[str]:
        """Return a line of the table."""
        code = SecPCSettings(slices=self.slices).code(self.num_clients)
        sent = {step.name: step.bytes_sent for step in self.result.traffic.steps}
        first = first_polynomials(_job(), code, self.num_clients)
        with_shares = 8 * first * (self.num_clients - 1)
        received = sum(
            role.bytes_received for role in self.result.traffic.roles if role.role == "server"
        )
        return [
            str(self.num_clients),
            str(code.slices),
            str(code.colluders),
            str(code.answers_for_distances),
            str(self.num_clients - code.answers_for_distances),
            _size(sent["share"] - with_shares),
            _size(sent.get("masks", 0) + with_shares),
            _size(sent["distances"]),
            _size(sent["sums"]),
            _size(received),
            str(self.result.traffic.rounds_online),
            "-" if self.determined is None else f"{self.determined:.0%}",
        ]


def rows_of(num_clients: int) -> tuple[FloatArray, FloatArray]:
    """Return unit vectors of K groups, (N, D), and payloads of norm 1, (N, M)."""
    generator = np.random.default_rng(num_clients)
    centres_KD = generator.normal(size=(K, DIM))
    points_ND = centres_KD[np.arange(num_clients) % K]
    points_ND = points_ND + 0.3 * generator.normal(size=(num_clients, DIM))
    payload_NM = generator.normal(size=(num_clients, PAYLOAD))
    return _unit(points_ND), _unit(payload_NM)


def _unit(rows_NX: FloatArray) -> FloatArray:
    return np.asarray(rows_NX / np.linalg.norm(rows_NX, axis=1)[:, None])


def _job() -> ClusterJob:
    return ClusterJob(
        k=K,
        protocol="secpc",
        reveal="distances",
        centre=False,
        norm_bound=1.0,
        min_cluster_size=1,
    )


def row(num_clients: int, slices: int) -> Row:
    """Run one job."""
    settings = SecPCSettings(slices=slices, client_processes=False)
    with SecPCSession(settings) as session:
        result = session.cluster(_job(), *rows_of(num_clients))
        determined = None
        if num_clients <= MOST_PAIRED:
            pairs = np.triu_indices(num_clients, 1)
            determined = float(determined_pairs(session.sets_asked)[pairs].mean())
    return Row(num_clients, slices, result, determined)


def table(cases: Sequence[tuple[int, int]] = CASES) -> str:
    """Return the table; bytes are those that a client sends, and that the server receives."""
    lines = [_HEAD, ("---",) * len(_HEAD), *(row(*case).cells() for case in cases)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:.3g} MB" if num_bytes >= 1e6 else f"{num_bytes / 1e3:.3g} kB"


if __name__ == "__main__":
    sys.stdout.write(f"{table()}\n")
