"""A session of secure clustering: open once, submit many jobs, close.

In a simulation one process plays the server and every data owner. Each owner still has its own
sockets, and share p goes only to party p. The computing parties and the dealer are always other
processes.

Shape letters: N points, K clusters, D dimensions of a point, M of a payload, P parties.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from mpc.consent.terms import Terms
from mpc.errors import (
    ConsentError,
    InputError,
    InsecureError,
    OwnerError,
    RefusedError,
    SessionError,
    TransportError,
)
from mpc.jobs.bounds import with_bounds
from mpc.jobs.encoding import check_bounds
from mpc.jobs.job import MAX_JOBS, ClusterJob
from mpc.jobs.kept import Kept
from mpc.jobs.order import Order, check_rows, rows_by_owner
from mpc.jobs.result import ClusterResult
from mpc.net.addresses import MAX_PARTIES, read_addresses
from mpc.net.channel import check_seconds
from mpc.net.frames import CONTROL, PRESENT
from mpc.net.link import Link, allow_open_files
from mpc.net.link_meter import LinkMeter
from mpc.ring.fixedpoint import FloatArray
from mpc.roles.bootstrap import START_TIMEOUT_S
from mpc.session.by_token import copy_by_token
from mpc.session.data_owner import DataOwner
from mpc.session.job_driver import Coordination, EncodedInput, encode_input
from mpc.session.local_group import ProcessGroup
from mpc.session.party_group import PartyGroup
from mpc.session.remote_group import RemoteGroup
from mpc.session.stamps import Links, insecure_stamps

_RETRY_S: Final = 0.5


def open_session(
    num_parties: int = 2,
    *,
    timeout_s: float = 60.0,
    job_timeout_s: float = 600.0,
    provider: str = "dealer",
    links: Links = "tls",
    insecure_dev: bool = False,
) -> "SecureSession":
    """Start computing parties and dealer on this machine, and wait until they are ready.

    Parameters
    ----------
    num_parties : int
        P, 2 to 5; any P - 1 of them may collude.
    timeout_s : float
        Longest silence of a peer.
    job_timeout_s : float
        Longest time that one job may take.
    provider : {"dealer", "tfp"}
        Source of correlated randomness. `tfp` is CrypTen's first-party provider, whose party 0 can
        unmask everything. It is for debugging only, needs `insecure_dev`, and stamps every result.
    links : {"tls", "plain"}
        TLS 1.3 with certificates made for this session, or plain TCP on loopback. Plain TCP is for
        measurements only, needs `insecure_dev`, and stamps every result.
    insecure_dev : bool
        Allow insecure settings.

    Returns
    -------
    SecureSession
        A context manager.

    Raises
    ------
    InputError, InsecureError, SessionError
        The last of them if a process did not start.
    """
    if not 2 <= num_parties <= MAX_PARTIES:
        raise InputError(f"{num_parties} parties asked for; 2 to {MAX_PARTIES} are possible")
    check_seconds("timeout_s", timeout_s)
    check_seconds("job_timeout_s", job_timeout_s)
    insecure = insecure_stamps(provider, links)
    if insecure and not insecure_dev:
        raise InsecureError(f"{'; '.join(insecure)}. To debug with it, say --insecure-dev")
    group = ProcessGroup(
        num_parties,
        timeout_s=timeout_s,
        job_timeout_s=job_timeout_s,
        provider=provider,
        tls=links == "tls",
    )
    return SecureSession(group, job_timeout_s=job_timeout_s, insecure=insecure)


def join_session(
    network: Path, certificates: Path, *, timeout_s: float = 60.0, job_timeout_s: float = 600.0
) -> "SecureSession":
    """Use parties and a dealer on other hosts, started by `secfpp party` and `secfpp dealer`.

    Parameters
    ----------
    network : Path
        File of addresses; see `mpc.net.addresses`.
    certificates : Path
        Folder with the credentials of `server` and of every data owner that this process plays.
    timeout_s, job_timeout_s : float
        As in `open_session`.

    Raises
    ------
    InputError
        A file is missing or malformed.
    TransportError
        A party cannot be reached, or refuses the connection.
    SessionError
        The parties form no session within `timeout_s`.
    """
    check_seconds("timeout_s", timeout_s)
    check_seconds("job_timeout_s", job_timeout_s)
    addresses = read_addresses(network)
    deadline = time.monotonic() + timeout_s
    while True:
        group = RemoteGroup(addresses, certificates, timeout_s=timeout_s)
        try:
            return SecureSession(group, job_timeout_s=job_timeout_s, insecure=())
        except (SessionError, TransportError) as error:
            refused = isinstance(error, RefusedError) and not error.cause.lost
            if refused or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_S)  # parties that lost one of them form a new session


class SecureSession:
    """An open group of parties; made by `open_session` or `join_session`."""

    def __init__(
        self, group: PartyGroup, *, job_timeout_s: float, insecure: tuple[str, ...]
    ) -> None:
        self.num_parties, self.insecure = group.num_parties, insecure
        self.job_timeout_s = job_timeout_s
        self._owners: dict[str, DataOwner] = {}
        self._parties: list[Link] = []
        self._broken = self._run_name = ""
        self._jobs = 0
        self.terms: Terms | None = None
        """Of the last job."""
        self._kept: Kept[Sequence[int]] = Kept()
        self.control = LinkMeter(role="server", phase="control")
        self._group = group
        try:
            self._connect_to_parties()
        except TransportError:
            try:
                self._group.raise_if_dead()
            finally:
                self.close()
            raise
        except BaseException:
            self.close()
            raise

    def _connect_to_parties(self) -> None:
        self._parties += [self._group.connect("server", rank) for rank in range(self.num_parties)]
        deadline = time.monotonic() + START_TIMEOUT_S
        for link in self._parties:
            self._group.wait_readable(link, deadline)
            ready = link.recv_json(CONTROL)
            self._run_name, self._jobs = str(ready.get("run", "")), int(str(ready.get("jobs", 0)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @property
    def pids(self) -> dict[str, int]:
        """Process number of each role that runs on this machine."""
        return self._group.pids

    def close(self) -> None:
        """End all processes, close all links and drop all keys. Idempotent.

        See `mpc.session.local_group.ProcessGroup.end` for the limits of dropping keys in Python.
        """
        self._broken = self._broken or "it was closed"
        for owner in self._owners.values():
            owner.close()
        for link in self._parties:
            link.close()
        self._owners.clear()
        self._group.end()

    def cluster(
        self,
        job: ClusterJob,
        points_ND: FloatArray,
        payload_NM: FloatArray,
        owners: Sequence[int] | None = None,
    ) -> ClusterResult:
        """Cluster secret-shared points, and average payloads inside clusters.

        Parameters
        ----------
        job : ClusterJob
        points_ND : ndarray of float64, (N, D)
            Within `job.value_bound`, and, if they are not centred, within `job.norm_bound`. Missing
            bounds are computed from the rows.
        payload_NM : ndarray of float64, (N, M)
        owners : sequence of int, optional
            The data owner of each row; None: each row has its own.

        Returns
        -------
        ClusterResult

        Raises
        ------
        InputError
            Refused before anything is shared; the session stays usable.
        OwnerError
            Data owners failed; the session stays usable.
        ConsentError
            A party's policy does not allow the job; the session stays usable.
        SessionError, TransportError
            A process or a link failed; the session is closed.

        Notes
        -----
        Cost: a data owner sends 8 P (D + M) bytes a row and gets 8 P (M + 1); see
        `mpc.clustering.distances` for the parties. Leakage: see the table in `mpc.engine.reveal`.
        """
        self._check_usable()
        job.check_points(points_ND, payload_NM)
        job = with_bounds(job, points_ND, payload_NM)
        check_bounds(job, *points_ND.shape)
        held = rows_by_owner(owners, len(points_ND))
        job = self._kept.settled(job, held)
        given = encode_input(job, points_ND, payload_NM, held)
        allow_open_files(sum(name not in self._owners for name in held) * self.num_parties)
        return self._run(job, given)

    def order(
        self, job: ClusterJob, rows: Mapping[str, Sequence[int]], *, dim: int, payload: int
    ) -> ClusterResult:
        """Run a job whose data owners are other processes, connected to the parties.

        Cost and leakage are those of `cluster`.

        Parameters
        ----------
        job : ClusterJob
            All its bounds are set: this process sees no row.
        rows : mapping of str to sequence of int
            The rows of each owner by its role, `client:0` ..; together 0 .. N - 1.
        dim, payload : int
            Numbers of a point and of a payload.

        Returns
        -------
        ClusterResult
            Means are NaN, and sizes `mpc.jobs.result.ELSEWHERE`: only the owners learn them.

        Raises
        ------
        InputError, OwnerError, ConsentError, SessionError, TransportError
            As for `cluster`.
        """
        self._check_usable()
        num_points = check_rows(rows, job)
        job.check_shapes(num_points, dim, payload)
        check_bounds(job, num_points, dim)
        job = self._kept.settled(job, rows)
        return self._run(job, EncodedInput(rows=rows, ring={}, dim=dim, payload=payload))

    def _check_usable(self) -> None:
        if self._broken:
            raise SessionError(f"the session cannot be used: {self._broken}; open a new one")
        if self._jobs >= MAX_JOBS:
            raise InputError(f"a session has {MAX_JOBS} jobs at most; open a new one")

    def _run(self, job: ClusterJob, given: EncodedInput) -> ClusterResult:
        with self.numbered() as number:
            coordination = Coordination(
                self,
                job,
                given,
                number=number,
                kept=self._kept,
                timeout_s=self._group.timeout_s,
                job_timeout_s=self.job_timeout_s,
            )
            return coordination.run(self.insecure)

    @contextmanager
    def numbered(self) -> Iterator[int]:
        """Give the body the next job's number; close the session if it fails, as `cluster` does."""
        self._check_usable()
        self._jobs += 1
        with self._closing_on_failure():
            yield self._jobs

    @contextmanager
    def _closing_on_failure(self) -> Iterator[None]:
        """Close the session if a job fails, unless data owners failed or a role refuses it."""
        try:
            yield
        except (OwnerError, ConsentError):
            raise
        except (TransportError, SessionError) as error:
            self._broken = str(error)
            try:
                if isinstance(error, TransportError):
                    self._group.raise_if_dead()
            finally:
                self.close()
            raise
        except BaseException:
            self._broken = "a job was interrupted"
            self.close()
            raise

    def present(self) -> list[str]:
        """Return the data owners that are connected to every party, by their roles.

        Raises
        ------
        SessionError, TransportError
            A party does not answer.
        """
        self._check_usable()
        everywhere: set[str] | None = None
        with self._closing_on_failure():
            for link in self._parties:
                link.send_json(PRESENT, {})
                self._group.wait_readable(link, time.monotonic() + self._group.timeout_s)
                listed = link.recv_json(PRESENT)["owners"]
                names = {str(name) for name in listed} if isinstance(listed, list) else set()
                everywhere = names if everywhere is None else everywhere & names
        return sorted(everywhere or ())

    def check(self) -> None:
        """Raise `ProcessDiedError` if a process has ended. Cheap; meant for long idle times."""
        try:
            self._group.check()
        except SessionError as error:
            self._broken = str(error)
            self.close()
            raise

    def owners(self, names: Sequence[str]) -> Mapping[str, DataOwner]:
        """Return data owners; connect those that are new to the parties."""
        for name in names:
            if name not in self._owners:
                self._group.check()  # connecting many owners takes seconds
                self._owners[name] = self._connected(name)
        return {name: self._owners[name] for name in names}

    def _connected(self, name: str) -> DataOwner:
        try:
            return DataOwner.connected(
                name, self.num_parties, lambda rank: self._group.connect(name, rank)
            )
        except RefusedError as error:
            self._group.raise_if_dead()  # a dying party hangs up before its exit is visible
            raise OwnerError(f"a data owner is not let in: {error}") from None

    def forget(self, name: str) -> None:
        """Close a data owner's links; it reconnects for the next job."""
        owner = self._owners.pop(name, None)
        if owner is not None:
            owner.close()

    def wait_readable(self, link: Link, deadline: float) -> None:
        """Wait for a link; raise if a process ends. See `ProcessGroup.wait_readable`."""
        self._group.wait_readable(link, deadline)

    def terms_of(self, order: Order) -> Terms:
        """Return the terms of an order of this session."""
        session, run = self._group.session, self._run_name
        self.terms = Terms.of(order, session=session, run=run, parties=self.num_parties)
        return self.terms

    @property
    def server_links(self) -> Sequence[Link]:
        """The server's link to each party, in rank order."""
        return self._parties


copy_by_token(SecureSession)
