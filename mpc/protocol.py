"""One job as a computing party does it, from shares received to results sent.

Shape letters: N points, D dimensions of a point, M of a payload.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mpc._crypten import from_share
from mpc.clustering import Decision, cluster_shares
from mpc.jobs import ClusterJob
from mpc.meter import Meter, Network
from mpc.reveal import Door
from mpc.transport import DECISION, SHARE, Link


def run_job(
    network: Network,
    job: ClusterJob,
    owners: Mapping[Link, Sequence[int]],
    *,
    dim: int,
    payload: int,
) -> dict[str, object]:
    """Receive shares, compute, hand out results; return the public report for the server.

    Parameters
    ----------
    network : Network
    job : ClusterJob
    owners : mapping of link to rows
        Every data owner and the numbers of the rows it holds; together 0 .. N - 1.
    dim, payload : int
        D and M.

    Returns
    -------
    dict
        `k`, `iterations`, `labels` (or None), `ledger`, and the meter's report.
    """
    meter = Meter(network, list(owners))
    points_enc_ND, payload_enc_NM = receive_shares(owners, dim=dim, payload=payload)
    meter.inputs_are_in()
    door = Door(network.communicator, network.server, owners, job)
    done = cluster_shares(
        job,
        points_enc_ND,
        payload_enc_NM,
        door=door,
        meter=meter,
        source=network.provider,
        decide=lambda: _decision_of(network.server),
    )
    report: dict[str, object] = {
        "k": done.k,
        "iterations": done.iterations,
        "labels": None if done.labels is None else list(done.labels),
        "ledger": [entry.as_json() for entry in door.ledger],
    }
    return report | meter.report()


def receive_shares(
    owners: Mapping[Link, Sequence[int]], *, dim: int, payload: int
) -> tuple[Any, Any]:
    """Collect every owner's shares of points (N, D) and payload (N, M)."""
    num_points = sum(len(rows) for rows in owners.values())
    whole = np.empty((num_points, dim + payload), dtype=np.int64)
    for link, rows in owners.items():
        whole[np.asarray(rows)] = link.recv_ring(SHARE, (len(rows), dim + payload))
    points, rest = np.ascontiguousarray(whole[:, :dim]), np.ascontiguousarray(whole[:, dim:])
    return from_share(points), from_share(rest)


def _decision_of(server: Link) -> Decision:
    decision = server.recv_json(DECISION)
    return Decision(
        labels=tuple(decision["labels"]),  # type: ignore[arg-type]
        k=int(str(decision["k"])),
        iterations=int(str(decision["iterations"])),
    )
