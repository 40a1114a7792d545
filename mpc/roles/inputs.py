"""The data owners of one job, as a party meets them: terms go out, shares with consent come in.

Shape letters: R rows of one owner, D dimensions of a point, M of a payload.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from mpc.consent.terms import DIGEST_BYTES, Terms
from mpc.errors import DeclinedError, PeerFailedError, PeerTimeoutError, TransportError
from mpc.jobs.order import Order
from mpc.net.exchange import Outgoing, collect, drive
from mpc.net.frames import GIVEN_UP, SHARE, TERMS
from mpc.net.handshake import Reception
from mpc.net.link import Link, allow_open_files
from mpc.ring.fixedpoint import Int64Array

_DIGEST_WORDS = DIGEST_BYTES // 8

Refusals = list[Mapping[str, object]]


class Inputs:
    """Collects the shares of a job's data owners.

    Parameters
    ----------
    reception : Reception
        Accepts data owners.
    order : Order
    terms : Terms
        Of this order, as this party announces them.
    timeout_s : float
        Longest wait for an owner to connect, and longest silence of one while it sends.
    job_timeout_s : float
        Longest time that all owners together may take to send.
    heartbeat : callable
        Called several times within `timeout_s`.
    """

    def __init__(
        self,
        reception: Reception,
        order: Order,
        terms: Terms,
        *,
        timeout_s: float,
        job_timeout_s: float,
        heartbeat: Callable[[], None],
    ) -> None:
        self._reception, self._order, self._terms = reception, order, terms
        self._timeout_s, self._job_timeout_s = timeout_s, job_timeout_s
        self._heartbeat = heartbeat
        self.failed: dict[str, str] = {}
        """Owners that failed, and why."""
        self.refusals: Refusals = []
        """What owners do not allow."""
        self._told: set[Link] = set()

    def announce(self) -> None:
        """Send the terms to the owners that are connected."""
        self._reception.drop_ended(self._order.rows)
        self._told |= self._announce(self._reception.present(self._order.rows).values())

    def collect(self) -> dict[Link, Int64Array]:
        """Wait for owners that are missing, and return the shares of those that consent.

        Returns
        -------
        dict of Link to ndarray of int64, (R, D + M)
            Owners that do not connect, refuse, consent to other terms or fail are in `failed`.
        """
        order = self._order
        told = {link.peer for link in self._told}
        untold = [name for name in order.rows if name not in told and name not in self.failed]
        if untold:
            allow_open_files(len(self._reception.missing(untold)))
            self._told |= self._announce(self._await(untold).values())
        shapes = {link: self._words_of(link.peer) for link in self._told}
        words, failures = collect(
            shapes,
            SHARE,
            number=order.number,
            silence_s=self._timeout_s,
            within_s=self._job_timeout_s,
            heartbeat=self._heartbeat,
        )
        self._note(failures)
        expected = np.frombuffer(self._terms.digest, dtype=np.int64)
        for link, given in list(words.items()):
            if not np.array_equal(given[:_DIGEST_WORDS], expected):
                del words[link]
                self._reception.drop(link.peer)
                self.failed[link.peer] = "it consented to another job"
        for name in order.rows.keys() - {link.peer for link in words} - self.failed.keys():
            self.failed[name] = "nothing came of it"
        return {
            link: given[_DIGEST_WORDS:].reshape(order.share_shape(link.peer))
            for link, given in words.items()
        }

    def give_up(self, why: str, refusals: Sequence[Mapping[str, object]]) -> None:
        """Tell every connected owner that the job ends without a result, and why."""
        text = json.dumps({"why": why, "refusals": [dict(each) for each in refusals]}).encode()
        self._tell(self._reception.present(self._order.rows).values(), GIVEN_UP, text)

    def _words_of(self, owner: str) -> tuple[int]:
        rows, width = self._order.share_shape(owner)
        return (_DIGEST_WORDS + rows * width,)

    def _await(self, owners: Collection[str]) -> dict[str, Link]:
        """Wait until owners are connected; those that do not connect are noted as failed."""
        try:
            self._reception.wait_for(owners, timeout_s=self._timeout_s, heartbeat=self._heartbeat)
        except PeerTimeoutError as error:
            for name in self._reception.missing(owners):
                self.failed[name] = str(error)
        return self._reception.present(owners)

    def _announce(self, links: Collection[Link]) -> set[Link]:
        """Send the terms; return the links that took them."""
        return self._tell(links, TERMS, self._terms.encoded())

    def _tell(self, links: Collection[Link], tag: bytes, text: bytes) -> set[Link]:
        tasks = [Outgoing(link, tag, memoryview(text), number=self._order.number) for link in links]
        failures = drive(tasks, silence_s=self._timeout_s, heartbeat=self._heartbeat)
        self._note(failures)
        return set(links) - failures.keys()

    def _note(self, failures: Mapping[Link, TransportError]) -> None:
        """Note which owners failed, and why; drop those whose links cannot go on."""
        for link, error in failures.items():
            self.failed[link.peer] = str(error)
            if isinstance(error, PeerFailedError):
                self.refusals += error.refusals
            if not isinstance(error, DeclinedError):
                self._reception.drop(link.peer)
