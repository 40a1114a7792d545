"""Streams of a segment: bound to all that is asked for in it, and dealt once.

A malicious party 0 that could have other tuples dealt from a stream of which the others draw masks
would read those masks off the corrections. So the key of a stream is derived from the dealer's key,
the number of the segment, and the whole list of its tuples. The other parties take the list from
their own rehearsal: if party 0 asks for another, its corrections are of streams that nobody uses.
And the dealer answers for a segment once.

References
----------
RFC 2104 (HMAC); Bellare: New proofs for NMAC and HMAC, CRYPTO 2006 (it is a pseudorandom function,
so that keys of different lists are independent).
"""

import hmac
import json
from collections.abc import Sequence
from typing import Final

from mpc.errors import FrameError
from mpc.randomness import KEY_BYTES, AesCtrStream
from mpc.tuples import TupleRequest, in_words

_PURPOSE: Final = "secfpp stream of a segment"


def stream_of(key: bytes, segment: int, requests: Sequence[TupleRequest]) -> AesCtrStream:
    """Return one party's stream for a segment in which these tuples, and no others, are dealt.

    Parameters
    ----------
    key : bytes
        What the party shares with the dealer.
    segment : int
        See `mpc.tuples.segment_of`.
    requests : sequence of TupleRequest
        All tuples of the segment, in the order of use.
    """
    digest = hmac.digest(key, encoded(segment, requests), "sha256")
    return AesCtrStream(digest[:KEY_BYTES])


def encoded(segment: int, requests: Sequence[TupleRequest]) -> bytes:
    """Return a segment and its tuples as bytes, different for any two that differ in anything."""
    values = [_PURPOSE, segment, [request.as_json() for request in requests]]
    return json.dumps(values, separators=(",", ":")).encode()


class DealtOnce:
    """The dealer's memory of what it has dealt: segments come in order, each once."""

    def __init__(self) -> None:
        self._last = 0

    def enter(self, segment: int) -> None:
        """Note that a segment is about to be dealt.

        Raises
        ------
        FrameError
            It was dealt before, or a later one was.
        """
        if segment == self._last:
            raise FrameError(f"party:0 asked for {in_words(segment)} twice; it is dealt once")
        if segment < self._last:
            raise FrameError(
                f"party:0 asked for {in_words(segment)} after {in_words(self._last)}: either that "
                "was asked for twice, or out of order; each is dealt once"
            )
        self._last = segment
