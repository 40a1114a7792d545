"""A data owner: hear the terms of a job, share values, and reconstruct results.

The module needs neither CrypTen nor torch. A value x in the ring becomes P shares that add up to x
mod 2^64. Any P - 1 of them are uniform and independent of x.
"""

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from mpc.consent.terms import Terms
from mpc.errors import ConsentError, PartyError, SessionError, TransportError
from mpc.net.frames import DECLINED, GIVEN_UP, OPENED, SHARE, TERMS
from mpc.net.last_words import last_words
from mpc.net.link import MAX_CONTROL_BYTES, Link
from mpc.net.link_meter import LinkMeter
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import AesCtrStream, new_key


def split(ring: Int64Array, num_parties: int) -> list[Int64Array]:
    """Split ring elements into additive shares.

    Parameters
    ----------
    ring : ndarray of int64, any shape
    num_parties : int
        P >= 2.

    Returns
    -------
    list of P ndarrays of int64, same shape
        Their sum mod 2^64 is `ring`. Every call uses fresh randomness of the operating system.
    """
    stream = AesCtrStream(new_key())
    masks = [stream.ring(ring.shape) for _ in range(num_parties - 1)]
    return [*masks, ring - sum(masks, start=np.zeros_like(ring))]


def reconstruct(shares: Sequence[Int64Array]) -> Int64Array:
    """Add up the shares of all parties, mod 2^64."""
    return sum(shares[1:], start=shares[0].copy())


