"""Byte channels over a socket: plain TCP or TLS 1.3.

TLS uses memory buffers instead of wrapping the socket. One thread can then alternate reads and
writes without a lock, and kernel time-outs end every wait without an extra system call.
"""

import errno
import os
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from typing import Final, Protocol

from mpc.errors import InputError, PeerClosedError, PeerTimeoutError, TransportError

_FIRST_BUFFER_BYTES: Final = 1 << 13
"""A party has a link to each of thousands of data owners, most of which send little."""
_BUFFER_BYTES: Final = 1 << 18
"""Size up to which the buffer of a link grows while its reads fill it."""
_RECORD_BATCH: Final = 1 << 18
"""Bytes encrypted at a time; bounds the memory for copies of a large payload."""
_MOST_KEEP_ALIVE_S: Final = 32_767
"""The kernel's limit."""
MAX_SECONDS: Final = 1e9
"""About 30 years, near the limit of the kernel and of Python."""

Buffer = bytes | bytearray | memoryview


class Channel(Protocol):
    """A connected socket and the encoding of bytes on it."""

    sock: socket.socket
    spin_s: float
    """How long a wait spins before it sleeps."""

    def encode(self, data: Buffer) -> Iterator[Buffer]:
        """Yield the pieces to send for `data`."""

    def close(self) -> None:
        """Close the socket and drop all keys. Idempotent."""

    def read_into(self, view: memoryview, *, wait: bool) -> int:
        """Read some bytes and return how many; 0 if the peer closed.

        Raises
        ------
        BlockingIOError
            Nothing arrived within the time-out, or at once if `wait` is False.
        OSError
            The connection broke.
        """

    @property
    def has_buffered(self) -> bool:
        """Whether bytes can be read although the socket is not readable."""


class ReadBuffer:
    """A buffer for reads of one socket, which is small until a read fills it."""

    def __init__(self) -> None:
        self._buffer = memoryview(bytearray(_FIRST_BUFFER_BYTES))
        self._next_size = _FIRST_BUFFER_BYTES

    def filled(self, sock: socket.socket, *, wait: bool, spin_s: float) -> memoryview:
        """Read some bytes, and return them until the next call; none if the peer closed."""
        if len(self._buffer) < self._next_size:
            self._buffer = memoryview(bytearray(self._next_size))
        count = receive(sock, self._buffer, wait=wait, spin_s=spin_s)
        if count == len(self._buffer) < _BUFFER_BYTES:
            self._next_size = min(4 * count, _BUFFER_BYTES)
        return self._buffer[:count]


