"""A session of secure clustering: open once, submit many jobs, close.

In a simulation one process plays the server and every data owner; each owner still has sockets of
its own, and share p goes to party p through them and nowhere else. The computing parties and the
dealer are always other processes.

Shape letters: N points, K clusters, D dimensions of a point, M of a payload, P parties, R rows.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import numpy as np

from mpc.errors import InputError, InsecureError, PartyError, SessionError, TransportError
from mpc.fixedpoint import GRAM_BITS, FloatArray, Int64Array, decode
from mpc.jobs import ClusterJob, ClusterResult, LedgerEntry
from mpc.launch import ProcessGroup
from mpc.plain import cluster_gram, gram_of_distances
from mpc.sharing import decode_mean, encode_payload, encode_point, reconstruct, split
from mpc.traffic import Phase, RoleTraffic, StepCost, Traffic
from mpc.transport import Link, LinkCount, allow_open_files

MAX_PARTIES: Final = 5
START_TIMEOUT_S: Final = 180.0
_CONTROL: Final = b"CTRL"
_SHARE: Final = b"SHAR"
_OPENED: Final = b"OPEN"
_DECISION: Final = b"DCSN"


@dataclass(frozen=True, kw_only=True, slots=True)
class DataOwner:
    """One data owner's links, to each party in rank order."""

    name: str
    links: tuple[Link, ...]

    def send(self, ring_RX: Int64Array) -> None:
        """Split ring elements and send share p to party p."""
        for link, share in zip(self.links, split(ring_RX, len(self.links)), strict=True):
            link.send_ring(_SHARE, share)

    def count(self) -> LinkCount:
        """Return what went through this owner's sockets so far."""
        total = LinkCount()
        for link in self.links:
            total.bytes_sent += link.count.bytes_sent
            total.bytes_received += link.count.bytes_received
            total.frames_sent += link.count.frames_sent
            total.frames_received += link.count.frames_received
        return total


def open_session(
    num_parties: int = 2,
    *,
    timeout_s: float = 60.0,
    job_timeout_s: float = 600.0,
    provider: str = "dealer",
    insecure_dev: bool = False,
) -> "SecureSession":
    """Start computing parties and dealer, and wait until they are ready.

    Parameters
    ----------
    num_parties : int
        P, 2 to 5; any P - 1 of them may pool what they see.
    timeout_s : float
        Longest silence of a peer.
    job_timeout_s : float
        Longest time that one job may take.
    provider : {"dealer", "tfp"}
        Source of correlated randomness. `tfp` is CrypTen's own first-party provider, whose party 0
        can unmask everything: for debugging only, with `insecure_dev`, and every result is stamped.
    insecure_dev : bool

    Returns
    -------
    SecureSession
        A context manager.

    Raises
    ------
    InputError, InsecureError
    SessionError
        A process did not start.
    """
    if not 2 <= num_parties <= MAX_PARTIES:
        raise InputError(f"{num_parties} parties asked for; 2 to {MAX_PARTIES} are possible")
    if provider not in ("dealer", "tfp"):
        raise InputError(f"provider={provider!r} is none of dealer, tfp")
    if provider == "tfp" and not insecure_dev:
        raise InsecureError(
            "provider 'tfp' lets party 0 unmask every secret; use 'dealer', "
            "or say --insecure-dev to debug with it"
        )
    return SecureSession(
        num_parties, timeout_s=timeout_s, job_timeout_s=job_timeout_s, provider=provider
    )


