"""Bytes that a TCP connection really took, as the kernel counts them.

On top of our payload and frame headers come TLS records, TCP/IP headers, acknowledgements and
whatever had to be sent again.

References
----------
Linux, include/uapi/linux/tcp.h, struct tcp_info; RFC 4898 (tcpEStatsPerfSegsOut and others).
"""

import socket
import struct
from dataclasses import dataclass
from typing import Final

HEADER_BYTES_PER_SEGMENT: Final = 20 + 20 + 12
"""IPv4, TCP and its time-stamp option; IPv6 takes 20 more, Ethernet 14."""

_RECEIVED_SEGMENTS_UNSENT: Final = struct.Struct("<QIII")
_RECEIVED_OFFSET: Final = 128
_SENT: Final = struct.Struct("<Q")
_SENT_OFFSET: Final = 200
_WANTED_BYTES: Final = 256


@dataclass(frozen=True, slots=True)
class WireCount:
    """Bytes on the wire of one connection, headers of TCP/IP included."""

    sent: int = 0
    received: int = 0

    def __add__(self, other: "WireCount") -> "WireCount":
        return WireCount(self.sent + other.sent, self.received + other.received)

    def __sub__(self, other: "WireCount") -> "WireCount":
        return WireCount(self.sent - other.sent, self.received - other.received)


def wire_count(sock: socket.socket) -> WireCount | None:
    """Ask the kernel what went through a TCP socket; None where it does not say.

    What waits in the kernel for the peer to make room counts as sent: it was written, and will be.
    Bytes received again because they were sent twice are not in it.
    """
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _WANTED_BYTES)
    except OSError:
        return None
    if len(info) < _SENT_OFFSET + _SENT.size:  # before Linux 4.19
        return None
    received, segments_out, segments_in, unsent = _RECEIVED_SEGMENTS_UNSENT.unpack_from(
        info, _RECEIVED_OFFSET
    )
    (sent,) = _SENT.unpack_from(info, _SENT_OFFSET)
    return WireCount(
        sent + unsent + HEADER_BYTES_PER_SEGMENT * segments_out,
        received + HEADER_BYTES_PER_SEGMENT * segments_in,
    )
