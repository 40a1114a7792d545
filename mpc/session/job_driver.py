"""One job, driven by the server and the data owners.

In a simulation one process plays all of them. Each owner still has its own sockets, and share p
goes only to party p.

Shape letters: N points, D dimensions of a point, M of a payload, R rows of one owner.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from mpc.consent.policy import Refusal, refused
from mpc.consent.terms import Terms
from mpc.errors import (
    ConsentError,
    NoAnswerError,
    OwnerError,
    PartyError,
    SessionError,
    TransportError,
)
from mpc.jobs.encoding import payload_unit
from mpc.jobs.job import ClusterJob
from mpc.jobs.kept import Kept
from mpc.jobs.order import Order, check_rows_per_owner
from mpc.jobs.result import ELSEWHERE, ClusterResult, LedgerEntry
from mpc.jobs.rows import decode_mean, encode_payload, encode_point
from mpc.jobs.statement import NoiseStatement
from mpc.net.frames import CONTROL, DECISION, OPENED
from mpc.net.link import Link
from mpc.net.link_meter import LinkMeter
from mpc.reference.session import cluster_distances
from mpc.ring.fixedpoint import FloatArray, Int64Array
from mpc.session.data_owner import DataOwner, reconstruct
from mpc.session.replies import Reply, agreed, dicts, fields_of, traffic_of


class Group(Protocol):
    """The part of a running session that a job uses."""

    control: LinkMeter
    """Meter of the server's links."""

    def terms_of(self, order: Order) -> Terms:
        """Return the terms of an order of this session."""

    @property
    def server_links(self) -> Sequence[Link]:
        """The server's link to each party, in rank order."""

    def owners(self, names: Sequence[str]) -> Mapping[str, DataOwner]:
        """Return data owners; connect those that are new."""

    def forget(self, name: str) -> None:
        """Close a data owner's links; it must reconnect."""

    def check(self) -> None:
        """Raise if a process has ended."""

    def wait_readable(self, link: Link, deadline: float) -> None:
        """Wait for a link until a deadline (monotonic seconds); raise if a process ends."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EncodedInput:
    """Ring elements that the owners share, points and payload side by side."""

    rows: Mapping[str, Sequence[int]]
    """Rows of each owner; together 0 .. N - 1."""
    ring: Mapping[str, Int64Array] = field(repr=False)
    """Array of each owner in this process, (R, D + M)."""
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
    """Check and encode every owner's rows; nothing is shared if any of them is refused.

    Raises
    ------
    InputError, BudgetError
    """
    check_rows_per_owner(job, rows)
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
        1, 2, ... in the order of the session's jobs; part of every frame.
    kept : Kept
        Whose rows the parties keep for a warm start; the job's owners are added.
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
        kept: Kept[Sequence[int]],
        timeout_s: float,
        job_timeout_s: float,
    ) -> None:
        self._group, self._job, self._given, self._number = group, job, given, number
        self._kept = kept
        self._started = time.perf_counter()
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + job_timeout_s
        self._owners = group.owners(list(given.ring))

    def run(self, insecure: tuple[str, ...]) -> ClusterResult:
        """Send the job and the shares, carry out the policy, and collect all results.

        Parameters
        ----------
        insecure : tuple of str
            Insecure settings, recorded in the traffic.

        Raises
        ------
        OwnerError
            Data owners failed; the session stays usable.
        ConsentError
            A party or a data owner does not allow the job; the session stays usable.
        SessionError, TransportError
            A process or a link failed, or the parties do not agree.
        """
        terms = self._announce()
        sharing = time.perf_counter()
        failed = self._share(terms)
        seconds_share = time.perf_counter() - sharing
        self._check_inputs(failed)
        if self._job.reveal == "distances":
            self._decide()
        evaluated = None
        if self._job.evaluate:
            evaluated = self._collect_from_parties((self._given.num_points,))
        means_NM, sizes_N, undelivered_to = self._collect_means()
        replies = [self._receive(link) for link in self._group.server_links]
        reply = agreed(replies, ("k", "iterations", "labels", "ledger"))
        if not self._job.is_shard:
            self._kept.keep(self._number, self._job, int(str(reply["k"])), self._given.rows)
        self._check_results(replies, undelivered_to)
        labels = evaluated if evaluated is not None else reply["labels"]
        return ClusterResult(
            k=int(str(reply["k"])),
            iterations=int(str(reply["iterations"])),
            start=self._job.start,
            means_NM=means_NM,
            sizes_N=sizes_N,
            labels_N=None if labels is None else np.asarray(labels, dtype=np.int64),
            ledger=tuple(LedgerEntry.from_json(line) for line in dicts(reply["ledger"])),
            traffic=traffic_of(
                replies,
                self._owners.values(),
                self._group,
                started=self._started,
                seconds_share=seconds_share,
                insecure=insecure,
            ),
            privacy=NoiseStatement.of(
                self._job,
                num_points=self._given.num_points,
                dim=self._given.dim,
                payload=self._given.payload,
                num_parties=len(self._group.server_links),
            ),
        )

    def _announce(self) -> Terms:
        """Send every party the order; return the terms that they should announce."""
        order = Order(
            number=self._number,
            job=self._job,
            rows=self._given.rows,
            dim=self._given.dim,
            payload=self._given.payload,
            kept=self._kept.number,
        )
        self._send_to_parties(order.as_json())
        return self._group.terms_of(order)

    def _send_to_parties(self, message: Mapping[str, object]) -> None:
        for link in self._group.server_links:
            link.send_json(CONTROL, message, number=self._number)

    def _share(self, terms: Terms) -> dict[str, str]:
        """Let every owner here consent and share; return the owners that failed, and why.

        If a party refuses the job, the owners decline it, so that no party waits for them.
        """
        failed: dict[str, str] = {}
        digest = terms.digest
        for name, owner in self._owners.items():
            try:
                self._check_heard(
                    name, terms, owner.hear(job=self._number, wait=self._wait_briefly)
                )
                owner.send(self._given.ring[name], job=self._number, digest=digest)
            except ConsentError as error:
                for declining in self._owners.values():
                    declining.decline(error, job=self._number)
                return {}
            except TransportError as error:
                failed[name] = str(error)
        return failed

    def _check_heard(self, name: str, ordered: Terms, heard: Terms) -> None:
        """Raise if the parties announce something else than what was ordered."""
        if heard != ordered:
            raise refused(
                tuple(
                    Refusal(role=name, field=each.field, asked=each.other, allowed=each.one)
                    for each in ordered.differences(heard)
                )
            )

    def _wait_briefly(self, link: Link) -> None:
        """Wait for a party that has nothing else to do than to answer."""
        try:
            self._group.wait_readable(link, self._soon)
        except NoAnswerError:
            raise SessionError(str(link.silence())) from None

    @property
    def _soon(self) -> float:
        """Monotonic seconds at which a silent party counts as dead."""
        return min(self._deadline, time.monotonic() + self._timeout_s)

    def _check_inputs(self, failed: dict[str, str]) -> None:
        """Continue if every party has a share from every owner, else give the job up."""
        refusals: list[Mapping[str, object]] = []
        for link in self._group.server_links:
            reply = self._receive_inputs(link)
            refusals += dicts(reply["refusals"])
            for name, why in fields_of(reply["refused"]).items():
                failed[name] = f"{link.peer}: {why}"
        if not failed and not refusals:
            self._send_to_parties({"go": True})
            return
        error = self._given_up(failed, refusals)
        named = [dict(each) for each in getattr(error, "refusals", ())]
        self._send_to_parties({"go": False, "why": str(error), "refusals": named})
        raise error

    def _given_up(
        self, failed: Mapping[str, str], refusals: Sequence[Mapping[str, object]]
    ) -> SessionError:
        """Return why the job is given up; owners that failed must reconnect."""
        if not refusals:
            what = "data owners failed the job; nothing was opened"
            return self._owners_failed(what, failed)
        for name in failed:
            self._group.forget(name)
        try:
            named = {str(each): each for each in map(Refusal.from_json, refusals)}
        except KeyError as error:
            raise PartyError(f"a party's reply has a refusal without {error}") from None
        return refused(tuple(named.values()))

    def _receive_inputs(self, link: Link) -> Reply:
        """Wait until a party has its inputs; it sends heartbeats while it waits for owners."""
        while True:
            self._wait_briefly(link)
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
        """Receive one share from each party, and reconstruct."""
        shares = []
        for link in self._group.server_links:
            self._wait(link)
            shares.append(link.recv_ring(OPENED, shape, number=self._number))
        return reconstruct(shares)

    def _collect_means(self) -> tuple[FloatArray, Int64Array, dict[str, str]]:
        """Reconstruct means (N, M) and sizes (N,) at the owners; return them and failed owners.

        A party that died breaks links too; `Group.check` then raises instead. Owners of a shard
        receive nothing yet.
        """
        given = self._given
        whole = np.zeros((given.num_points, given.payload + 1), dtype=np.int64)
        whole[:, -1] = ELSEWHERE
        undelivered_to = {}
        receiving = {} if self._job.is_shard else self._owners
        for name, owner in receiving.items():
            rows = given.rows[name]
            shape = (len(rows), given.payload + 1)
            try:
                received = owner.receive(shape, job=self._number, wait=self._wait)
                whole[np.asarray(rows)] = received
            except TransportError as error:
                self._group.check()
                undelivered_to[name] = str(error)
        sizes_N = whole[:, -1].copy()
        unit = payload_unit(self._job, given.payload)
        return decode_mean(whole[:, :-1], sizes_N, unit), sizes_N, undelivered_to

    def _check_results(self, replies: Sequence[Reply], undelivered_to: dict[str, str]) -> None:
        """Raise if owners did not receive their results; they reconnect for the next job."""
        for reply in replies:
            undelivered = reply["undelivered"]
            if isinstance(undelivered, dict):
                undelivered_to |= {str(name): str(why) for name, why in undelivered.items()}
        if undelivered_to:
            raise self._owners_failed("data owners did not take their results", undelivered_to)

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