class SecureSession:
    """An open group of parties; made by `open_session`."""

    def __init__(
        self, num_parties: int, *, timeout_s: float, job_timeout_s: float, provider: str
    ) -> None:
        self.num_parties = num_parties
        self.insecure = ("provider tfp: party 0 can unmask everything",) * (provider == "tfp")
        self._job_timeout_s = job_timeout_s
        self._owners: dict[str, DataOwner] = {}
        self._broken = ""
        self._group = ProcessGroup(num_parties, timeout_s=timeout_s, provider=provider)
        try:
            self._parties = [self._group.connect("server", rank) for rank in range(num_parties)]
            deadline = time.monotonic() + START_TIMEOUT_S
            for link in self._parties:
                self._group.wait_readable(link, deadline)
                link.recv_json(_CONTROL)
        except TransportError:
            try:
                self._group.blame()
            finally:
                self.close()
            raise
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pids(self) -> dict[str, int]:
        """Process number of each role."""
        return {child.role: child.pid for child in self._group.children}

    def close(self) -> None:
        """End all processes and close all links; harmless when done already."""
        self._broken = self._broken or "it was closed"
        for owner in self._owners.values():
            for link in owner.links:
                link.close()
        for link in getattr(self, "_parties", []):
            link.close()
        self._group.end()

    def cluster(
        self,
        job: ClusterJob,
        points_ND: FloatArray,
        payload_NM: FloatArray,
        owners: Sequence[int] | None = None,
    ) -> ClusterResult:
        """Cluster points and average payloads inside clusters, under sharing.

        Parameters
        ----------
        job : ClusterJob
        points_ND : ndarray of float64, (N, D)
            Norms at most `job.norm_bound`.
        payload_NM : ndarray of float64, (N, M)
        owners : sequence of int, optional
            Which data owner holds each row; each row has its own when None.

        Returns
        -------
        ClusterResult

        Raises
        ------
        InputError
            Refused before anything is shared; the session stays usable.
        SessionError, TransportError
            A process or a link failed; the session is closed.

        Notes
        -----
        Cost: a data owner sends 8 P (D + M) bytes a row and gets 8 P (M + 1); see `mpc.kmeans` for
        the parties. Leakage: see the table in `mpc.reveal`.
        """
        if self._broken:
            raise SessionError(f"the session cannot be used: {self._broken}; open a new one")
        job.check_points(points_ND, payload_NM)
        held = _rows_by_owner(owners, len(points_ND))
        encoded = {name: _encode(job, points_ND, payload_NM, rows) for name, rows in held.items()}
        try:
            return _Run(self, job, held, points_ND.shape[1], payload_NM.shape[1]).run(encoded)
        except (TransportError, SessionError) as error:
            self._broken = str(error)
            try:
                if isinstance(error, TransportError):
                    self._group.blame()
            finally:
                self.close()
            raise
        except BaseException:
            self._broken = "a job was interrupted"
            self.close()
            raise

    def owner(self, name: str) -> DataOwner:
        """Return a data owner's links, opening them at first use."""
        if name not in self._owners:
            links = tuple(self._group.connect(name, rank) for rank in range(self.num_parties))
            self._owners[name] = DataOwner(name=name, links=links)
        return self._owners[name]

    def wait_readable(self, link: Link, deadline: float) -> None:
        """Wait for a link, watching the processes; see `ProcessGroup.wait_readable`."""
        self._group.wait_readable(link, deadline)

    @property
    def server_links(self) -> Sequence[Link]:
        """The server's link to each party."""
        return self._parties

    @property
    def job_timeout_s(self) -> float:
        """Longest time that one job may take."""
        return self._job_timeout_s


