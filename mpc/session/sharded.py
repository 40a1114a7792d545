"""Clustering of more points than a job holds: shard by shard, then the clusters of all shards.

In a simulation one process plays the server and every data owner, as in `mpc.session.session`. The
owners of one shard are connected at a time, where owners are many.

Shape letters: N points, D dimensions of a point, M of a payload.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from mpc.errors import OwnerError, TransportError
from mpc.jobs.encoding import payload_unit
from mpc.jobs.job import ClusterJob
from mpc.jobs.result import ELSEWHERE, ClusterResult, LedgerEntry
from mpc.jobs.rows import decode_mean
from mpc.jobs.shard_plan import SHARD_SIZE, Shard, planned_shards
from mpc.jobs.sharding import HAND_BACK, JOIN, REASSIGN, SECOND_LEVEL
from mpc.net.frames import CONTROL
from mpc.net.link import allow_open_files
from mpc.reference.session import PlainSession
from mpc.reference.sharded import cluster_shards_in_the_clear
from mpc.ring.fixedpoint import FloatArray, Int64Array
from mpc.session.data_owner import DataOwner
from mpc.session.replies import Reply, agreed, dicts, fields_of, traffic_of
from mpc.session.session import SecureSession
from mpc.traffic import Traffic, combined

MOST_CONNECTED: Final = 8191
"""Where owners are more, those of a shard hang up after it, and connect again for their results."""


def cluster_in_shards(
    session: SecureSession | PlainSession,
    job: ClusterJob,
    points_ND: FloatArray,
    payload_NM: FloatArray,
    owners: Sequence[int] | None = None,
    *,
    shard_size: int = SHARD_SIZE,
    shard_k: int | None = None,
) -> ClusterResult:
    """Cluster points in shards, and average payloads inside clusters of all points.

    Each shard is a job with more clusters than asked for. Its sums, sizes and assignment stay at
    the parties as shares. A second level clusters the clusters of all shards. Points are then
    reassigned to its centres, and each owner receives the mean and the size of its own cluster of
    all points.

    Parameters
    ----------
    session : SecureSession or PlainSession
    job : ClusterJob
        What is asked of all points; k is given, and the policy is `own-mean`. Its start and its
        limit of iterations are those of each shard.
    points_ND : ndarray of float64, (N, D)
    payload_NM : ndarray of float64, (N, M)
    owners : sequence of int, optional
        The data owner of each row; None: each row has its own. An owner's rows are in one shard.
    shard_size : int
        Most points of a shard, up to `mpc.jobs.job.MAX_POINTS`.
    shard_k : int, optional
        Clusters of each shard; None: 2 k, but at most 16 unless k is larger.

    Returns
    -------
    ClusterResult
        As of a job; `iterations` are those of the second level, and `labels_N` is None. Of the data
        owners' traffic it has the busiest of each shard.

    Raises
    ------
    InputError, BudgetError
        Refused before anything is shared; the session stays usable.
    OwnerError, ConsentError, SessionError, TransportError
        As for `SecureSession.cluster`. The message names the shard that failed; nothing was opened
        of any shard, and the clustering begins again with its first.

    Notes
    -----
    Cost: see `mpc.costs.sharded_cost`. Leakage: as a job under policy `own-mean`, with a bit an
    iteration of each shard, and of the second level.
    """
    started = time.perf_counter()
    job, shards = planned_shards(
        job, points_ND, payload_NM, owners, shard_size=shard_size, shard_k=shard_k
    )
    if isinstance(session, PlainSession):
        return cluster_shards_in_the_clear(job, shards, points_ND, payload_NM)
    several = sum(len(shard.owner_names) for shard in shards) > MOST_CONNECTED
    run = _Run(session, job, hangs_up=several)
    for shard in shards:
        run.cluster(shard, points_ND, payload_NM)
    run.second_level()
    for _ in range(job.point_reassignments):
        run.reassign(shards)
    sums_NM = np.zeros((len(points_ND), payload_NM.shape[1] + 1), dtype=np.int64)
    sums_NM[:, -1] = ELSEWHERE
    for shard in shards:
        run.hand_back(shard, sums_NM)
    return run.result(sums_NM, time.perf_counter() - started)


class _Run:
    """One sharded clustering in a session, and what has come of it so far."""

    def __init__(self, session: SecureSession, job: ClusterJob, *, hangs_up: bool) -> None:
        self._session, self._job, self._hangs_up = session, job, hangs_up
        self._numbers: dict[int, int] = {}
        """Number of each shard's job."""
        self._iterations = 0
        self._ledger: list[LedgerEntry] = []
        self._traffic: list[Traffic] = []
        self._failed: dict[str, str] = {}

    def cluster(self, shard: Shard, points_ND: FloatArray, payload_NM: FloatArray) -> None:
        """Run the job of one shard."""
        job = replace(self._job, shard=shard.number)
        rows = np.asarray(shard.rows)
        try:
            result = self._session.cluster(job, points_ND[rows], payload_NM[rows], shard.owners)
        except OwnerError as error:
            raise OwnerError(f"shard {shard.number} of {job.shards}: {error}") from None
        if self._session.terms is not None:
            self._numbers[shard.number] = self._session.terms.number
        self._ledger += result.ledger
        self._traffic.append(result.traffic)
        self._leave(shard)

    def second_level(self) -> None:
        """Let the parties cluster the clusters of all shards."""
        started = time.perf_counter()
        with self._session.numbered() as number:
            replies = self._asked({"do": SECOND_LEVEL}, number)
        reply = agreed(replies, ("iterations", "ledger"))
        self._iterations = int(str(reply["iterations"]))
        self._note(replies, {}, started)

    def reassign(self, shards: Sequence[Shard]) -> None:
        """Let the parties reassign the points of all shards once."""
        orders: list[dict[str, object]] = [
            {"do": REASSIGN, "shard": shard.number} for shard in shards
        ]
        orders.append({"do": JOIN})
        for order in orders:
            started = time.perf_counter()
            with self._session.numbered() as number:
                replies = self._asked(order, number)
            self._note(replies, {}, started)

    def hand_back(self, shard: Shard, sums_NM: Int64Array) -> None:
        """Let the owners of a shard receive their results; fill in their rows."""
        session, started = self._session, time.perf_counter()
        names = list(shard.owner_names)
        allow_open_files(len(names) * session.num_parties)
        owners = session.owners(names)
        with session.numbered() as number:
            self._send({"do": HAND_BACK, "shard": shard.number}, number)
            deadline = time.monotonic() + session.job_timeout_s
            for name, held in shard.owner_names.items():
                shape = (len(held), sums_NM.shape[1])
                try:
                    sums_NM[held] = owners[name].receive(
                        shape,
                        job=self._numbers[shard.number],
                        wait=lambda link: session.wait_readable(link, deadline),
                    )
                except TransportError as error:
                    session.check()
                    self._failed[name] = str(error)
            replies = self._replies(number)
        for reply in replies:
            told = fields_of(reply["undelivered"])
            self._failed |= {name: str(why) for name, why in told.items()}
        self._note(replies, owners, started)
        self._leave(shard)

    def result(self, sums_NM: Int64Array, seconds: float) -> ClusterResult:
        """Return the result; raise if owners did not receive theirs."""
        if self._failed:
            for name in self._failed:
                self._session.forget(name)
            reasons = "; ".join(f"{name}: {why}" for name, why in sorted(self._failed.items()))
            raise OwnerError(f"data owners did not take their results: {reasons}")
        sizes_N = sums_NM[:, -1].copy()
        unit = payload_unit(self._job, sums_NM.shape[1] - 1)
        return ClusterResult(
            k=self._job.final_k or 1,
            iterations=self._iterations,
            means_NM=decode_mean(sums_NM[:, :-1], sizes_N, unit),
            sizes_N=sizes_N,
            labels_N=None,
            ledger=tuple(self._ledger),
            traffic=replace(combined(self._traffic), seconds_total=seconds),
        )

    def _asked(self, message: Mapping[str, object], number: int) -> list[Reply]:
        self._send(message, number)
        return self._replies(number)

    def _send(self, message: Mapping[str, object], number: int) -> None:
        for link in self._session.server_links:
            link.send_json(CONTROL, message, number=number)

    def _replies(self, number: int) -> list[Reply]:
        deadline = time.monotonic() + self._session.job_timeout_s
        replies = []
        for link in self._session.server_links:
            self._session.wait_readable(link, deadline)
            replies.append(link.recv_json(CONTROL, number=number))
        return replies

    def _note(
        self, replies: Sequence[Reply], owners: Mapping[str, DataOwner], started: float
    ) -> None:
        reply = agreed(replies, ("ledger",))
        self._ledger += [LedgerEntry.from_json(line) for line in dicts(reply["ledger"])]
        self._traffic.append(
            traffic_of(
                replies,
                owners.values(),
                self._session,
                started=started,
                seconds_share=0.0,
                insecure=self._session.insecure,
            )
        )

    def _leave(self, shard: Shard) -> None:
        """Let the owners of a shard hang up, if owners are many."""
        if self._hangs_up:
            for name in shard.owner_names:
                self._session.forget(name)