class PlainChannel:
    """Unencrypted bytes. For debugging on loopback only."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.spin_s = 0.0
        self._buffer = ReadBuffer()
        self._held = memoryview(b"")
        self._start = self._end = 0

    def encode(self, data: Buffer) -> Iterator[Buffer]:
        """Yield the bytes unchanged."""
        yield data

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()

    def read_into(self, view: memoryview, *, wait: bool) -> int:
        """Read some bytes; small reads use a buffer to save system calls."""
        if self._start == self._end:
            if len(view) >= _BUFFER_BYTES:
                return receive(self.sock, view, wait=wait, spin_s=self.spin_s)
            self._held = self._buffer.filled(self.sock, wait=wait, spin_s=self.spin_s)
            self._start, self._end = 0, len(self._held)
        count = min(len(view), self._end - self._start)
        view[:count] = self._held[self._start : self._start + count]
        self._start += count
        return count

    @property
    def has_buffered(self) -> bool:
        """Whether bytes were read ahead."""
        return self._start < self._end


class TlsChannel:
    """TLS 1.3 with mutual authentication; created by `handshake`."""

    def __init__(
        self,
        sock: socket.socket,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        peer_name: str | None,
    ) -> None:
        self.sock = sock
        self.spin_s = 0.0
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=peer_name
        )
        self._buffer = ReadBuffer()

    def shake_hands(self, deadline: float) -> None:
        """Run the handshake until `deadline` (monotonic seconds)."""
        done = False
        while not done:
            try:
                self._open.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            finally:  # a refusal also sends its alert
                if self._outgoing.pending:
                    self.sock.sendall(self._outgoing.read())
            if not done:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise BlockingIOError
                set_timeout(self.sock, left)
                if not self._fill(wait=True):
                    raise ConnectionResetError("it hung up during the handshake")

    @property
    def peer_names(self) -> tuple[str, ...]:
        """All subject alternative names in the peer's certificate, which the authority signed.

        DNS names are unchanged, others have their kind as a prefix. Common names are ignored.
        """
        certificate = self._open.getpeercert() or {}
        pairs = ((str(pair[0]), str(pair[1])) for pair in certificate.get("subjectAltName", ()))
        return tuple(name if kind == "DNS" else f"{kind}:{name}" for kind, name in pairs)

    def close(self) -> None:
        """Close the socket and drop the TLS session, whose context holds our private key."""
        self.sock.close()
        self._tls = None

    @property
    def _open(self) -> ssl.SSLObject:
        if self._tls is None:
            raise OSError(errno.EBADF, "it was closed here")
        return self._tls

    def encode(self, data: Buffer) -> Iterator[Buffer]:
        """Yield encrypted records."""
        view = memoryview(data)
        for start in range(0, max(len(view), 1), _RECORD_BATCH):
            self._open.write(view[start : start + _RECORD_BATCH])
            yield self._outgoing.read()

    def read_into(self, view: memoryview, *, wait: bool) -> int:
        """Read and decrypt some bytes and return how many; 0 if the peer closed."""
        while True:
            try:
                return self._open.read(len(view), view)  # type: ignore[return-value]
            except ssl.SSLWantReadError:
                if not self._fill(wait=wait):
                    return 0
            except ssl.SSLZeroReturnError:
                return 0

    @property
    def has_buffered(self) -> bool:
        """Whether decrypted or undecrypted bytes were read ahead."""
        return self._tls is not None and bool(self._tls.pending() or self._incoming.pending)

    def _fill(self, *, wait: bool) -> int:
        ciphertext = self._buffer.filled(self.sock, wait=wait, spin_s=self.spin_s)
        if ciphertext:
            self._incoming.write(ciphertext)
        return len(ciphertext)


def handshake(
    sock: socket.socket,
    context: ssl.SSLContext,
    *,
    server_side: bool,
    peer_name: str | None = None,
    timeout_s: float,
) -> TlsChannel:
    """Agree on keys with the peer and check its certificate.

    Parameters
    ----------
    sock : socket.socket
        Connected, blocking.
    context : ssl.SSLContext
        From `mpc.net.tls`.
    server_side : bool
    peer_name : str, optional
        Name that the peer's certificate must have; required on the client side.
    timeout_s : float

    Raises
    ------
    TransportError
        Either end refuses the certificate or the protocol; the message has the reason.
    PeerClosedError, PeerTimeoutError
    """
    channel = TlsChannel(sock, context, server_side=server_side, peer_name=peer_name)
    try:
        channel.shake_hands(time.monotonic() + timeout_s)
    except ssl.SSLCertVerificationError as error:
        raise TransportError(f"its certificate is refused: {error.verify_message}") from None
    except ssl.SSLError as error:
        raise TransportError(f"no TLS 1.3 with it: {error.reason or error}") from None
    except BlockingIOError:
        raise PeerTimeoutError(f"it did not finish the handshake in {timeout_s:g} s") from None
    except OSError as error:
        raise PeerClosedError(f"the connection broke: {error.strerror or error}") from None
    return channel


def check_seconds(name: str, seconds: float) -> None:
    """Reject a time-out that the kernel cannot represent.

    Raises
    ------
    InputError
    """
    if not 0 < seconds <= MAX_SECONDS:
        raise InputError(f"{name} {seconds}: seconds above 0, at most {MAX_SECONDS:g}, are needed")


def set_timeout(sock: socket.socket, seconds: float) -> None:
    """Set the kernel's time-out for blocking reads and writes."""
    sock.settimeout(None)
    whole, micros = divmod(round(max(seconds, 1e-3) * 1e6), 1_000_000)
    timeval = struct.pack("ll", whole, micros)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        sock.setsockopt(socket.SOL_SOCKET, option, timeval)


def keep_alive(sock: socket.socket, seconds: float) -> None:
    """Let the kernel end a connection whose other end does not answer for some seconds.

    It probes an idle connection, and gives up unacknowledged data after the same time. Blocking
    calls then raise `TimeoutError`.
    """
    whole = min(max(1, round(seconds)), _MOST_KEEP_ALIVE_S)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_KEEPIDLE, max(1, whole // 3)),
        (socket.TCP_KEEPINTVL, max(1, whole // 6)),
        (socket.TCP_USER_TIMEOUT, 1000 * whole),
    ):
        sock.setsockopt(socket.IPPROTO_TCP, option, value)


def receive(sock: socket.socket, view: memoryview, *, wait: bool, spin_s: float) -> int:
    """Read the available bytes; if there are none, spin for `spin_s`, then sleep until some arrive.

    Spinning yields the core to other processes. It avoids the kernel's wake-up latency, which is
    longer than a round between two parties on one machine.
    """
    if not wait:
        return sock.recv_into(view, 0, socket.MSG_DONTWAIT)
    if spin_s:
        until = time.perf_counter() + spin_s
        while time.perf_counter() < until:
            try:
                return sock.recv_into(view, 0, socket.MSG_DONTWAIT)
            except BlockingIOError:
                os.sched_yield()
    return sock.recv_into(view)
