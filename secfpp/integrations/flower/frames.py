"""Messages on the socket between a ClientApp and the client's program: bounded JSON objects.

A message is a header (4-byte tag, 4-byte length, little-endian) and a JSON object of that length.
"""

import json
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from secfpp.errors import RunError
from secfpp.json_file import JsonValue, parse_json

__all__ = ["MAX_BYTES", "SocketError", "SocketMessage", "receive", "send"]

_HEADER: Final = struct.Struct("<4sI")
_TAG: Final = b"SFP1"
MAX_BYTES: Final = 1 << 20
"""Most bytes of a message's JSON object."""
_CHUNK: Final = 1 << 16


class SocketError(RunError):
    """A message on the socket is malformed, late, or cut off."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SocketMessage:
    """One request or one answer."""

    values: Mapping[str, JsonValue]


def send(sock: socket.socket, message: SocketMessage, *, deadline: float) -> None:
    """Send a message.

    Parameters
    ----------
    sock : socket
    message : SocketMessage
    deadline : float
        Monotonic seconds.

    Raises
    ------
    SocketError
        The message is over the limit, or cannot be sent in time.
    ValueError
        A value is not finite.
    """
    text = json.dumps(dict(message.values), allow_nan=False).encode()
    _check_length(len(text))
    try:
        sock.settimeout(_left(deadline))
        sock.sendall(_HEADER.pack(_TAG, len(text)) + text)
    except OSError as error:
        raise SocketError(f"the other end of the socket takes no message: {error}") from None


def receive(sock: socket.socket, *, deadline: float) -> SocketMessage:
    """Receive a message.

    Parameters
    ----------
    sock : socket
    deadline : float
        Monotonic seconds.

    Raises
    ------
    SocketError
        No whole message comes in time, it is malformed, or over the limit.
    """
    tag, length = _HEADER.unpack(_exactly(sock, _HEADER.size, deadline))
    if tag != _TAG:
        raise SocketError(f"a message begins with {tag!r} in place of {_TAG!r}")
    _check_length(length)
    try:
        values = parse_json(_exactly(sock, length, deadline))
    except ValueError as error:
        raise SocketError(f"a message holds no JSON: {error}") from None
    if not isinstance(values, dict):
        raise SocketError("a message holds no JSON object")
    return SocketMessage(values=values)


def _check_length(length: int) -> None:
    if length > MAX_BYTES:
        raise SocketError(f"a message has {length} bytes; {MAX_BYTES} are the most")


def _exactly(sock: socket.socket, count: int, deadline: float) -> bytes:
    """Return so many bytes."""
    parts = bytearray()
    while len(parts) < count:
        try:
            sock.settimeout(_left(deadline))
            part = sock.recv(min(_CHUNK, count - len(parts)))
        except TimeoutError:
            raise SocketError("no whole message came in time") from None
        except OSError as error:
            raise SocketError(f"the socket broke: {error}") from None
        if not part:
            raise SocketError("the other end of the socket hung up")
        parts += part
    return bytes(parts)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is over")
    return left