@dataclass(frozen=True, kw_only=True, slots=True)
class DataOwner:
    """One data owner and its links to the parties, in rank order."""

    name: str
    links: tuple[Link, ...]
    meter: LinkMeter

    @classmethod
    def connected(cls, name: str, num_parties: int, connect: Callable[[int], Link]) -> Self:
        """Connect an owner to every party; if one link fails, none stays open.

        Parameters
        ----------
        name : str
            Role of the owner.
        num_parties : int
        connect : callable
            Opens the link to the party of a rank.

        Raises
        ------
        TransportError
        """
        links: list[Link] = []
        try:
            for rank in range(num_parties):
                links.append(connect(rank))
        except TransportError:
            for link in links:
                link.close()
            raise
        return cls(name=name, links=tuple(links), meter=LinkMeter(role=name, phase="input"))

    def hear(self, *, job: int, wait: Callable[[Link], None]) -> Terms:
        """Return the terms of a job, which every party announces alike.

        Parameters
        ----------
        job : int
        wait : callable
            Blocks until a link is readable, or raises.

        Raises
        ------
        ConsentError
            The parties announce different terms. The message names the fields.
        PartyError
            The job was given up; the message says why.
        TransportError
            A link failed, or a party sent something else.
        """
        return self._agreed([self._next(link, TERMS, job, wait, 0) for link in self.links])

    def hear_next(
        self,
        *,
        after: int,
        wait: Callable[[Link], None],
        wait_for_others: Callable[[Link], None],
    ) -> Terms:
        """Return the terms of the next job, whatever its number.

        What comes late of older jobs is skipped.

        Parameters
        ----------
        after : int
            Number of the last job on these links.
        wait : callable
            Blocks until the first party's link is readable, or raises.
        wait_for_others : callable
            The same for the other parties, which announce the job as well.

        Raises
        ------
        ConsentError, TransportError
            As for `hear`. A job that only the first party refuses is refused here, too.
        """
        link, *others = self.links
        while True:
            wait(link)
            header, text = link.recv_any(max_bytes=MAX_CONTROL_BYTES)
            if header.tag == GIVEN_UP and header.number > after:
                error = given_up(link.peer, text, header.number)
                if isinstance(error, ConsentError):
                    raise error
            elif header.tag not in (OPENED, GIVEN_UP):
                break
        link.check(header, TERMS, header.number, header.length)
        rest = [self._next(each, TERMS, header.number, wait_for_others, 0) for each in others]
        return self._agreed([text, *rest])

    def _agreed(self, texts: Sequence[bytearray]) -> Terms:
        """Return what every party announced; raise if two announced different terms."""
        first = Terms.decoded(texts[0])
        for link, text in zip(self.links, texts, strict=True):
            if text != texts[0]:
                self._refuse_two(first, Terms.decoded(text), link.peer)
        return first

    def _refuse_two(self, one: Terms, other: Terms, peer: str) -> None:
        """Raise for parties that were given different orders."""
        fields = one.differences(other)
        raise ConsentError(
            f"{self.links[0].peer} and {peer} announce different jobs to {self.name}: "
            f"{'; '.join(map(str, fields))}",
            job=one.number,
            refusals=tuple(
                {
                    "role": self.name,
                    "field": each.field,
                    "asked": each.other,
                    "allowed": f"{each.one!r}, as {self.links[0].peer} says",
                }
                for each in fields
            ),
        )

    def send(self, ring_RX: Int64Array, *, job: int, digest: bytes) -> None:
        """Split ring elements, and send share p to party p with the digest of the job's terms."""
        consent = np.frombuffer(digest, dtype=np.int64)
        for link, share in zip(self.links, split(ring_RX, len(self.links)), strict=True):
            link.send_ring(SHARE, np.concatenate([consent, share.reshape(-1)]), number=job)

    def decline(self, error: ConsentError, *, job: int) -> None:
        """Tell every party why this owner does not take part in a job."""
        for link in self.links:
            with contextlib.suppress(TransportError):  # it may have ended
                link.send(DECLINED, last_words(error), number=job)

    def receive(
        self, shape: Sequence[int], *, job: int, wait: Callable[[Link], None]
    ) -> Int64Array:
        """Receive one share from each party, and reconstruct.

        Parameters
        ----------
        shape : sequence of int
        job : int
        wait : callable
            Blocks until a link is readable, or raises.

        Raises
        ------
        PartyError
            The job was given up; the message says why.
        TransportError
            A link failed, or a party sent something else.
        """
        num_bytes = 8 * int(np.prod(shape, dtype=np.int64))
        shares = [
            np.frombuffer(self._next(link, OPENED, job, wait, num_bytes), dtype=np.int64)
            for link in self.links
        ]
        return reconstruct(shares).reshape(shape)

    def _next(
        self, link: Link, tag: bytes, job: int, wait: Callable[[Link], None], num_bytes: int
    ) -> bytearray:
        """Return a job's next frame, of `num_bytes` bytes unless 0; skip those of older jobs.

        Terms are not skipped while a result is awaited: a party that announces another job has none
        to send, whatever that job's number in a new run.
        """
        late = {OPENED, GIVEN_UP, tag}
        while True:
            wait(link)
            header, payload = link.recv_any(max_bytes=max(MAX_CONTROL_BYTES, num_bytes))
            if header.tag in late and header.number < job:
                continue
            if header.tag == GIVEN_UP and header.number == job:
                raise given_up(link.peer, payload, job)
            link.check(header, tag, job, num_bytes or header.length)
            return payload

    def close(self) -> None:
        """Close the links."""
        for link in self.links:
            link.close()


def given_up(peer: str, said: bytes | bytearray, job: int) -> SessionError:
    """Return a party's news that a job ends without a result, as an error.

    Returns
    -------
    ConsentError
        A role does not allow the job.
    PartyError
        The job ended for another reason.
    """
    try:
        news: Mapping[str, object] = json.loads(said)
        why, refusals = str(news["why"]), news["refusals"]
        given = tuple(dict(each) for each in refusals)  # type: ignore[attr-defined]
    except (ValueError, KeyError, TypeError, RecursionError):
        return PartyError(f"{peer} gave the job up")
    if given:
        return ConsentError(why, refusals=given, job=job)
    return PartyError(f"{peer} gave the job up: {why}")
