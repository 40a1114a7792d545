"""Messages on the socket between a ClientApp and the client's program: JSON and raw numbers.

A message is a header (4-byte tag, 4-byte length of a JSON object, 8-byte length of the numbers,
little-endian), the object, and the numbers of all arrays one behind the other. The object lists the
arrays under `arrays`: name, type and shape of each. Nothing is ever unpickled.
"""

import json
import math
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from secfpp.errors import RunError
from secfpp.json_file import JsonValue, parse_json

__all__ = ["MAX_ARRAYS_BYTES", "MAX_JSON_BYTES", "SocketError", "SocketMessage", "receive", "send"]

AnyArray = npt.NDArray[Any]

_HEADER: Final = struct.Struct("<4sIQ")
_TAG: Final = b"SFP1"
MAX_JSON_BYTES: Final = 1 << 20
"""Most bytes of a message's JSON object."""
MAX_ARRAYS_BYTES: Final = 1 << 28
"""Most bytes of a message's arrays, together."""
_TYPES: Final = ("<f4", "<f8", "<i8")
_LISTED: Final = "arrays"
_CHUNK: Final = 1 << 16


class SocketError(RunError):
    """A message on the socket is malformed, late, or cut off."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SocketMessage:
    """One request or one answer."""

    values: Mapping[str, JsonValue]
    arrays: Mapping[str, AnyArray] = field(default_factory=dict)
    """Of float32, float64 or int64, by name."""


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
        The message is over a limit, or cannot be sent in time.
    """
    raw = {name: np.ascontiguousarray(each) for name, each in message.arrays.items()}
    listed: list[JsonValue] = [
        [name, each.dtype.str, [int(size) for size in each.shape]] for name, each in raw.items()
    ]
    for name, each in raw.items():
        if each.dtype.str not in _TYPES:
            raise SocketError(f"array {name!r} is of {each.dtype}, none of {', '.join(_TYPES)}")
    text = json.dumps({**message.values, _LISTED: listed}, allow_nan=False).encode()
    length = sum(each.nbytes for each in raw.values())
    _check_lengths(len(text), length)
    whole = [
        _HEADER.pack(_TAG, len(text), length),
        text,
        *(each.tobytes() for each in raw.values()),
    ]
    try:
        sock.settimeout(_left(deadline))
        sock.sendall(b"".join(whole))
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
        No whole message comes in time, it is malformed, or over a limit.
    """
    tag, text_length, length = _HEADER.unpack(_exactly(sock, _HEADER.size, deadline))
    if tag != _TAG:
        raise SocketError(f"a message begins with {tag!r} in place of {_TAG!r}")
    _check_lengths(text_length, length)
    try:
        values = parse_json(_exactly(sock, text_length, deadline))
    except ValueError as error:
        raise SocketError(f"a message holds no JSON: {error}") from None
    if not isinstance(values, dict):
        raise SocketError("a message holds no JSON object")
    listed = [_listed(entry) for entry in _as_list(values.pop(_LISTED, []))]
    if sum(math.prod(shape) * np.dtype(kind).itemsize for _, kind, shape in listed) != length:
        raise SocketError(f"a message announces {length} bytes of arrays, and lists other ones")
    arrays = {}
    for name, kind, shape in listed:
        count = math.prod(shape) * np.dtype(kind).itemsize
        raw = _exactly(sock, count, deadline)
        arrays[name] = np.frombuffer(raw, dtype=kind).reshape(shape)
    return SocketMessage(values=values, arrays=arrays)


def _check_lengths(text: int, arrays: int) -> None:
    if text > MAX_JSON_BYTES or arrays > MAX_ARRAYS_BYTES:
        raise SocketError(
            f"a message has {text} bytes of JSON and {arrays} of arrays; {MAX_JSON_BYTES} and "
            f"{MAX_ARRAYS_BYTES} are the most"
        )


def _as_list(value: JsonValue) -> list[JsonValue]:
    if not isinstance(value, list):
        raise SocketError("a message lists its arrays in no list")
    return value


def _listed(entry: JsonValue) -> tuple[str, str, tuple[int, ...]]:
    """Return name, type and shape of an array."""
    match entry:
        case [str(name), str(kind), [*sizes]] if kind in _TYPES:
            shape = tuple(size for size in sizes if type(size) is int and size >= 0)
            if len(shape) == len(sizes) and math.prod(shape) <= MAX_ARRAYS_BYTES:
                return name, kind, shape
    raise SocketError(f"a message lists an array as {entry!r:.80}")


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
