"""One job from the side of the server and the data owners.

In a simulation one process plays them all; each owner still has sockets of its own, and share p
goes to party p through them and nowhere else.

Shape letters: N points, D dimensions of a point, M of a payload, R rows of one owner.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mpc.errors import PartyError
from mpc.fixedpoint import GRAM_BITS, FloatArray, Int64Array, decode
from mpc.jobs import ClusterJob, ClusterResult, LedgerEntry
from mpc.plain import cluster_gram, gram_of_distances
from mpc.sharing import decode_mean, encode_payload, encode_point, reconstruct, split
from mpc.traffic import Phase, RoleTraffic, StepCost, Traffic
from mpc.transport import CONTROL, DECISION, OPENED, SHARE, Link, LinkCount

Reply = dict[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class DataOwner:
    """One data owner's links, to each party in rank order."""

    name: str
    links: tuple[Link, ...]

    def send(self, ring_RX: Int64Array) -> None:
        """Split ring elements and send share p to party p."""
        for link, share in zip(self.links, split(ring_RX, len(self.links)), strict=True):
            link.send_ring(SHARE, share)

    def count(self) -> LinkCount:
        """Return what went through this owner's sockets so far."""
        total = LinkCount()
        for link in self.links:
            total.bytes_sent += link.count.bytes_sent
            total.bytes_received += link.count.bytes_received
            total.frames_sent += link.count.frames_sent
            total.frames_received += link.count.frames_received
        return total


