"""One job as the computing parties do it, from shares received to results sent.

Shape letters: N points, K clusters, D dimensions of a point, M of a payload.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch

from mpc._crypten import from_share
from mpc.communicator import MeshCommunicator
from mpc.compare import local, one_hot_min
from mpc.distance import gram_matrix, squared_distances
from mpc.jobs import ClusterJob
from mpc.kmeans import (
    agreement,
    averaging_groups,
    centre_distances,
    farthest_first,
    group_sums,
    rows_as_centres,
)
from mpc.provider import DealerProvider, FirstPartyProvider
from mpc.reveal import DISTANCES, EVALUATION, LABELS, OWN_MEAN, UNCHANGED, Door
from mpc.traffic import Phase, RoleTraffic, StepCost
from mpc.transport import DECISION, SHARE, Link, LinkCount


@dataclass(frozen=True, kw_only=True)
class Network:
    """A party's links and what runs on them."""

    communicator: MeshCommunicator
    provider: DealerProvider | FirstPartyProvider
    server: Link
    dealer: Link | None


@dataclass
class Meter:
    """Rounds, bytes and seconds of one job at this party."""

    network: Network
    owners: Sequence[Link]
    steps: list[StepCost] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._before = {id(link): link.count.copy() for _, link in self._links()}
        self._rounds = self.network.communicator.rounds
        self._offline = (self.network.provider.rounds, self.network.provider.seconds)
        self._started = time.perf_counter()

    def inputs_are_in(self) -> None:
        """Start the clock of the protocol: waiting for data owners is not its time."""
        self._started = time.perf_counter()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count what happens inside as one step."""
        rounds, sent, started = self.network.communicator.rounds, self._sent(), time.perf_counter()
        yield
        self.steps.append(
            StepCost(
                name=name,
                rounds=self.network.communicator.rounds - rounds,
                bytes_sent=self._sent() - sent,
                seconds=time.perf_counter() - started,
            )
        )

    def report(self) -> dict[str, object]:
        """Return everything that was counted since the job began."""
        offline_seconds = self.network.provider.seconds - self._offline[1]
        return {
            "steps": [asdict(step) for step in self.steps],
            "roles": [asdict(entry) for entry in self._roles()],
            "rounds_online": self.network.communicator.rounds - self._rounds,
            "rounds_offline": self.network.provider.rounds - self._offline[0],
            "seconds_offline": offline_seconds,
            "seconds_online": time.perf_counter() - self._started - offline_seconds,
        }

    def _links(self) -> list[tuple[Phase, Link]]:
        links: list[tuple[Phase, Link]] = [
            ("online", link) for link in self.network.communicator.peers.values()
        ]
        if self.network.dealer is not None:
            links.append(("offline", self.network.dealer))
        return links + [("input", link) for link in self.owners]

    def _sent(self) -> int:
        return sum(link.count.bytes_sent for link in self.network.communicator.peers.values())

    def _roles(self) -> list[RoleTraffic]:
        me = f"party:{self.network.communicator.rank}"
        counts: dict[Phase, list[LinkCount]] = {}
        for phase, link in self._links():
            counts.setdefault(phase, []).append(link.count.minus(self._before[id(link)]))
        return [
            RoleTraffic(
                role=me,
                phase=phase,
                bytes_sent=sum(count.bytes_sent for count in added),
                bytes_received=sum(count.bytes_received for count in added),
                frames_sent=sum(count.frames_sent for count in added),
                frames_received=sum(count.frames_received for count in added),
            )
            for phase, added in counts.items()
        ]


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
    with meter.step("distances"):
        gram_enc_NN = gram_matrix(points_enc_ND)
    if job.reveal == "distances":
        with meter.step("assignments"):
            onehot_NK, k, iterations = _decided_by_server(network.server, door, gram_enc_NN)
    else:
        onehot_NK, k, iterations = _lloyd(network, job, door, meter, gram_enc_NN)
    if job.evaluate:
        _reveal_to_evaluator(door, onehot_NK)
    with meter.step("means"):
        groups_NN = averaging_groups(onehot_NK, job.min_cluster_size)
        sums_enc = group_sums(groups_NN, payload_enc_NM)
    door.reveal(sums_enc, OWN_MEAN, why="own mean, one row each")
    labels = None if _is_secret(onehot_NK) else onehot_NK.argmax(1).tolist()
    ledger = [entry.as_json() for entry in door.ledger]
    report = {"k": k, "iterations": iterations, "labels": labels, "ledger": ledger}
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


def _lloyd(
    network: Network, job: ClusterJob, door: Door, meter: Meter, gram_enc_NN: Any
) -> tuple[Any, int, int]:
    """Iterate until nothing changes or the limit is reached; return assignments, k, iterations."""
    k = job.k or 1
    with meter.step("start"):
        onehot_NK = (
            farthest_first(gram_enc_NN, k)
            if job.init_rows is None
            else rows_as_centres(job.init_rows, gram_enc_NN.size(0))
        )
    for done in range(1, job.iterations + 1):
        with meter.step(f"iteration {done}"):
            dist_enc_NK = centre_distances(gram_enc_NN, onehot_NK, network.provider)
            previous_NK, onehot_NK = onehot_NK, one_hot_min(dist_enc_NK)
            if job.reveal == "assignments":
                onehot_NK = _open_assignments(door, onehot_NK, done)
            if _unchanged(door, onehot_NK, previous_NK, done):
                break
    return onehot_NK, k, done


def _open_assignments(door: Door, onehot_enc_NK: Any, iteration: int) -> torch.Tensor:
    why = f"iteration {iteration}: later distances need no interaction"
    opened = door.reveal(onehot_enc_NK, LABELS, why=why)
    return torch.from_numpy(opened)


def _unchanged(door: Door, onehot_NK: Any, previous_NK: Any, iteration: int) -> bool:
    if not _is_secret(onehot_NK) and not _is_secret(previous_NK):
        return bool(torch.equal(onehot_NK, previous_NK))
    secret, other = (onehot_NK, previous_NK) if _is_secret(onehot_NK) else (previous_NK, onehot_NK)
    same = agreement(secret, other)
    opened = door.reveal(same, UNCHANGED, why=f"iteration {iteration}: when to stop")
    return opened is not None and bool(opened[0])


def _decided_by_server(server: Link, door: Door, gram_enc_NN: Any) -> tuple[torch.Tensor, int, int]:
    """Open all distances to the server and take labels and k from it."""
    distances = squared_distances(gram_enc_NN)
    door.reveal(distances, DISTANCES, why="the server chooses k and the labels")
    decision = server.recv_json(DECISION)
    labels = torch.tensor(decision["labels"], dtype=torch.int64)
    k = int(str(decision["k"]))
    return torch.eye(k, dtype=torch.int64)[labels], k, int(str(decision["iterations"]))


def _reveal_to_evaluator(door: Door, onehot_NK: Any) -> None:
    if not _is_secret(onehot_NK):
        zeros = torch.zeros(tuple(onehot_NK.shape), dtype=torch.int64)
        onehot_NK = from_share(zeros) + onehot_NK
    clusters = torch.arange(onehot_NK.size(1), dtype=torch.int64)
    labels_enc_N = local(onehot_NK, lambda s: (s * clusters).sum(1))
    door.reveal(labels_enc_N, EVALUATION, why="simulation: compared with truth")


def _is_secret(assignments: Any) -> bool:
    return not isinstance(assignments, torch.Tensor)
