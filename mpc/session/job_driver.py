"""One job from the side of the server and the data owners.

In a simulation one process plays them all; each owner still has sockets of its own, and share p
goes to party p through them and nowhere else.

Shape letters: N points, D dimensions of a point, M of a payload, R rows of one owner.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from mpc.errors import NoAnswerError, OwnerError, PartyError, SessionError, TransportError
from mpc.jobs.encoding import payload_unit
from mpc.jobs.job import ClusterJob
from mpc.jobs.order import Order
from mpc.jobs.result import ClusterResult, LedgerEntry
from mpc.jobs.rows import decode_mean, encode_payload, encode_point
from mpc.net.frames import CONTROL, DECISION, OPENED
from mpc.net.link import Link
from mpc.net.link_meter import LinkMeter
from mpc.reference.session import cluster_distances
from mpc.ring.fixedpoint import FloatArray, Int64Array
from mpc.session.data_owner import DataOwner, reconstruct
from mpc.traffic import OperationTraffic, RoleTraffic, StepCost, Traffic

Reply = dict[str, object]


class Group(Protocol):
    """What a job needs of the running session."""

    control: LinkMeter
    """Of the server's links."""

    @property
    def server_links(self) -> Sequence[Link]:
        """The server's link to each party, in rank order."""

    def owners(self, names: Sequence[str]) -> Mapping[str, DataOwner]:
        """Return data owners, connecting those that are new."""

    def forget(self, name: str) -> None:
        """Close a data owner's links; it has to connect anew."""

    def check(self) -> None:
        """Raise if a process has ended."""

    def wait_readable(self, link: Link, deadline: float) -> None:
        """Wait for a link until a deadline (monotonic seconds), watching the processes."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EncodedInput:
    """What the owners will share: ring elements of each, points and payload side by side."""

    rows: Mapping[str, Sequence[int]]
    """Rows that each owner holds; together 0 .. N - 1."""
    ring: Mapping[str, Int64Array] = field(repr=False)
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
        points = encode_point(points_ND[list(held)], job)
        payload = encode_payload(payload_NM[list(held)], job)
        ring[name] = np.concatenate([points, payload], axis=1)
    return EncodedInput(rows=rows, ring=ring, dim=points_ND.shape[1], payload=payload_NM.shape[1])


class Coordination:
    """One job, from its announcement to its result.

    Parameters
    ----------
    group : Group
    job : ClusterJob
    given : EncodedInput
    number : int
        1, 2, ... in the order of the session's jobs; stands in every frame.
    timeout_s : float
        Longest silence of a party that waits for data owners.
    job_timeout_s : float
        Longest time that the job may take.
    """

    def __init__(
        self,
        group: Group,
        job: ClusterJob,
        given: EncodedInput,
        *,
        number: int,
        timeout_s: float,
        job_timeout_s: float,
    ) -> None:
        self._group, self._job, self._given, self._number = group, job, given, number
        self._started = time.perf_counter()
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + job_timeout_s
        self._owners = group.owners(list(given.rows))

    def run(self, insecure: tuple[str, ...]) -> ClusterResult:
        """Send the job and the shares, serve the policy, collect everybody's results.

        Parameters
        ----------
        insecure : tuple of str
            Stamps for the record of what it cost.

        Raises
        ------
        OwnerError
            Data owners failed; the session stays usable.
        SessionError, TransportError
            A process or a link failed, or the parties do not agree.
        """
        self._announce()
        sharing = time.perf_counter()
        failed = self._share()
        seconds_share = time.perf_counter() - sharing
        self._settle_inputs(failed)
        if self._job.reveal == "distances":
            self._decide()
        evaluated = None
        if self._job.evaluate:
            evaluated = self._collect_from_parties((self._given.num_points,))
        means_NM, sizes_N, lost = self._collect_means()
        replies = [self._receive(link) for link in self._group.server_links]
        reply = _agreed(replies)
        self._settle_results(replies, lost)
        labels = evaluated if evaluated is not None else reply["labels"]
        return ClusterResult(
            k=int(str(reply["k"])),
            iterations=int(str(reply["iterations"])),
            means_NM=means_NM,
            sizes_N=sizes_N,
            labels_N=None if labels is None else np.asarray(labels, dtype=np.int64),
            ledger=tuple(LedgerEntry.from_json(line) for line in _dicts(reply["ledger"])),
            traffic=self._traffic(replies, seconds_share, insecure),
        )

    def _announce(self) -> None:
        order = Order(
            number=self._number,
            job=self._job,
            rows=self._given.rows,
            dim=self._given.dim,
            payload=self._given.payload,
        )
        self._tell(order.as_json())

    def _tell(self, message: Mapping[str, object]) -> None:
        for link in self._group.server_links:
            link.send_json(CONTROL, message, number=self._number)

    def _share(self) -> dict[str, str]:
        """Let every owner send its shares; return who could not, and why."""
        failed = {}
        for name, owner in self._owners.items():
            try:
                owner.send(self._given.ring[name], job=self._number)
            except TransportError as error:
                failed[name] = str(error)
        return failed

    def _settle_inputs(self, failed: dict[str, str]) -> None:
        """Go on if every party has a share of everybody, else give the job up."""
        for link in self._group.server_links:
            refused = self._receive_inputs(link)["refused"]
            if isinstance(refused, dict):
                failed |= {str(name): f"{link.peer}: {why}" for name, why in refused.items()}
        self._tell({"go": not failed})
        if failed:
            what = "data owners failed the job, which nobody learned from"
            raise self._owners_failed(what, failed)

    def _receive_inputs(self, link: Link) -> Reply:
        """Wait for a party to have its inputs; while it waits for owners it says so."""
        while True:
            patience = min(self._deadline, time.monotonic() + self._timeout_s)
            try:
                self._group.wait_readable(link, patience)
            except NoAnswerError:
                raise SessionError(str(link.silence())) from None
            message = link.recv_json(CONTROL, number=self._number)
            if "waiting" not in message:
                return message

    def _decide(self) -> None:
        """Choose k and the labels from the opened distances, and tell the parties."""
        n = self._given.num_points
        dist_NN = self._collect_from_parties((n, n)).astype(np.float64)
        labels_N, k, iterations = cluster_distances(dist_NN, self._job, self._given.dim)
        decision = {"labels": labels_N.tolist(), "k": k, "iterations": iterations}
        for link in self._group.server_links:
            link.send_json(DECISION, decision, number=self._number)

    def _collect_from_parties(self, shape: tuple[int, ...]) -> Int64Array:
        """Receive one share from each party and reconstruct."""
        shares = []
        for link in self._group.server_links:
            self._wait(link)
            shares.append(link.recv_ring(OPENED, shape, number=self._number))
        return reconstruct(shares)

    def _collect_means(self) -> tuple[FloatArray, Int64Array, dict[str, str]]:
        """Let each owner reconstruct means (N, M) and sizes (N,) of its clusters; or say why not.

        A party that dies shows as a link that broke, too; `wait_readable` tells it from an owner.
        """
        given = self._given
        whole = np.zeros((given.num_points, given.payload + 1), dtype=np.int64)
        lost = {}
        for name, rows in given.rows.items():
            shape = (len(rows), given.payload + 1)
            try:
                received = self._owners[name].receive(shape, job=self._number, wait=self._wait)
                whole[np.asarray(rows)] = received
            except TransportError as error:
                self._group.check()
                lost[name] = str(error)
        sizes_N = whole[:, -1].copy()
        unit = payload_unit(self._job, given.payload)
        return decode_mean(whole[:, :-1], sizes_N, unit), sizes_N, lost

    def _settle_results(self, replies: Sequence[Reply], lost: dict[str, str]) -> None:
        """Name the owners that did not get their results; they connect anew for the next job."""
        for reply in replies:
            undelivered = reply["undelivered"]
            if isinstance(undelivered, dict):
                lost |= {str(name): str(why) for name, why in undelivered.items()}
        if lost:
            raise self._owners_failed("data owners did not take their results", lost)

    def _owners_failed(self, what: str, why: Mapping[str, str]) -> OwnerError:
        for name in why:
            self._group.forget(name)
        reasons = "; ".join(f"{name}: {reason}" for name, reason in sorted(why.items()))
        return OwnerError(f"{what}: {reasons}")

    def _wait(self, link: Link) -> None:
        self._group.wait_readable(link, self._deadline)

    def _receive(self, link: Link) -> Reply:
        self._wait(link)
        return link.recv_json(CONTROL, number=self._number)

    def _traffic(
        self, replies: Sequence[Reply], seconds_share: float, insecure: tuple[str, ...]
    ) -> Traffic:
        reply = replies[0]
        roles = [RoleTraffic(**line) for each in replies for line in _dicts(each["roles"])]
        operations = [
            OperationTraffic(**line) for each in replies for line in _dicts(each["operations"])
        ]
        total = time.perf_counter() - self._started
        counted = [
            owner.meter.since_last(owner.links, seconds_share / len(self._owners))
            for owner in self._owners.values()
        ]
        counted.append(self._group.control.since_last(self._group.server_links, total))
        return Traffic(
            roles=(*roles, *(role for role, _ in counted)),
            operations=(*operations, *(entry for _, entries in counted for entry in entries)),
            steps=tuple(StepCost(**step) for step in _dicts(reply["steps"])),
            rounds_online=max(int(str(each["rounds_online"])) for each in replies),
            rounds_offline=int(str(reply["rounds_offline"])),  # of party 0, which alone asks
            seconds_share=seconds_share,
            seconds_online=float(str(reply["seconds_online"])),
            seconds_offline=float(str(reply["seconds_offline"])),
            seconds_total=total,
            insecure=insecure,
        )


def _agreed(replies: Sequence[Reply]) -> Reply:
    """Return party 0's reply, if all agree on what they must agree on."""
    for key in ("k", "iterations", "labels", "ledger"):
        if any(reply[key] != replies[0][key] for reply in replies):
            raise PartyError(f"the parties do not agree on {key}; one of them is faulty")
    return replies[0]


def _dicts(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise PartyError("a party's reply is malformed")
    return value
