"""Authenticated connections: connecting to a role, and admitting connecting roles.

With TLS both ends present a certificate of the same authority whose only name is their role, which
keeps out strangers and swapped ranks. Without TLS (`--insecure-dev`, loopback only) the session's
token suffices. In both cases the refused end is told the reason.

Idle connections cannot block admission: if too many are unauthenticated, the oldest of them is
closed.
"""

import contextlib
import hmac
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from mpc.errors import (
    Cause,
    InputError,
    PeerClosedError,
    PeerTimeoutError,
    RefusedError,
    TransportError,
)
from mpc.net.addresses import Address
from mpc.net.certificates import Credentials, certificate_name, role_of
from mpc.net.channel import Channel, PlainChannel, handshake, set_timeout
from mpc.net.frames import HELLO, REFUSED, WELCOME, RoundClock
from mpc.net.link import Link
from mpc.net.tls import context_of

LOOPBACK: Final = "127.0.0.1"
HANDSHAKE_TIMEOUT_S: Final = 15.0
"""Longest time that a connecting peer may take to prove its role."""
_BACKLOG: Final = 4096
"""Connections that the kernel keeps until they are accepted; it may allow fewer."""
_MAX_HELLO_BYTES: Final = 4096
_MAX_UNPROVEN: Final = 128
"""Most unauthenticated connections at a time."""
_ACCEPT_PAUSE_S: Final = 5e-3
"""Pause after the system could not accept a connection."""
_RETRY_S: Final = 0.1
_DRAIN_S: Final = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Role, session and credentials of one process or data owner."""

    role: str
    session: str
    """Name of the session; without TLS it is a secret token."""
    credentials: Credentials | Callable[[], Credentials] | None
    """Or what returns them as they are now, if they are renewed; None for plain TCP."""
    _contexts: dict[bool, tuple[Credentials, ssl.SSLContext]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def context(self, *, server_side: bool) -> ssl.SSLContext | None:
        """Return the TLS context of the credentials of now, cached until they are renewed."""
        now = self.credentials() if callable(self.credentials) else self.credentials
        if now is None:
            return None
        made_of, context = self._contexts.get(server_side, (None, None))
        if context is None or made_of is not now:
            context = context_of(now, server_side=server_side)
            self._contexts[server_side] = now, context
        return context


def listen(host: str = LOOPBACK, port: int = 0) -> socket.socket:
    """Open a listening socket; port 0 selects a free port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise TransportError(f"cannot listen on {host}:{port}: {error.strerror}") from None


def connect(
    address: Address,
    *,
    me: Identity,
    peer: str,
    timeout_s: float,
    within_s: float = HANDSHAKE_TIMEOUT_S,
    patient: bool = False,
    clock: RoundClock | None = None,
) -> Link:
    """Connect to a role and wait until it admits us.

    Parameters
    ----------
    address : Address
    me : Identity
    peer : str
        The role expected at the address.
    timeout_s : float
        Longest silence of the peer after admission.
    within_s : float
        Longest time until admission.
    patient : bool
        Retry while the peer does not listen yet.
    clock : RoundClock, optional
        See `mpc.net.link.Link`.

    Raises
    ------
    RefusedError
        One end refuses the other; the message names both and the reason.
    TransportError
        No process listens at the address.
    PeerTimeoutError
    """
    deadline = time.monotonic() + within_s
    sock = _reach(address, deadline if patient else 0.0, within_s, f"{me.role} cannot reach {peer}")
    try:
        channel = _secured(sock, me, peer, max(deadline - time.monotonic(), 0.1))
        link = Link(channel, me=me.role, peer=peer, timeout_s=within_s, clock=clock)
        link.send_json(HELLO, {"role": me.role, "session": me.session})
        _await_welcome(link)
        link.bear_silence(timeout_s)
        link.start_counting()
    except TransportError as error:
        sock.close()
        kind = PeerTimeoutError if isinstance(error, PeerTimeoutError) else RefusedError
        cause = Cause(lost=peer) if isinstance(error, PeerClosedError) else error.cause
        raise kind(f"{me.role} and {peer} at {address} do not meet: {error}", cause=cause) from None
    return link


def _reach(address: Address, try_until: float, timeout_s: float, complaint: str) -> socket.socket:
    while True:
        try:
            sock = socket.create_connection((address.host, address.port), timeout=timeout_s)
        except OSError as error:
            if time.monotonic() < try_until:
                time.sleep(_RETRY_S)
                continue
            raise TransportError(f"{complaint} at {address}: {error}") from None
        set_timeout(sock, timeout_s)
        return sock


