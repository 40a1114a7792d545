"""The dealer: a process that expands correlated randomness from seeds and never sees a share.

Each party and the dealer share one key, from which the key of every segment's stream is derived
(`mpc.preprocessing.segments`). A party expands its own parts of every tuple from its stream. The
dealer expands all parties' parts, computes the last part, and sends it as a correction to party 0,
which requests it ahead of need. The dealer learns only the shapes and number of operations. It must
not collude with a party. A segment is dealt once, and only if a job could need its tuples
(`mpc.preprocessing.request_rules`). Any other request of party 0 ends the session.
"""

import contextlib
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import NoReturn

import numpy as np

from mpc.consent.chain import Ledger
from mpc.errors import FrameError, PeerClosedError, TransportError
from mpc.net.frames import (
    CORRECTIONS,
    DEALER_KEY,
    DEALER_REPORT,
    FAILED,
    REQUEST,
    RUN_BYTES,
    SIGN_KINDS,
    RoundClock,
)
from mpc.net.handshake import Reception
from mpc.net.last_words import last_words
from mpc.net.link import MAX_CONTROL_BYTES, Link, raw_view
from mpc.net.link_meter import LinkMeter
from mpc.preprocessing.expander import Expander, Masks
from mpc.preprocessing.mask_refs import MaskStore
from mpc.preprocessing.request_rules import check_requests
from mpc.preprocessing.requests import (
    TupleRequest,
    integer,
    job_of,
    place_of,
    requests_of,
)
from mpc.preprocessing.segments import DealtOnce, digest_of, stream_of
from mpc.ring.randomness import new_key
from mpc.roles.bootstrap import Start, serve_process
from mpc.roles.ending import Ending
from mpc.roles.staying import serve_sessions


class Dealer:
    """Serves party 0's requests with the keys of all parties.

    Parameters
    ----------
    links : sequence of Link
        Links to each party, in rank order.
    ledger : Ledger, optional
    ending : Ending, optional
        Lets a job finish that party 0 has begun to ask for, and has not asked the report of.

    Notes
    -----
    Cost: a key to each party; then one request a segment and 8 bytes an element of each tuple's
    last part, to party 0. Leakage: the dealer sees kinds and shapes of tuples.
    """

    def __init__(
        self, links: Sequence[Link], ledger: Ledger | None = None, ending: Ending | None = None
    ) -> None:
        self._ending = ending
        self._ledger = ledger or Ledger(None, role="dealer")
        self._client = links[0]
        self._links = links
        self._meter = LinkMeter(role="dealer", phase="offline")
        self._keys = [new_key() for _ in links]
        self._sent = dict.fromkeys(links, 0)
        self._seconds = 0.0
        self._job = 0
        self._dealt_requests = 0
        self._dealt = DealtOnce()
        self._masks: Masks = MaskStore()
        run = secrets.token_bytes(RUN_BYTES)
        self.run = run.hex()
        """Random name of this run of parties and dealer."""
        for link, key in zip(links, self._keys, strict=True):
            link.send(DEALER_KEY, key + run)
            link.start_counting()

    def serve(self) -> None:
        """Answer requests until party 0 hangs up; a refused request ends the session.

        Raises
        ------
        FrameError
            A request was refused. The message names party 0 and the request; every party receives
            it.
        """
        try:
            self._serve()
        except FrameError as error:
            for link in self._links:
                with contextlib.suppress(TransportError):  # it may have ended
                    link.say_last(FAILED, last_words(error))
            raise

    def _serve(self) -> None:
        while True:
            self._client.readable_within(None)
            try:
                header, payload = self._client.recv_any(max_bytes=MAX_CONTROL_BYTES)
            except PeerClosedError:
                return
            if header.tag == DEALER_REPORT:
                self._report()
                continue
            self._client.check(header, REQUEST, header.number, header.length)
            self._deal(_segment_in(payload))

    def _deal(self, segment_requests: tuple[int, list[TupleRequest]]) -> None:
        if self._ending is not None:
            self._ending.begin()
        segment, requests = segment_requests
        self._dealt.enter(segment)
        if job_of(segment) != self._job:
            self._job, self._masks = job_of(segment), MaskStore()
        self._masks.begin(place_of(segment)[1])
        self._dealt_requests += len(requests)
        check_requests(requests, self._masks.mapped(np.shape), len(self._links))
        digest = digest_of(requests)
        streams = [stream_of(key, segment, digest) for key in self._keys]
        expander = Expander(streams, self._masks)
        for request in requests:
            started = time.perf_counter()
            try:
                payload, links = self._expanded(expander, request)
            except (ValueError, LookupError) as error:
                raise FrameError(f"dealer cannot serve a request of party:0: {error}") from None
            self._seconds += time.perf_counter() - started
            for link in links:
                self._sent[link] += 1
                link.send(CORRECTIONS[request.kind], payload, number=self._sent[link])

    def _expanded(
        self, expander: Expander, request: TupleRequest
    ) -> tuple[memoryview, Sequence[Link]]:
        """Return the payload to send, and the recipients."""
        if not request.is_sent:
            expander.keep(request)
            return memoryview(b""), ()
        if request.kind in SIGN_KINDS:
            return expander.sign_keys(request), self._links
        if request.kind == "point":
            return expander.point_keys(request), self._links
        return raw_view(expander.correction(request)), self._links[:1]

    def _report(self) -> None:
        seconds, self._seconds = self._seconds, 0.0
        role, operations = self._meter.since_last(self._links, seconds)
        if self._dealt_requests:
            self._ledger.write("dealt", run=self.run, job=self._job, requests=self._dealt_requests)
            self._ledger.sync()
            self._dealt_requests = 0
        report = {"role": asdict(role), "operations": [asdict(entry) for entry in operations]}
        self._client.send_json(DEALER_REPORT, report)
        if self._ending is not None:
            self._ending.finish()


def _segment_in(payload: bytearray) -> tuple[int, list[TupleRequest]]:
    try:
        request = json.loads(payload)
        segment = integer(request["segment"])
        place_of(segment)
        return segment, requests_of(request["tuples"])
    except (ValueError, KeyError, TypeError, RecursionError, FrameError) as error:
        raise FrameError(f"dealer got a malformed request of party:0: {error}") from None


def serve(start: Start) -> None:
    """Deal until party 0 hangs up; a dealer that stays then waits for the next session."""
    ledger = Ledger(start.ledger, role=start.identity.role, listener=start.on_event)
    try:
        serve_sessions(start, ledger, lambda now: _serve_one_session(now, ledger))
    finally:
        ledger.close()


def _serve_one_session(start: Start, ledger: Ledger) -> bool:
    """Accept every party, then deal until party 0 hangs up; return True: more may follow."""
    roles = [f"party:{rank}" for rank in range(start.num_parties)]
    clock = RoundClock()
    reception = Reception(
        start.listener,
        me=start.identity,
        admits=lambda role: role in roles,
        timeout_s=start.job_timeout_s,  # party 0 may be waiting for data owners
        clock_of=lambda role: clock,
    )
    try:
        links = reception.wait_for(roles, timeout_s=start.start_timeout_s)
        dealer = Dealer([links[role] for role in roles], ledger, start.ending)
        ledger.write("session began", run=dealer.run)
        dealer.serve()
    finally:
        reception.close()
        if start.ending is not None:
            start.ending.finish()
    return True


def main() -> NoReturn:
    """Run the dealer's process; see `mpc.session.local_group`."""
    serve_process("dealer", serve)


if __name__ == "__main__":
    main()
