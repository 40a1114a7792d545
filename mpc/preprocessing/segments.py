"""Streams of a segment, which are bound to all its tuples and dealt once.

Suppose a malicious party 0 could make the dealer expand other tuples from a stream from which the
other parties draw masks. The corrections would then reveal these masks. The key of a stream is
therefore derived from the dealer's key, the number of the segment, and the whole list of its
tuples. The other parties know the list from their own dry run. If party 0 requests another list,
its corrections belong to streams that no party uses. The dealer deals each segment once.

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
    """Return one party's stream for a segment with an exact list of tuples.

    Parameters
    ----------
    key : bytes
        The key that the party shares with the dealer.
    segment : int
        See `mpc.preprocessing.requests.segment_of`.
    digest : bytes
        See `digest_of`.
    """
    bound = _PURPOSE + segment.to_bytes(_NUMBER_BYTES, "big") + digest
    return AesCtrStream(hmac.digest(key, bound, "sha256")[:KEY_BYTES])


def digest_of(requests: Sequence[TupleRequest]) -> bytes:
    """Return a digest of all tuples of a segment, in the order of use.

    It covers every field of each request, so different lists have different digests.
    """
    values = [request.as_json() for request in requests]
    return hashlib.sha256(json.dumps(values, separators=(",", ":")).encode()).digest()


class DealtOnce:
    """The dealer's check that segments come in order, each once."""

    def __init__(self) -> None:
        self._last = 0

    def enter(self, segment: int) -> None:
        """Record that a segment is about to be dealt.

        Raises
        ------
        FrameError
            The segment or a later one was dealt before.
        """
        if segment == self._last:
            raise FrameError(f"party:0 asked for {in_words(segment)} twice; it is dealt once")
        if segment < self._last:
            raise FrameError(
                f"party:0 asked for {in_words(segment)} after {in_words(self._last)}: either that "
                "was asked for twice, or out of order; each is dealt once"
            )
        self._last = segment