def _secured(sock: socket.socket, me: Identity, peer: str, timeout_s: float) -> Channel:
    context = me.context(server_side=False)
    if context is None:
        return PlainChannel(sock)
    name = certificate_name(peer)
    channel = handshake(sock, context, server_side=False, peer_name=name, timeout_s=timeout_s)
    if channel.peer_names != (name,):  # TLS accepts it among others, in any case
        raise TransportError(
            f"its certificate is refused: it has the names {', '.join(channel.peer_names)}, where "
            f"{name} alone is needed"
        )
    return channel


def _await_welcome(link: Link) -> None:
    header, payload = link.recv_any(max_bytes=_MAX_HELLO_BYTES)
    if header.tag == REFUSED:
        raise TransportError(f"{link.peer} says: {bytes(payload).decode(errors='replace')}")
    link.check(header, WELCOME, 0, 0)


class Reception:
    """Admits peers that prove an expected role, in the background until it is closed.

    Parameters
    ----------
    listener : socket.socket
    me : Identity
    admits : callable
        Returns whether a role is expected.
    timeout_s : float
        Longest silence of an admitted peer.
    clock_of : callable
        Returns the round clock for a role's messages.
    """

    def __init__(
        self,
        listener: socket.socket,
        *,
        me: Identity,
        admits: Callable[[str], bool],
        timeout_s: float,
        clock_of: Callable[[str], RoundClock] = lambda role: RoundClock(),
    ) -> None:
        self._listener = listener
        self._role, self._session = me.role, me.session
        self._is_plain = me.credentials is None
        self._me: Identity | None = me
        me.context(server_side=True)  # credentials that cannot be used are noticed now
        self._admits = admits
        self._timeout_s = timeout_s
        self._clock_of = clock_of
        self._links: dict[str, Link] = {}
        self._refusals: deque[str] = deque(maxlen=4)
        self._changed = threading.Condition()
        self._unproven: deque[socket.socket] = deque()
        self._closed = False
        listener.settimeout(None)
        threading.Thread(target=self._receive, daemon=True).start()

    def wait_for(
        self,
        roles: Collection[str],
        *,
        timeout_s: float,
        heartbeat: Callable[[], None] = lambda: None,
    ) -> dict[str, Link]:
        """Return a link to each role; wait for the missing ones.

        Parameters
        ----------
        roles : collection of str
        timeout_s : float
        heartbeat : callable
            Called a few times while waiting.

        Raises
        ------
        PeerTimeoutError
            Names the missing roles and the last refusals.
        """
        deadline = time.monotonic() + timeout_s
        self.drop_ended(roles)
        with self._changed:
            while self.missing(roles) and time.monotonic() < deadline:
                self._changed.wait(min(timeout_s / 4, deadline - time.monotonic()))
                heartbeat()
            if self.missing(roles):
                raise PeerTimeoutError(self._missing_message(self.missing(roles), timeout_s))
            return {role: self._links[role] for role in roles}

    def present(self, roles: Collection[str]) -> dict[str, Link]:
        """Return links to those of the roles that are connected."""
        with self._changed:
            return {role: self._links[role] for role in roles if role in self._links}

    def connected(self, prefix: str) -> list[str]:
        """Return the roles with a prefix that are connected and have not hung up."""
        with self._changed:
            links = {role: link for role, link in self._links.items() if role.startswith(prefix)}
        return sorted(role for role, link in links.items() if not link.hung_up())

    def missing(self, roles: Collection[str]) -> list[str]:
        """Return those of the roles that are not connected."""
        return [role for role in roles if role not in self._links]

    def drop_ended(self, roles: Collection[str]) -> None:
        """Forget the links of those roles that hung up, which are then missing."""
        for role, link in self.present(roles).items():
            if link.hung_up():
                self.drop(role)

    def drop(self, role: str) -> None:
        """Close and forget a role's link; the role may connect again."""
        with self._changed:
            link = self._links.pop(role, None)
        if link is not None:
            link.close()

    def close(self) -> None:
        """Stop listening, close all connections and drop the private key."""
        with self._changed:
            self._closed = True
            self._me = None
            for link in self._links.values():
                link.close()
            self._links.clear()
            while self._unproven:
                _hang_up(self._unproven.popleft())
        with contextlib.suppress(OSError):  # wakes the thread that accepts
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _missing_message(self, missing: Sequence[str], timeout_s: float) -> str:
        text = f"{', '.join(missing)} did not connect to {self._role} within {timeout_s:g} s"
        if self._refusals:
            text += f"; refused meanwhile: {'; '.join(self._refusals)}"
        return text

    def _receive(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:  # closed, too many open files, or the peer is gone
                if self._closed or self._listener.fileno() < 0:
                    return
                self._evict_above(0)
                time.sleep(_ACCEPT_PAUSE_S)
                continue
            self._evict_above(_MAX_UNPROVEN - 1)
            with self._changed:
                self._unproven.append(sock)
            threading.Thread(target=self._meet, args=(sock,), daemon=True).start()

    def _evict_above(self, at_most: int) -> None:
        """Close the oldest unauthenticated connection if there are more than `at_most`."""
        with self._changed:
            if len(self._unproven) > at_most:
                _hang_up(self._unproven.popleft())

    def _forget(self, sock: socket.socket) -> None:
        """Remove a connection from the list of unauthenticated ones."""
        with self._changed, contextlib.suppress(ValueError):  # closed to make room
            self._unproven.remove(sock)

    def _meet(self, sock: socket.socket) -> None:
        time_limit = threading.Timer(HANDSHAKE_TIMEOUT_S, _hang_up, args=(sock,))
        time_limit.daemon = True
        time_limit.start()  # limits the whole handshake; the socket time-out limits one silence
        try:
            set_timeout(sock, HANDSHAKE_TIMEOUT_S)
            self._admit(sock)
        except (TransportError, OSError) as error:
            self._refusals.append(str(error))
            _drain_and_close(sock)
        finally:
            time_limit.cancel()
            self._forget(sock)

    def _admit(self, sock: socket.socket) -> None:
        channel, names = self._channel(sock)
        link = Link(channel, me=self._role, peer="a newcomer", timeout_s=HANDSHAKE_TIMEOUT_S)
        hello = link.recv_json(HELLO, max_bytes=_MAX_HELLO_BYTES)
        role = str(hello.get("role", ""))
        with self._changed:
            why_not = self._objection(role, names, str(hello.get("session", "")))
            if why_not:
                link.send(REFUSED, why_not.encode())
                raise RefusedError(why_not)
            self._forget(sock)
            link.become(peer=role, clock=self._clock_of(role))
            link.bear_silence(self._timeout_s)
            link.send(WELCOME, b"")
            link.start_counting()
            self._links[role] = link
            self._changed.notify_all()

    def _channel(self, sock: socket.socket) -> tuple[Channel, Sequence[str]]:
        """Return the channel and all names in the peer's certificate."""
        if self._is_plain:
            return PlainChannel(sock), ()
        if (me := self._me) is None or (context := me.context(server_side=True)) is None:
            raise TransportError(f"{self._role} lets nobody in any more")
        channel = handshake(sock, context, server_side=True, timeout_s=HANDSHAKE_TIMEOUT_S)
        return channel, channel.peer_names

    def _objection(self, role: str, names: Sequence[str], session: str) -> str:
        """Return why a peer is refused; empty if it is admitted."""
        if not self._is_plain and _role_in(names) != role:
            whose = repr(_role_in(names)) if _role_in(names) else f"the names {list(names)}"
            return f"it calls itself {role!r} but its certificate is of {whose}"
        given = session.encode(errors="surrogatepass")
        if not hmac.compare_digest(given, self._session.encode()):
            return f"{role!r} is of another session"
        if not _is_role(role) or not self._admits(role):
            return f"{role!r} has no business with {self._role}"
        old = self._links.get(role)
        if old is not None and not old.hung_up():
            return f"{role!r} is connected already"
        return ""


def _is_role(text: str) -> bool:
    try:
        return bool(certificate_name(text))
    except InputError:
        return False


def _hang_up(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may be closed already
        sock.shutdown(socket.SHUT_RDWR)


def _drain_and_close(sock: socket.socket) -> None:
    """Close a socket after draining it: unread data would reset it and lose our message."""
    with contextlib.suppress(OSError), sock:
        sock.shutdown(socket.SHUT_WR)
        set_timeout(sock, _DRAIN_S)
        left = _MAX_HELLO_BYTES
        while left > 0 and (unread := sock.recv(left)):
            left -= len(unread)


def _role_in(names: Sequence[str]) -> str:
    """Return the role of a certificate with exactly one name; empty otherwise."""
    try:
        return role_of(names[0]) if len(names) == 1 else ""
    except InputError:
        return ""
