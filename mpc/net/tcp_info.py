"""Bytes on the wire of a TCP connection, as the kernel counts them.

Besides payload and frame headers they include TLS records, TCP/IP headers, acknowledgements and
retransmissions.

References
----------
Linux, include/uapi/linux/tcp.h, struct tcp_info; RFC 4898 (tcpEStatsPerfSegsOut and others).
"""

import socket
import struct
from dataclasses import dataclass
from typing import Final

HEADER_BYTES_PER_SEGMENT: Final = 20 + 20 + 12
"""IPv4, TCP and its time-stamp option; IPv6 adds 20 bytes, Ethernet 14."""

_RECEIVED_SEGMENTS_UNSENT: Final = struct.Struct("<QIII")
_RECEIVED_OFFSET: Final = 128
_SENT: Final = struct.Struct("<Q")
_SENT_OFFSET: Final = 200
_WANTED_BYTES: Final = 256


@dataclass(frozen=True, slots=True)
class WireCount:
    """Bytes on the wire of one connection, including TCP/IP headers."""

    sent: int = 0
    received: int = 0

    def __add__(self, other: "WireCount") -> "WireCount":
        return WireCount(self.sent + other.sent, self.received + other.received)

    def __sub__(self, other: "WireCount") -> "WireCount":
        return WireCount(self.sent - other.sent, self.received - other.received)


def wire_count(sock: socket.socket) -> WireCount | None:
    """Return the bytes on the wire of a TCP socket; None if the kernel does not report them.

    Bytes in the kernel's send queue count as sent. Received duplicates are not counted.
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
