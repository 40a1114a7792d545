"""Counted, timed-out links between processes, on plain TCP over loopback.

A frame is a 4-byte tag, an 8-byte length and raw bytes (little-endian int64 ring elements, or
UTF-8 JSON for control): never pickle. Every wait ends at the link's time-out with an error that
names both ends. Whoever connects proves that it knows the session's token, which children get on
standard input.

Links are neither encrypted nor authenticated beyond that token, so they bind to loopback only.
"""

import hmac
import json
import resource
import select
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mpc.errors import FrameError, PeerClosedError, PeerTimeoutError, TransportError
from mpc.fixedpoint import Int64Array

LOOPBACK: Final = "127.0.0.1"

# What a frame holds.
HELLO: Final = b"HELO"  # JSON: role and token of whoever connects
CONTROL: Final = b"CTRL"  # JSON: jobs and replies, between server and party
DECISION: Final = b"DCSN"  # JSON: k and labels, from the server under policy `distances`
SHARE: Final = b"SHAR"  # a data owner's share, to one party
OPENED: Final = b"OPEN"  # a party's share of something revealed, to its audience
MASKED: Final = b"MASK"  # a party's share of something masked, to the other parties
RING_KEY: Final = b"RKEY"  # key of zero sharings, to the next party
DEALER_KEY: Final = b"DKEY"  # a party's key, from the dealer
REQUEST: Final = b"DREQ"  # JSON: kind and shapes of a tuple, to the dealer
CORRECTION: Final = b"DCOR"  # a tuple's last part, to party 0

_HEADER: Final = struct.Struct("<4sQ")
_MAX_CONTROL_BYTES: Final = 1 << 26
_SPARE_FILES: Final = 256


@dataclass(slots=True)
class LinkCount:
    """Frames and bytes (payload and framing header) that went through one link."""

    bytes_sent: int = 0
    bytes_received: int = 0
    frames_sent: int = 0
    frames_received: int = 0

    def minus(self, earlier: "LinkCount") -> "LinkCount":
        """Return what was added since `earlier`."""
        return LinkCount(
            self.bytes_sent - earlier.bytes_sent,
            self.bytes_received - earlier.bytes_received,
            self.frames_sent - earlier.frames_sent,
            self.frames_received - earlier.frames_received,
        )

    def copy(self) -> "LinkCount":
        """Return a snapshot."""
        return self.minus(LinkCount())


class Link:
    """One end of a connection.

    Parameters
    ----------
    sock : socket.socket
    me, peer : str
        Roles at the two ends, e.g. `party:0`, `dealer`, `client:7`, `server`.
    timeout_s : float
        Longest silence of the peer that is borne.
    """

    def __init__(self, sock: socket.socket, *, me: str, peer: str, timeout_s: float) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(timeout_s)
        self._sock = sock
        self.me = me
        self.peer = peer
        self.timeout_s = timeout_s
        self.count = LinkCount()

    def fileno(self) -> int:
        """Return the socket's descriptor, for selectors."""
        return self._sock.fileno()

    def close(self) -> None:
        """Close the socket; harmless when closed already."""
        self._sock.close()

    def wait_readable(self) -> None:
        """Idle until the peer speaks or hangs up.

        The one wait without a time-out, for a child between jobs: its parent's end ends it too.
        """
        self.readable_within(None)

    def readable_within(self, seconds: float | None) -> bool:
        """Tell whether the peer speaks or hangs up within some seconds."""
        poller = select.poll()  # select() itself cannot watch descriptors above 1023
        poller.register(self._sock, select.POLLIN)
        return bool(poller.poll(None if seconds is None else 1000 * seconds))

    def send(self, tag: bytes, payload: bytes | memoryview) -> None:
        """Send one frame; blocks until the kernel took it."""
        header = _HEADER.pack(tag, len(payload))
        try:
            sent = self._sock.sendmsg([header, payload])
            if sent < len(header):
                self._sock.sendall(header[sent:])
                sent = len(header)
            if sent < len(header) + len(payload):
                self._sock.sendall(memoryview(payload)[sent - len(header) :])
        except OSError as error:
            raise self._failure(error) from None
        self.count.bytes_sent += len(header) + len(payload)
        self.count.frames_sent += 1

    def recv(self, tag: bytes, *, num_bytes: int | None = None) -> bytearray:
        """Receive one frame of the given tag and, if known, size.

        Raises
        ------
        FrameError
            Another tag or size; the payload is then left unread and the link is of no more use.
        PeerClosedError, PeerTimeoutError
        """
        got_tag, length = _HEADER.unpack(self._recv_exactly(_HEADER.size))
        if got_tag != tag:
            raise FrameError(
                f"{self.me} expected a {tag!r} frame from {self.peer}, got {got_tag!r}"
            )
        limit = _MAX_CONTROL_BYTES if num_bytes is None else num_bytes
        if length != num_bytes and (num_bytes is not None or length > limit):
            raise FrameError(
                f"{self.me} expected {limit} bytes of {tag!r} from {self.peer}, got {length}"
            )
        payload = self._recv_exactly(length)
        self.count.bytes_received += _HEADER.size + length
        self.count.frames_received += 1
        return payload

    def send_ring(self, tag: bytes, array: Int64Array) -> None:
        """Send ring elements, raw."""
        self.send(tag, np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)

    def recv_ring(self, tag: bytes, shape: Sequence[int]) -> Int64Array:
        """Receive ring elements of a shape known beforehand."""
        count = int(np.prod(shape, dtype=np.int64))
        return np.frombuffer(self.recv(tag, num_bytes=8 * count), dtype=np.int64).reshape(shape)

    def send_json(self, tag: bytes, value: object) -> None:
        """Send a control message."""
        self.send(tag, json.dumps(value).encode())

    def recv_json(self, tag: bytes) -> dict[str, object]:
        """Receive a control message, which is always a JSON object."""
        try:
            value = json.loads(self.recv(tag))
        except ValueError:
            raise FrameError(f"{self.me} got malformed JSON from {self.peer}") from None
        if not isinstance(value, dict):
            raise FrameError(f"{self.me} expected a JSON object from {self.peer}")
        return value

    def _recv_exactly(self, num_bytes: int) -> bytearray:
        buffer = bytearray(num_bytes)
        view, have = memoryview(buffer), 0
        while have < num_bytes:
            try:
                step = self._sock.recv_into(view[have:])
            except OSError as error:
                raise self._failure(error) from None
            if step == 0:
                raise PeerClosedError(f"{self.peer} closed its connection to {self.me}")
            have += step
        return buffer

    def _failure(self, error: OSError) -> TransportError:
        if isinstance(error, TimeoutError):
            return PeerTimeoutError(
                f"{self.peer} was silent towards {self.me} for {self.timeout_s:g} s"
            )
        return PeerClosedError(
            f"the connection of {self.me} to {self.peer} broke: {error.strerror or error}"
        )


