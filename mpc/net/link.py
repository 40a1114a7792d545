"""Links between two roles: frames with byte counts and time-outs.

Every wait ends at the link's time-out with an error that names both ends. A frame with an
unexpected tag, number or size is an error as well, and the link is unusable after it.
"""

import contextlib
import errno
import json
import os
import resource
import select
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mpc.errors import (
    Cause,
    FrameError,
    InputError,
    PeerClosedError,
    PeerTimeoutError,
    TransportError,
)
from mpc.net import last_words
from mpc.net.channel import Channel, keep_alive, set_timeout
from mpc.net.frames import FAILED, HEADER_BYTES, MAX_NUMBER, OPERATIONS, Header, RoundClock
from mpc.net.tcp_info import WireCount, wire_count
from mpc.ring.fixedpoint import Int64Array

SMALL_BYTES: Final = 1 << 16
"""Frames up to this size fit the kernel's buffers: both ends may send before they receive."""
MAX_CONTROL_BYTES: Final = 1 << 26
_NEEDED_FILES: Final = 32
"""Open files that a process needs in addition to its sockets."""
_SPARE_FILES: Final = 256
"""Extra files requested if the limit allows it, mainly for connections in their handshake."""
_LINGER_S: Final = 0.5
_DRAIN_BYTES: Final = 1 << 16


@dataclass(slots=True)
class LinkCount:
    """Frames and bytes (payload and frame header) transferred over one link."""

    bytes_sent: int = 0
    bytes_received: int = 0
    frames_sent: int = 0
    frames_received: int = 0

    @property
    def any(self) -> bool:
        """Whether any frame was transferred."""
        return bool(self.frames_sent or self.frames_received)

    def __add__(self, other: "LinkCount") -> "LinkCount":
        return LinkCount(
            self.bytes_sent + other.bytes_sent,
            self.bytes_received + other.bytes_received,
            self.frames_sent + other.frames_sent,
            self.frames_received + other.frames_received,
        )

    def __sub__(self, other: "LinkCount") -> "LinkCount":
        return LinkCount(
            self.bytes_sent - other.bytes_sent,
            self.bytes_received - other.bytes_received,
            self.frames_sent - other.frames_sent,
            self.frames_received - other.frames_received,
        )


