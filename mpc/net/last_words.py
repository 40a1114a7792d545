"""The last message of a process: the reason for its end as text, and the cause as data."""

import json
from dataclasses import asdict
from typing import Final

from mpc.errors import Cause, MpcError, PeerFailedError

MAX_BYTES: Final = 1 << 16
_MAX_CHARACTERS: Final = 4000
"""JSON uses up to 12 bytes per character."""


def last_words(error: MpcError) -> bytes:
    """Return the last message for an error that ends a process."""
    said = {"words": str(error)[:_MAX_CHARACTERS], "cause": asdict(error.cause)}
    return json.dumps(said).encode()


def heard(peer: str, said: bytes | bytearray) -> PeerFailedError:
    """Return a peer's last message as an error, with the peer's name and its cause."""
    try:
        received = json.loads(said)
        words, cause = str(received["words"]), Cause.from_json(received["cause"])
    except (ValueError, KeyError, TypeError, RecursionError):
        words, cause = said.decode(errors="replace"), Cause()
    return PeerFailedError(f"{peer} failed: {words}", cause=cause)
