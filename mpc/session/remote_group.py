"""Parties and a dealer on other hosts, started there by `secfpp party` and `secfpp dealer`."""

import time
from pathlib import Path

from mpc.errors import (
    NoAnswerError,
    PartyError,
    PeerFailedError,
    ProcessDiedError,
    TransportError,
)
from mpc.net.addresses import Addresses
from mpc.net.credential_folder import read_credentials
from mpc.net.handshake import Identity, connect
from mpc.net.link import MAX_CONTROL_BYTES, Link
from mpc.session.failure_cause import first_cause


class RemoteGroup:
    """Parties that are reached through their addresses and known by their certificates.

    Parameters
    ----------
    addresses : Addresses
    certificates : Path
        Folder with the credentials of every role that this process plays.
    timeout_s : float
        Longest silence of a party, and longest wait for it to be let in.
    """

    def __init__(self, addresses: Addresses, certificates: Path, *, timeout_s: float) -> None:
        self.num_parties = len(addresses.parties)
        self._addresses = addresses
        self._certificates = certificates
        self.timeout_s = timeout_s
        self._servers: list[Link] = []
        self._latest: Identity | None = None

    def connect(self, me: str, rank: int) -> Link:
        """Open a link from this process, in a role, to a party."""
        link = connect(
            self._addresses.parties[rank],
            me=self._identity(me),
            peer=f"party:{rank}",
            timeout_s=self.timeout_s,
            within_s=self.timeout_s,
            patient=me == "server",
        )
        if me == "server":
            self._servers.append(link)
        return link

    def _identity(self, role: str) -> Identity:
        """Return what proves a role; the same when asked again at once."""
        if self._latest is None or self._latest.role != role:
            credentials = read_credentials(self._certificates, role)
            session = self._addresses.session
            self._latest = Identity(role=role, session=session, credentials=credentials)
        return self._latest

    @property
    def pids(self) -> dict[str, int]:
        """Nothing runs on this machine for us."""
        return {}

    def wait_readable(self, link: Link, deadline: float) -> None:
        """Wait for a link, watching all parties' links to the server meanwhile.

        Raises
        ------
        ProcessDiedError
            A party hung up.
        SessionError
            The deadline (monotonic seconds) passed.
        """
        while not link.readable_within(0.1):
            self.check()
            if time.monotonic() > deadline:
                raise NoAnswerError(f"{link.peer} gave no answer to {link.me} in time")

    def check(self) -> None:
        """Raise if a party has hung up, with what it said last."""
        for link in self._servers:
            if link.hung_up():
                self.raise_if_dead()
                raise ProcessDiedError(f"{link.peer} ended or lost its connection to the server")

    def raise_if_dead(self) -> None:
        """After a link broke: raise with the last words of a party that failed, if one did.

        A party that is gone without a word is the cause, where others say only who left them: the
        dealer ends, too, when it cannot send to a party.
        """
        ends = {link.peer: _end_of(link) for link in self._servers}
        failed = {peer: end for peer, end in ends.items() if isinstance(end, PeerFailedError)}
        if not failed:
            return
        first = failed[first_cause({peer: end.cause for peer, end in failed.items()})]
        gone = [peer for peer, end in ends.items() if end is not None and peer not in failed]
        if gone and first.cause.lost:
            raise ProcessDiedError(f"{gone[0]} ended without a word; {first}", cause=first.cause)
        raise PartyError(str(first), cause=first.cause)

    def end(self) -> None:
        """Hang up, and drop all keys; parties that only serve one session end themselves."""
        self._latest = None
        for link in self._servers:
            link.close()


def _end_of(link: Link) -> TransportError | None:
    """Return how a party ended, which may be its last words; None if it has not ended."""
    try:
        while link.readable_within(1.0):
            link.recv_any(max_bytes=MAX_CONTROL_BYTES)
    except TransportError as error:
        return error
    return None