class Link:
    """One end of a connection between two roles.

    Parameters
    ----------
    channel : Channel
        Connected; authenticated if it uses TLS.
    me, peer : str
        Roles at the two ends, e.g. `party:0`, `dealer`, `client:7`, `server`.
    timeout_s : float
        Longest tolerated silence of the peer.
    clock : RoundClock, optional
        Depth of messages, shared by links whose messages depend on one another.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        me: str,
        peer: str,
        timeout_s: float,
        clock: RoundClock | None = None,
    ) -> None:
        self.me = me
        self.peer = peer
        self.timeout_s = timeout_s
        self.clock = clock or RoundClock()
        self.counts: dict[bytes, LinkCount] = {}
        """By tag."""
        self._channel = channel
        self._wire_before = WireCount()
        channel.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.bear_silence(timeout_s)

    def fileno(self) -> int:
        """Return the socket's descriptor, for selectors."""
        return self._channel.sock.fileno()

    def close(self) -> None:
        """Close the socket and drop all keys. Idempotent."""
        self._channel.close()

    @property
    def count(self) -> LinkCount:
        """Traffic of all tags since counting started."""
        return sum(self.counts.values(), start=LinkCount())

    @property
    def wire(self) -> WireCount | None:
        """Bytes on the wire since counting started; None if the kernel does not report them."""
        now = wire_count(self._channel.sock)
        return None if now is None else now - self._wire_before

    def start_counting(self) -> None:
        """Reset the counts: greetings and key agreements belong to no job."""
        self.counts.clear()
        self._wire_before = wire_count(self._channel.sock) or WireCount()

    def become(self, *, peer: str, clock: RoundClock) -> None:
        """Set the peer's name and clock once it has proved its role."""
        self.peer = peer
        self.clock = clock

    def set_spin(self, spin_s: float) -> None:
        """Set how long a wait spins before it sleeps, which shortens rounds."""
        self._channel.spin_s = spin_s

    def bear_silence(self, seconds: float) -> None:
        """Change the time-out, after which a cut wire is noticed, too, also while nobody sends."""
        self.timeout_s = seconds
        set_timeout(self._channel.sock, seconds)
        keep_alive(self._channel.sock, seconds)

    def readable_within(self, seconds: float | None) -> bool:
        """Return whether the peer sends or hangs up within some seconds; None waits without limit.

        Only a process between jobs waits without limit: the exit of its parent or peer ends it.
        """
        if self._channel.has_buffered or self.fileno() < 0:
            return True  # closed on this side: reading raises
        poller = select.poll()  # select() itself cannot watch descriptors above 1023
        poller.register(self._channel.sock, select.POLLIN)
        return bool(poller.poll(None if seconds is None else 1000 * seconds))

    def hung_up(self) -> bool:
        """Return whether the peer closed its end, without waiting or reading."""
        if self.fileno() < 0:
            return True  # closed on this side
        poller = select.poll()  # reports it even if unread data is left
        poller.register(self._channel.sock, select.POLLRDHUP)
        return bool(poller.poll(0))

    def fell_silent(self) -> bool:
        """Return, once only, whether the system gave up a peer that answered no probes."""
        if self.fileno() < 0:
            return False
        error = self._channel.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return error in (errno.ETIMEDOUT, errno.EHOSTUNREACH)

    def send(self, tag: bytes, payload: bytes | memoryview, *, number: int = 0) -> None:
        """Send one frame; block until the kernel has taken it.

        Parameters
        ----------
        tag : bytes
            One of `mpc.net.frames`.
        payload : bytes-like
        number : int
            Round, job or preprocessing request of the frame; the receiver checks it.
        """
        for piece in self.pieces(tag, payload, number=number):
            view = memoryview(piece)
            while view:
                view = view[self._send_some(view, flags=0) :]

    def recv(self, tag: bytes, *, num_bytes: int, number: int = 0) -> bytearray:
        """Receive one frame of the given tag, number and size.

        Raises
        ------
        FrameError
            Another tag, number or size; the payload is left unread.
        PeerFailedError
            The peer sent the reason why it cannot go on instead.
        PeerClosedError, PeerTimeoutError
        """
        header = self._recv_header()
        self.check(header, tag, number, num_bytes)
        payload = self._recv_exactly(header.length)
        self.note_received(header)
        return payload

    def recv_any(self, *, max_bytes: int) -> tuple[Header, bytearray]:
        """Receive one frame with any tag, of at most `max_bytes` bytes."""
        header = self._recv_header()
        self.check(header, header.tag, header.number, min(header.length, max_bytes))
        payload = self._recv_exactly(header.length)
        self.note_received(header)
        return header, payload

    def send_ring(self, tag: bytes, array: Int64Array, *, number: int = 0) -> None:
        """Send ring elements as raw bytes."""
        self.send(tag, raw_view(array), number=number)

    def recv_ring(self, tag: bytes, shape: Sequence[int], *, number: int = 0) -> Int64Array:
        """Receive ring elements of a known shape."""
        num_bytes = 8 * int(np.prod(shape, dtype=np.int64))
        payload = self.recv(tag, number=number, num_bytes=num_bytes)
        return np.frombuffer(payload, dtype=np.int64).reshape(shape)

    def send_json(self, tag: bytes, value: object, *, number: int = 0) -> None:
        """Send a control message."""
        self.send(tag, json.dumps(value).encode(), number=number)

    def recv_json(
        self, tag: bytes, *, number: int = 0, max_bytes: int = MAX_CONTROL_BYTES
    ) -> dict[str, object]:
        """Receive a control message, a JSON object."""
        header, payload = self.recv_any(max_bytes=max_bytes)
        self.check(header, tag, number, header.length)
        return self.object_in(payload)

    def object_in(self, payload: bytearray) -> dict[str, object]:
        """Return the JSON object of a frame from the peer."""
        try:
            value = json.loads(payload)
        except (ValueError, RecursionError):
            raise FrameError(f"{self.me} got malformed JSON from {self.peer}") from None
        if not isinstance(value, dict):
            raise FrameError(f"{self.me} expected a JSON object from {self.peer}")
        return value

    def pieces(
        self, tag: bytes, payload: bytes | memoryview, *, number: int
    ) -> Iterator[bytes | bytearray | memoryview]:
        """Count one frame and yield the pieces to write to the socket."""
        depth = min(self.clock.depth, MAX_NUMBER - 1)  # a faulty peer may send any depth
        header = Header(tag, number, depth, len(payload)).pack()
        count = self.counts.setdefault(tag, LinkCount())
        count.bytes_sent += len(header) + len(payload)
        count.frames_sent += 1
        start = payload[: SMALL_BYTES - HEADER_BYTES]
        try:
            yield from self._channel.encode(header + bytes(start))
            if len(start) < len(payload):
                yield from self._channel.encode(payload[len(start) :])
        except OSError as error:  # from TLS, after the peer broke the connection
            raise self._failure(error) from None

    def say_last(self, tag: bytes, words: bytes) -> None:
        """Send one last frame, then drain the socket: unread data would reset the connection."""
        self.send(tag, words)
        sock = self._channel.sock
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
            set_timeout(sock, _LINGER_S)
            deadline = time.monotonic() + _LINGER_S
            while time.monotonic() < deadline and sock.recv(_DRAIN_BYTES):
                pass

    def send_some(self, view: memoryview) -> int:
        """Send what the kernel takes without blocking; return the bytes sent, which may be 0."""
        try:
            return self._send_some(view, flags=socket.MSG_DONTWAIT)
        except PeerTimeoutError:
            return 0

    def read_some(self, view: memoryview) -> int:
        """Read the available bytes without blocking; return how many, which may be 0.

        Raises
        ------
        PeerClosedError
        """
        try:
            count = self._channel.read_into(view, wait=False)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._failure(error) from None
        if count == 0:
            raise self._closed()
        return count

    def check(self, header: Header, tag: bytes, number: int, num_bytes: int) -> None:
        """Raise `FrameError` unless a header has the expected tag, number and size."""
        expected = (tag, number % MAX_NUMBER, num_bytes)
        got = (header.tag, header.number, header.length)
        if got != expected:
            raise FrameError(
                f"{self.me} expected {_in_words(*expected)} from {self.peer}, got {_in_words(*got)}"
            )

    def note_received(self, header: Header) -> None:
        """Count a frame that has arrived."""
        count = self.counts.setdefault(header.tag, LinkCount())
        count.bytes_received += HEADER_BYTES + header.length
        count.frames_received += 1
        self.clock.received(header.depth)

    def silence(self) -> PeerTimeoutError:
        """Return the error for a silent peer."""
        return PeerTimeoutError(
            f"{self.peer} was silent towards {self.me} for {self.timeout_s:g} s",
            cause=Cause(silent=self.peer),
        )

    def _send_some(self, view: memoryview, *, flags: int) -> int:
        try:
            return self._channel.sock.send(view, flags)
        except OSError as error:
            raise self._failure(error) from None

    def _recv_exactly(self, num_bytes: int) -> bytearray:
        buffer = bytearray(num_bytes)
        view = memoryview(buffer)
        while view:
            try:
                step = self._channel.read_into(view, wait=True)
            except OSError as error:
                raise self._failure(error) from None
            if step == 0:
                raise self._closed()
            view = view[step:]
        return buffer

    def _recv_header(self) -> Header:
        header = Header.unpack(self._recv_exactly(HEADER_BYTES))
        if header.tag == FAILED:
            raise last_words.heard(
                self.peer, self._recv_exactly(min(header.length, last_words.MAX_BYTES))
            )
        return header

    def _closed(self) -> PeerClosedError:
        return PeerClosedError(
            f"{self.peer} closed its connection to {self.me}", cause=Cause(lost=self.peer)
        )

    def _failure(self, error: OSError) -> TransportError:
        if isinstance(error, BlockingIOError | TimeoutError):
            return self.silence()
        return PeerClosedError(
            f"the connection of {self.me} to {self.peer} broke: {error.strerror or error}",
            cause=Cause(lost=self.peer),
        )


def allow_open_files(count: int) -> None:
    """Raise this process's soft limit on open files, if needed, for `count` more sockets.

    Raises
    ------
    InputError
        The hard limit does not allow it.
    """
    if count < 1:
        return
    now_open = len(os.listdir("/dev/fd"))
    needed = now_open + count + _NEEDED_FILES
    soft, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard = sys.maxsize if limit == resource.RLIM_INFINITY else limit
    if needed > hard:
        raise InputError(
            f"{count} sockets more are needed and {now_open} files are open, but only {hard} may "
            f"be, {_NEEDED_FILES} of them for other things; raise `ulimit -Hn`, or let fewer data "
            "owners hold more rows each"
        )
    wanted = min(hard, needed + _SPARE_FILES)
    if soft != resource.RLIM_INFINITY and wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, limit))


def raw_view(array: Int64Array) -> memoryview:
    """Return the bytes of ring elements, without a copy if they are contiguous."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _in_words(tag: bytes, number: int, num_bytes: int) -> str:
    name = OPERATIONS.get(tag, repr(tag))
    return f"{name} {number} of {num_bytes} bytes"
