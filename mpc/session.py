"""A session of secure clustering: open once, submit many jobs, close.

In a simulation one process plays the server and every data owner; each owner still has sockets of
its own, and share p goes to party p through them and nowhere else. The computing parties and the
dealer are always other processes.

Shape letters: N points, K clusters, D dimensions of a point, M of a payload, P parties.
"""

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from mpc.coordinate import DataOwner, encode_input, run_job
from mpc.errors import InputError, InsecureError, SessionError, TransportError
from mpc.fixedpoint import FloatArray
from mpc.jobs import ClusterJob, ClusterResult
from mpc.launch import START_TIMEOUT_S, ProcessGroup
from mpc.transport import CONTROL, Link, allow_open_files

MAX_PARTIES: Final = 5
TFP_STAMP: Final = "provider tfp: party 0 can unmask everything"
"""What every result that CrypTen's first-party provider had a part in says of itself."""


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
        self.insecure = (TFP_STAMP,) if provider == "tfp" else ()
        self._job_timeout_s = job_timeout_s
        self._owners: dict[str, DataOwner] = {}
        self._broken = ""
        self._group = ProcessGroup(num_parties, timeout_s=timeout_s, provider=provider)
        try:
            self._parties = [self._group.connect("server", rank) for rank in range(num_parties)]
            deadline = time.monotonic() + START_TIMEOUT_S
            for link in self._parties:
                self._group.wait_readable(link, deadline)
                link.recv_json(CONTROL)
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
        given = encode_input(job, points_ND, payload_NM, held)
        try:
            return run_job(self, job, given, timeout_s=self._job_timeout_s, insecure=self.insecure)
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

    def check(self) -> None:
        """Raise `ProcessDiedError` if a process has ended; cheap, for long idle times."""
        try:
            self._group.check()
        except SessionError as error:
            self._broken = str(error)
            self.close()
            raise

    def owners(self, names: Sequence[str]) -> Mapping[str, DataOwner]:
        """Return data owners, connecting to the parties those that are new."""
        allow_open_files(len(names) * self.num_parties)
        for name in names:
            if name not in self._owners:
                links = tuple(self._group.connect(name, rank) for rank in range(self.num_parties))
                self._owners[name] = DataOwner(name=name, links=links)
        return {name: self._owners[name] for name in names}

    def wait_readable(self, link: Link, deadline: float) -> None:
        """Wait for a link, watching the processes; see `ProcessGroup.wait_readable`."""
        self._group.wait_readable(link, deadline)

    @property
    def server_links(self) -> Sequence[Link]:
        """The server's link to each party, in rank order."""
        return self._parties


def _rows_by_owner(owners: Sequence[int] | None, num_points: int) -> dict[str, list[int]]:
    if owners is None:
        owners = range(num_points)
    if len(owners) != num_points:
        raise InputError(f"{num_points} points but {len(owners)} owners are named")
    held: dict[str, list[int]] = {}
    for row, owner in enumerate(owners):
        held.setdefault(f"client:{owner}", []).append(row)
    return held
