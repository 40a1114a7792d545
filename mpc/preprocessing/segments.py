"""Streams of a segment: bound to all that is asked for in it, and dealt once.

A malicious party 0 that could have other tuples dealt from a stream of which the others draw masks
would read those masks off the corrections. So the key of a stream is derived from the dealer's key,
the number of the segment, and the whole list of its tuples. The other parties take the list from
their own dry run: if party 0 asks for another, its corrections are of streams that nobody uses.
And the dealer answers for a segment once.

References
----------
RFC 2104 (HMAC). Bellare: New proofs for NMAC and HMAC, CRYPTO 2006 (it is a pseudorandom function,
so that keys of different lists are independent of one another).
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Final

from mpc.errors import FrameError
from mpc.preprocessing.requests import TupleRequest, in_words
from mpc.ring.randomness import KEY_BYTES, AesCtrStream

_PURPOSE: Final = b"secfpp stream of a segment"
_NUMBER_BYTES: Final = 8


def stream_of(key: bytes, segment: int, digest: bytes) -> AesCtrStream:
    """Return one party's stream for a segment in which some tuples, and no others, are dealt.

    Parameters
    ----------
    key : bytes
        What the party shares with the dealer.
    segment : int
        See `mpc.preprocessing.requests.segment_of`.
    digest : bytes
        See `digest_of`.
    """
    bound = _PURPOSE + segment.to_bytes(_NUMBER_BYTES, "big") + digest
    return AesCtrStream(hmac.digest(key, bound, "sha256")[:KEY_BYTES])


def digest_of(requests: Sequence[TupleRequest]) -> bytes:
    """Return a digest of all tuples of a segment, in the order of use.

    It is of every field of each: lists that differ in anything have different ones.
    """
    values = [request.as_json() for request in requests]
    return hashlib.sha256(json.dumps(values, separators=(",", ":")).encode()).digest()


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