def allow_open_files(count: int) -> None:
    """Raise this process's soft limit on open files, if it must be, to hold `count` sockets more.

    Raises
    ------
    TransportError
        The hard limit does not allow it.
    """
    needed = count + _SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise TransportError(
            f"{count} sockets are needed but only {hard} files may be open; raise `ulimit -Hn`, "
            "or let fewer data owners hold more rows each"
        )
    if soft != resource.RLIM_INFINITY and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def listen() -> socket.socket:
    """Open a listening socket on a free loopback port."""
    return socket.create_server((LOOPBACK, 0), backlog=512)


def connect(port: int, *, me: str, peer: str, token: str, timeout_s: float) -> Link:
    """Connect to a listener of this session and say who we are.

    Raises
    ------
    TransportError
        Nobody listens there within the time-out.
    """
    try:
        sock = socket.create_connection((LOOPBACK, port), timeout=timeout_s)
    except OSError as error:
        raise TransportError(f"{me} cannot reach {peer} on port {port}: {error}") from None
    link = Link(sock, me=me, peer=peer, timeout_s=timeout_s)
    link.send_json(HELLO, {"role": me, "token": token})
    return link


def accept(
    listener: socket.socket, *, me: str, token: str, expected: Sequence[str], timeout_s: float
) -> dict[str, Link]:
    """Accept one connection from each expected role.

    Strangers (wrong token, unknown or repeated role, garbage) are dropped and waiting goes on.

    Raises
    ------
    PeerTimeoutError
        Names those who did not come within the time-out.
    """
    links: dict[str, Link] = {}
    deadline = time.monotonic() + timeout_s
    while missing := [role for role in expected if role not in links]:
        listener.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            sock, _ = listener.accept()
        except TimeoutError:
            raise PeerTimeoutError(
                f"{', '.join(missing)} did not connect to {me} within {timeout_s:g} s"
            ) from None
        link = Link(sock, me=me, peer="a stranger", timeout_s=min(timeout_s, 5.0))
        role = _role_of(link, token)
        if role in missing:
            links[role] = Link(sock, me=me, peer=role, timeout_s=timeout_s)
        else:
            link.close()
    return links


def _role_of(link: Link, token: str) -> str:
    try:
        hello = link.recv_json(HELLO)
    except TransportError:
        return ""
    if not hmac.compare_digest(str(hello.get("token", "")).encode(), token.encode()):
        return ""
    return str(hello.get("role", ""))
