"""The final message of a failing process: its error as text, and the cause as data."""

import json
from dataclasses import asdict
from typing import Final

from mpc.errors import Cause, ConsentError, MpcError, PeerFailedError

MAX_BYTES: Final = 1 << 16
_MAX_CHARACTERS: Final = 4000
"""JSON takes up to 12 bytes for one character."""


def last_words(error: MpcError) -> bytes:
    """Return the final message for the error that ends a process."""
    said: dict[str, object] = {
        "words": str(error)[:_MAX_CHARACTERS],
        "cause": asdict(error.cause),
    }
    if isinstance(error, ConsentError):
        said["refusals"] = [dict(each) for each in error.refusals]
    return json.dumps(said).encode()


def heard(peer: str, said: bytes | bytearray) -> PeerFailedError:
    """Return a peer's final message as an error with the peer's name, the cause and refusals."""
    refusals: tuple[dict[str, object], ...] = ()
    try:
        received = json.loads(said)
        words, cause = str(received["words"]), Cause.from_json(received["cause"])
        refusals = tuple(dict(each) for each in received.get("refusals", ()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        words, cause = said.decode(errors="replace"), Cause()
    return PeerFailedError(f"{peer} failed: {words}", cause=cause, refusals=refusals)
