"""Parties and dealer as child processes: start, supervision and end.

This process is never forked. It borrows a loader, which has imported what the children need, and is
forked once a child before this process tells any child a secret. See `mpc.session.child` for what
a child reads and writes, and for its end.
"""

import secrets
import time
from collections.abc import Sequence
from typing import Final

from mpc.errors import NoAnswerError, ProcessDiedError, SessionError
from mpc.net.addresses import Address
from mpc.net.certificates import Authority, Credentials
from mpc.net.handshake import LOOPBACK, Identity, connect
from mpc.net.link import Link
from mpc.roles.bootstrap import START_TIMEOUT_S
from mpc.session.child import Child
from mpc.session.loader import borrow_loader, give_back_loader

_ECHO_S: Final = 1.0


class ProcessGroup:
    """P parties and, unless CrypTen's insecure provider is used, a dealer.

    Parameters
    ----------
    num_parties : int
    timeout_s : float
        Longest silence of a peer.
    job_timeout_s : float
        Longest time that one job may take.
    provider : {"dealer", "tfp"}
    tls : bool
        Whether links use TLS 1.3, with an authority made for this group; else plain TCP.
    party_module, dealer_module : str
        Modules whose `main` a party and the dealer run; tests replace them.
    """

    def __init__(
        self,
        num_parties: int,
        *,
        timeout_s: float,
        job_timeout_s: float = 600.0,
        provider: str = "dealer",
        tls: bool = True,
        party_module: str = "mpc.roles.party",
        dealer_module: str = "mpc.roles.dealer",
    ) -> None:
        self.num_parties = num_parties
        self.session = secrets.token_hex(32)
        self.timeout_s = timeout_s
        self.children: list[Child] = []
        self._tls = tls
        self._authority = Authority.create() if tls else None
        self._latest: Identity | None = None
        settings: dict[str, object] = {
            "session": self.session,
            "num_parties": num_parties,
            "timeout_s": timeout_s,
            "job_timeout_s": job_timeout_s,
            "provider": provider,
        }
        roles = [(f"party:{rank}", party_module) for rank in range(num_parties)]
        if provider == "dealer":
            roles.append(("dealer", dealer_module))
        self.loader = borrow_loader([module for _, module in roles])
        self._has_loader, self._has_started = True, False
        try:
            self.ports = self._start(roles, settings)
        except BaseException:
            self.end()
            raise
        self._has_started = True

    def _start(self, roles: Sequence[tuple[str, str]], settings: dict[str, object]) -> list[int]:
        """Fork the children, tell each its settings, and all of them each other's ports."""
        deadline = time.monotonic() + START_TIMEOUT_S
        for role, module in roles:
            self.children.append(Child(role, module, self.loader))
        for child in self.children:
            child.wait_until_born(deadline)
        for rank, child in enumerate(self.children):
            role = child.role
            own = {"role": role, "rank": rank, "credentials": self._credentials_json(role)}
            child.tell({**settings, **own})
        ports = [child.read_port(deadline) for child in self.children]
        for child in self.children:
            child.tell(ports)
        return ports

    def connect(self, me: str, rank: int) -> Link:
        """Open a link from this process, acting as role `me`, to a party."""
        return connect(
            Address(LOOPBACK, self.ports[rank]),
            me=self.identity(me),
            peer=f"party:{rank}",
            timeout_s=self.timeout_s,
            within_s=START_TIMEOUT_S,
        )

    @property
    def pids(self) -> dict[str, int]:
        """Process number of each role."""
        return {child.role: child.pid for child in self.children}

    def identity(self, role: str) -> Identity:
        """Return the identity of a role; the latest one is cached."""
        if self._latest is None or self._latest.role != role:
            credentials = self._credentials(role)
            self._latest = Identity(role=role, session=self.session, credentials=credentials)
        return self._latest

    def _credentials(self, role: str) -> Credentials | None:
        if not self._tls:
            return None
        if self._authority is None:
            raise SessionError(f"{role} is not certified any more: the session has ended")
        return self._authority.issue(role)

    def _credentials_json(self, role: str) -> dict[str, str] | None:
        credentials = self._credentials(role)
        return None if credentials is None else credentials.as_json()

    def wait_readable(self, link: Link, deadline: float) -> None:
        """Wait until a link is readable; raise if a child ends meanwhile.

        Raises
        ------
        ProcessDiedError
            A child ended; detected within a fraction of a second.
        SessionError
            The deadline (monotonic seconds) passed, or a child ended because this process was
            silent.
        """
        while not link.readable_within(0.1):
            self._check_while_waiting_for(link)
            if time.monotonic() > deadline:
                raise NoAnswerError(f"{link.peer} gave no answer to {link.me} in time")

    def _check_while_waiting_for(self, link: Link) -> None:
        """Check; if a child ended because `link.me` was silent, name the awaited peer."""
        try:
            self.check()
        except ProcessDiedError as error:
            if error.cause.silent != link.me:
                raise
            raise SessionError(f"{link.peer} was silent towards {link.me}; {error}") from None

    def check(self) -> None:
        """Raise `ProcessDiedError` if a child has ended; it names the first cause."""
        if not any(child.has_ended for child in self.children):
            return
        deadline = time.monotonic() + _ECHO_S
        while True:  # the first to end may be an echo of one that is about to end
            time.sleep(0.1)
            dead = [child for child in self.children if child.has_ended]
            causes = [child for child in dead if not child.is_echo()]
            late = time.monotonic() > deadline
            if late or any(not child.cause.silent for child in causes):
                raise _first_cause(causes or dead).death()

    def raise_if_dead(self, within_s: float = 4.0) -> None:
        """After a link broke: raise `ProcessDiedError` if a child ends within `within_s`."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            self.check()
            time.sleep(0.05)

    def end(self, grace_s: float = 2.0) -> None:
        """End every child and drop every private key.

        References to the keys of the authority and the roles are dropped, and with them their TLS
        contexts. Python cannot overwrite strings: key bytes may stay in memory until it is reused,
        and the system may have written them to swap.
        """
        self._authority = self._latest = None
        deadline = time.monotonic() + grace_s
        for child in self.children:
            child.hang_up()
        for child in self.children:
            child.end(max(deadline - time.monotonic(), 0.1))
        if self._has_loader:
            self._has_loader = False
            give_back_loader(self.loader, again=self._has_started)  # it may be to blame


def _first_cause(ended: Sequence[Child]) -> Child:
    """Return a child that no silence ended; else one whose awaited peer did not itself wait."""
    waiting = {child.role for child in ended if child.cause.silent}
    return min(ended, key=lambda child: (bool(child.cause.silent), child.cause.silent in waiting))