class _Run:
    """One job from the side of server and data owners."""

    def __init__(
        self,
        session: SecureSession,
        job: ClusterJob,
        held: Mapping[str, Sequence[int]],
        dim: int,
        payload: int,
    ) -> None:
        self._session = session
        self._job = job
        self._held = held
        self._dim = dim
        self._payload = payload
        self._num_points = sum(len(rows) for rows in held.values())
        self._deadline = time.monotonic() + session.job_timeout_s
        self._started = time.perf_counter()

    def run(self, encoded: Mapping[str, Int64Array]) -> ClusterResult:
        """Send the job and the shares, serve the policy, collect everybody's results."""
        server_before = [link.count.copy() for link in self._session.server_links]
        allow_open_files(len(self._held) * self._session.num_parties)
        self._announce()
        sharing = time.perf_counter()
        owners = {name: self._session.owner(name) for name in self._held}
        before = {name: owner.count() for name, owner in owners.items()}
        for name, owner in owners.items():
            owner.send(encoded[name])
        seconds_share = time.perf_counter() - sharing
        if self._job.reveal == "distances":
            self._decide()
        evaluated = self._opened_to_server((self._num_points,)) if self._job.evaluate else None
        sums_NM, sizes_N = self._collect(owners)
        replies = [self._receive(link) for link in self._session.server_links]
        reply = self._agreed(replies)
        labels = evaluated if evaluated is not None else reply["labels"]
        roles = _roles(replies)
        roles += [_role(name, "input", o.count().minus(before[name])) for name, o in owners.items()]
        roles += [
            _role("server", "control", link.count.minus(earlier))
            for link, earlier in zip(self._session.server_links, server_before, strict=True)
        ]
        return ClusterResult(
            k=int(str(reply["k"])),
            iterations=int(str(reply["iterations"])),
            means_NM=decode_mean(sums_NM, sizes_N),
            sizes_N=sizes_N,
            labels_N=None if labels is None else np.asarray(labels, dtype=np.int64),
            ledger=tuple(LedgerEntry.from_json(line) for line in _dicts(reply["ledger"])),
            traffic=self._traffic(replies[0], roles, seconds_share),
        )

    def _announce(self) -> None:
        message = {
            "do": "cluster",
            "job": self._job.as_json(),
            "owners": self._held,
            "dim": self._dim,
            "payload": self._payload,
        }
        for link in self._session.server_links:
            link.send_json(_CONTROL, message)

    def _decide(self) -> None:
        """Choose k and the labels from the opened distances, and tell the parties."""
        n = self._num_points
        dist_NN = decode(self._opened_to_server((n, n)), bits=GRAM_BITS)
        labels_N, k, iterations = cluster_gram(gram_of_distances(dist_NN), self._job)
        decision = {"labels": labels_N.tolist(), "k": k, "iterations": iterations}
        for link in self._session.server_links:
            link.send_json(_DECISION, decision)

    def _opened_to_server(self, shape: tuple[int, ...]) -> Int64Array:
        shares = []
        for link in self._session.server_links:
            self._session.wait_readable(link, self._deadline)
            shares.append(link.recv_ring(_OPENED, shape))
        return reconstruct(shares)

    def _collect(self, owners: Mapping[str, DataOwner]) -> tuple[Int64Array, Int64Array]:
        """Let each owner reconstruct its own rows: group sums (N, M) and sizes (N,)."""
        whole = np.empty((self._num_points, self._payload + 1), dtype=np.int64)
        for name, rows in self._held.items():
            shares = []
            for link in owners[name].links:
                self._session.wait_readable(link, self._deadline)
                shares.append(link.recv_ring(_OPENED, (len(rows), self._payload + 1)))
            whole[np.asarray(rows)] = reconstruct(shares)
        return whole[:, :-1], whole[:, -1]

    def _receive(self, link: Link) -> dict[str, object]:
        self._session.wait_readable(link, self._deadline)
        return link.recv_json(_CONTROL)

    def _agreed(self, replies: Sequence[dict[str, object]]) -> dict[str, object]:
        for key in ("k", "iterations", "labels", "ledger"):
            if any(reply[key] != replies[0][key] for reply in replies):
                raise PartyError(f"the parties do not agree on {key}; one of them is faulty")
        return replies[0]

    def _traffic(
        self, first: dict[str, object], roles: Sequence[RoleTraffic], seconds_share: float
    ) -> Traffic:
        return Traffic(
            roles=tuple(roles),
            steps=tuple(StepCost(**step) for step in _dicts(first["steps"])),  # type: ignore[arg-type]
            rounds_online=int(str(first["rounds_online"])),
            rounds_offline=int(str(first["rounds_offline"])),
            seconds_share=seconds_share,
            seconds_online=float(str(first["seconds_online"])),
            seconds_offline=float(str(first["seconds_offline"])),
            seconds_total=time.perf_counter() - self._started,
            insecure=self._session.insecure,
        )


def _encode(
    job: ClusterJob, points_ND: FloatArray, payload_NM: FloatArray, rows: Sequence[int]
) -> Int64Array:
    points = encode_point(points_ND[list(rows)], norm_bound=job.norm_bound)
    payload = encode_payload(payload_NM[list(rows)], num_rows_in_job=len(points_ND))
    return np.concatenate([points, payload], axis=1)


def _rows_by_owner(owners: Sequence[int] | None, num_points: int) -> dict[str, list[int]]:
    if owners is None:
        owners = range(num_points)
    if len(owners) != num_points:
        raise InputError(f"{num_points} points but {len(owners)} owners are named")
    held: dict[str, list[int]] = {}
    for row, owner in enumerate(owners):
        held.setdefault(f"client:{owner}", []).append(row)
    return held


def _roles(replies: Sequence[dict[str, object]]) -> list[RoleTraffic]:
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