class Group(Protocol):
    """What a job needs of the running session."""

    @property
    def server_links(self) -> Sequence[Link]:
        """The server's link to each party, in rank order."""

    def owners(self, names: Sequence[str]) -> Mapping[str, DataOwner]:
        """Return data owners, connecting those that are new."""

    def wait_readable(self, link: Link, deadline: float) -> None:
        """Wait for a link until a deadline (monotonic seconds), watching the processes."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EncodedInput:
    """What the owners will share: ring elements of each, points and payload side by side."""

    rows: Mapping[str, Sequence[int]]
    """Rows that each owner holds; together 0 .. N - 1."""
    ring: Mapping[str, Int64Array]
    """(R, D + M) of each owner."""
    dim: int
    payload: int

    @property
    def num_points(self) -> int:
        """N."""
        return sum(len(held) for held in self.rows.values())


def encode_input(
    job: ClusterJob,
    points_ND: FloatArray,
    payload_NM: FloatArray,
    rows: Mapping[str, Sequence[int]],
) -> EncodedInput:
    """Let every owner check and encode its rows; nothing is shared if one of them cannot.

    Raises
    ------
    InputError, BudgetError
    """
    ring = {}
    for name, held in rows.items():
        points = encode_point(points_ND[list(held)], norm_bound=job.norm_bound)
        payload = encode_payload(payload_NM[list(held)], num_rows_in_job=len(points_ND))
        ring[name] = np.concatenate([points, payload], axis=1)
    return EncodedInput(rows=rows, ring=ring, dim=points_ND.shape[1], payload=payload_NM.shape[1])


def run_job(
    group: Group,
    job: ClusterJob,
    given: EncodedInput,
    *,
    timeout_s: float,
    insecure: tuple[str, ...],
) -> ClusterResult:
    """Send the job and the shares, serve the policy, collect everybody's results.

    Raises
    ------
    SessionError, TransportError
        A process or a link failed, or the parties do not agree.
    """
    started, deadline = time.perf_counter(), time.monotonic() + timeout_s
    control_before = [link.count.copy() for link in group.server_links]
    _announce(group, job, given)
    owners = group.owners(list(given.rows))
    before = {name: owner.count() for name, owner in owners.items()}
    sharing = time.perf_counter()
    for name, owner in owners.items():
        owner.send(given.ring[name])
    seconds_share = time.perf_counter() - sharing
    if job.reveal == "distances":
        _decide(group, job, given.num_points, deadline)
    evaluated = None
    if job.evaluate:
        evaluated = _collect(group, group.server_links, (given.num_points,), deadline)
    means_NM, sizes_N = _collect_means(group, owners, given, deadline)
    replies = [_receive(group, link, deadline) for link in group.server_links]
    reply = _agreed(replies)
    roles = _counted_by_parties(replies)
    for name, owner in owners.items():
        roles.append(_role(name, "input", owner.count().minus(before[name])))
    for link, earlier in zip(group.server_links, control_before, strict=True):
        roles.append(_role("server", "control", link.count.minus(earlier)))
    labels = evaluated if evaluated is not None else reply["labels"]
    return ClusterResult(
        k=int(str(reply["k"])),
        iterations=int(str(reply["iterations"])),
        means_NM=means_NM,
        sizes_N=sizes_N,
        labels_N=None if labels is None else np.asarray(labels, dtype=np.int64),
        ledger=tuple(LedgerEntry.from_json(line) for line in _dicts(reply["ledger"])),
        traffic=Traffic(
            roles=tuple(roles),
            steps=tuple(StepCost(**step) for step in _dicts(reply["steps"])),  # type: ignore[arg-type]
            rounds_online=int(str(reply["rounds_online"])),
            rounds_offline=int(str(reply["rounds_offline"])),
            seconds_share=seconds_share,
            seconds_online=float(str(reply["seconds_online"])),
            seconds_offline=float(str(reply["seconds_offline"])),
            seconds_total=time.perf_counter() - started,
            insecure=insecure,
        ),
    )


def _announce(group: Group, job: ClusterJob, given: EncodedInput) -> None:
    message = {
        "do": "cluster",
        "job": job.as_json(),
        "owners": given.rows,
        "dim": given.dim,
        "payload": given.payload,
    }
    for link in group.server_links:
        link.send_json(CONTROL, message)


def _decide(group: Group, job: ClusterJob, num_points: int, deadline: float) -> None:
    """Choose k and the labels from the opened distances, and tell the parties."""
    opened_NN = _collect(group, group.server_links, (num_points, num_points), deadline)
    dist_NN = decode(opened_NN, bits=GRAM_BITS)
    labels_N, k, iterations = cluster_gram(gram_of_distances(dist_NN), job)
    decision = {"labels": labels_N.tolist(), "k": k, "iterations": iterations}
    for link in group.server_links:
        link.send_json(DECISION, decision)


def _collect(
    group: Group, links: Sequence[Link], shape: tuple[int, ...], deadline: float
) -> Int64Array:
    """Receive one share from each party and reconstruct."""
    shares = []
    for link in links:
        group.wait_readable(link, deadline)
        shares.append(link.recv_ring(OPENED, shape))
    return reconstruct(shares)


def _collect_means(
    group: Group, owners: Mapping[str, DataOwner], given: EncodedInput, deadline: float
) -> tuple[FloatArray, Int64Array]:
    """Let each owner reconstruct its own rows: group means (N, M) and sizes (N,)."""
    whole = np.empty((given.num_points, given.payload + 1), dtype=np.int64)
    for name, rows in given.rows.items():
        shape = (len(rows), given.payload + 1)
        whole[np.asarray(rows)] = _collect(group, owners[name].links, shape, deadline)
    sizes_N = whole[:, -1].copy()
    return decode_mean(whole[:, :-1], sizes_N), sizes_N


def _receive(group: Group, link: Link, deadline: float) -> Reply:
    group.wait_readable(link, deadline)
    return link.recv_json(CONTROL)


def _agreed(replies: Sequence[Reply]) -> Reply:
    """Return party 0's reply, if all agree on what they must agree on."""
    for key in ("k", "iterations", "labels", "ledger"):
        if any(reply[key] != replies[0][key] for reply in replies):
            raise PartyError(f"the parties do not agree on {key}; one of them is faulty")
    return replies[0]


def _counted_by_parties(replies: Sequence[Reply]) -> list[RoleTraffic]:
    """Return what the parties counted, and the dealer's side as their mirror image."""
    roles = [RoleTraffic(**entry) for reply in replies for entry in _dicts(reply["roles"])]  # type: ignore[arg-type]
    offline = [entry for entry in roles if entry.phase == "offline"]
    if offline:
        roles.append(
            RoleTraffic(
                role="dealer",
                phase="offline",
                bytes_sent=sum(entry.bytes_received for entry in offline),
                bytes_received=sum(entry.bytes_sent for entry in offline),
                frames_sent=sum(entry.frames_received for entry in offline),
                frames_received=sum(entry.frames_sent for entry in offline),
            )
        )
    return roles


def _role(role: str, phase: Phase, count: LinkCount) -> RoleTraffic:
    return RoleTraffic(
        role=role,
        phase=phase,
        bytes_sent=count.bytes_sent,
        bytes_received=count.bytes_received,
        frames_sent=count.frames_sent,
        frames_received=count.frames_received,
    )


def _dicts(value: object) -> list[dict[str, object]]:
    if not isinstance(value, list):
        raise PartyError("a party's reply is malformed")
    return value
