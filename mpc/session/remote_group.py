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
from mpc.net.handshake import Identity, connect
from mpc.net.link import MAX_CONTROL_BYTES, Link
from mpc.net.renewal import RenewedCredentials
from mpc.session.failure_cause import first_cause


class RemoteGroup:
    """Parties at known addresses, authenticated by their certificates.

    Parameters
    ----------
    addresses : Addresses
    certificates : Path
        Folder with the credentials of every role that this process plays.
    timeout_s : float
        Longest silence of a party, and longest wait until it accepts a connection.
    """

    def __init__(self, addresses: Addresses, certificates: Path, *, timeout_s: float) -> None:
        self.num_parties = len(addresses.parties)
        self.session = addresses.session
        self._addresses = addresses
        self._certificates = certificates
        self.timeout_s = timeout_s
        self._servers: list[Link] = []
        self._latest: Identity | None = None

    def connect(self, me: str, rank: int) -> Link:
        """Open a link from this process, acting as role `me`, to a party."""
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
        """Return the identity of a role; the latest one is cached."""
        if self._latest is None or self._latest.role != role:
            credentials = RenewedCredentials(self._certificates, role)
            session = self._addresses.session
            self._latest = Identity(role=role, session=session, credentials=credentials)
        return self._latest

    @property
    def pids(self) -> dict[str, int]:
        """Return no process numbers: this process started none."""
        return {}

    def wait_readable(self, link: Link, deadline: float) -> None:
        """Wait until a link is readable; raise if a party closes its link to the server meanwhile.

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
        """Raise if a party has hung up, with its last message."""
        for link in self._servers:
            if link.hung_up():
                self.raise_if_dead()
                raise ProcessDiedError(f"{link.peer} ended or lost its connection to the server")

    def raise_if_dead(self) -> None:
        """After a link broke: raise if a party failed, with its last message.

        If the others only name a lost peer, a party that ended without a message is the cause. The
        dealer also ends when it cannot send to a party.
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
        """Hang up, and drop all keys; parties end by themselves after one session."""
        self._latest = None
        for link in self._servers:
            link.close()


def _end_of(link: Link) -> TransportError | None:
    """Return the error with which a party's link ended; None if it has not ended."""
    try:
        while link.readable_within(1.0):
            link.recv_any(max_bytes=MAX_CONTROL_BYTES)
    except TransportError as error:
        return error
    return None
