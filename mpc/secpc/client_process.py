"""A client as a process, with links to the server, to each other client, and to its owner.

It reads its settings as a party does (`mpc.roles.bootstrap`). Its owner, which is the parent in a
simulation, gives it rows on a link of its own and gets the result there; the server sees neither.
A client whose link to another fails closes it, and says of whom it has what.

Shape letters: J clients, R own rows, D dimensions, M of a payload.
"""

import contextlib
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from mpc.errors import FrameError, MpcError, PeerTimeoutError, TransportError
from mpc.net.exchange import Incoming, Outgoing, drive
from mpc.net.frames import (
    ANSWER,
    CODED_MASK,
    CODED_SHARE,
    CONTROL,
    COUNTED,
    FAILED,
    OPENED,
    OWN_ROWS,
    RECEIVED,
    RoundClock,
)
from mpc.net.handshake import Reception, connect
from mpc.net.last_words import last_words
from mpc.net.link import MAX_CONTROL_BYTES, Link, LinkCount, allow_open_files, raw_view
from mpc.ring.fixedpoint import Int64Array
from mpc.roles.bootstrap import START_TIMEOUT_S, Start, serve_process
from mpc.secpc.client import ClientJob
from mpc.secpc.field import Elements
from mpc.secpc.local_clients import means_of
from mpc.secpc.messages import CodedOrder, OwnRows, Query

COUNTED_TAGS: Final = (CODED_SHARE, CODED_MASK)
"""Kinds of messages between clients, whose traffic the server cannot count itself."""
_MEETING_S: Final = 60.0
_PATIENCE: Final = 0.7
"""Longest silence of another client, as a part of the longest silence towards the server."""

Message = Mapping[str, object]


class ClientProcess:
    """One client, for as long as the server's link lasts.

    Parameters
    ----------
    start : Start
    """

    def __init__(self, start: Start) -> None:
        self._start, self._role = start, start.identity.role
        self._clock = RoundClock()
        self._links: dict[int, Link] = {}
        self._names: tuple[str, ...] = ()
        self._job: ClientJob | None = None
        self._counts = dict.fromkeys(COUNTED_TAGS, LinkCount())
        allow_open_files(start.num_parties)
        self._reception = Reception(
            start.listener,
            me=start.identity,
            admits=lambda role: role == "server" or role.startswith("client:"),
            timeout_s=start.timeout_s,
            clock_of=lambda role: RoundClock() if role == self._role else self._clock,
        )
        met = self._reception.wait_for(["server", self._role], timeout_s=START_TIMEOUT_S)
        self._server, self._owner = met["server"], met[self._role]

    def serve(self) -> None:
        """Answer the server until it hangs up.

        Raises
        ------
        MpcError
            This client cannot go on; the server is told why.
        """
        while self._server.readable_within(None):
            header, payload = self._server.recv_any(max_bytes=MAX_CONTROL_BYTES)
            try:
                if header.tag == OPENED:
                    self._take_result(payload)
                else:
                    self._server.check(header, CONTROL, 0, header.length)
                    self._act(self._server.object_in(payload))
            except MpcError as error:
                with contextlib.suppress(TransportError):
                    self._server.say_last(FAILED, last_words(error))
                raise

    def _act(self, message: Message) -> None:
        actions: dict[object, Callable[[Message, int], None]] = {
            "meet": self._meet,
            "share": self._share,
            "masks": self._share_masks,
            "distances": self._answer,
            "sums": self._answer,
            "count": self._report_counts,
        }
        action = actions.get(message.get("do"))
        if action is None:
            raise FrameError(f"the server asks for {message.get('do')!r:.40}")
        action(message, int(str(message.get("number", 0))))

    def _meet(self, message: Message, number: int) -> None:
        """Connect to the clients before this one; those after it connect here."""
        names = message["clients"]
        self._names = tuple(map(str, names)) if isinstance(names, list) else ()
        me = self._me
        met = np.zeros(len(self._names), dtype=np.int64)
        for at in range(me):
            with contextlib.suppress(TransportError):
                self._links[at] = connect(
                    self._start.addresses[at],
                    me=self._start.identity,
                    peer=self._names[at],
                    timeout_s=self._start.timeout_s,
                    within_s=_MEETING_S,
                    clock=self._clock,
                )
        met[[me, *self._links]] = 1
        self._server.send_ring(RECEIVED, met, number=number)

    @property
    def _me(self) -> int:
        if self._role not in self._names:
            raise FrameError(f"{self._role} is not among the clients of the session")
        return self._names.index(self._role)

    def _share(self, message: Message, number: int) -> None:
        order = CodedOrder.from_json(message)
        if order.clients != self._names:
            raise FrameError("the clients of the job are not those of the session")
        self._let_in()
        rows = len(order.rows_of([self._me]))
        dim = order.order.dim
        shape = (rows, dim + order.order.payload)
        own_RX = self._owner.recv_ring(OWN_ROWS, shape, number=number).view(np.float64)
        self._job = ClientJob(self._me, order, OwnRows(own_RX[:, :dim], own_RX[:, dim:]))
        sizes = {at: order.share_size(at) for at in range(len(self._names))}
        self._exchange(CODED_SHARE, self._job.shares(), sizes, self._job.take, number)
        self._server.send_ring(RECEIVED, self._job.received(), number=number)

    def _let_in(self) -> None:
        """Take the links of clients after this one, all of which have connected by now."""
        later = {name: at for at, name in enumerate(self._names) if at > self._me}
        with contextlib.suppress(PeerTimeoutError):
            self._reception.wait_for(list(later), timeout_s=1.0)
        for name, link in self._reception.present(list(later)).items():
            self._links.setdefault(later[name], link)

    def _share_masks(self, message: Message, number: int) -> None:
        job, count = self._current, int(str(message["polynomials"]))
        job.forget_masks()
        self._leave(message["lost"])
        sizes = dict.fromkeys(range(len(self._names)), count)
        self._exchange(CODED_MASK, job.mask_shares(count), sizes, job.take_masks, number)
        self._server.send_ring(RECEIVED, job.received(of_masks=True), number=number)

    def _leave(self, lost: object) -> None:
        """Close the links to clients that the server has lost, which would be waited for."""
        for at in lost if isinstance(lost, list) else ():
            if at in self._links:
                self._links[at].close()

    def _exchange(
        self,
        tag: bytes,
        shares_JX: Elements,
        sizes: Mapping[int, int],
        take: Callable[[int, Elements], None],
        number: int,
    ) -> None:
        """Send every client its share, and take theirs; links that fail are closed."""
        ring_JX = np.ascontiguousarray(shares_JX).view(np.int64)
        links = {at: link for at, link in self._links.items() if link.fileno() >= 0}
        sending = [
            Outgoing(link, tag, raw_view(ring_JX[at]), number=number) for at, link in links.items()
        ]
        incoming = {
            at: Incoming(link, tag, (sizes[at],), number=number) for at, link in links.items()
        }
        # Sends come first: a frame read before would raise the depth that they carry.
        silence_s = _PATIENCE * self._start.timeout_s
        failures = drive([*sending, *incoming.values()], silence_s=silence_s)
        take(self._me, shares_JX[self._me])
        for at, task in incoming.items():
            if task.link in failures:
                task.link.close()
            else:
                take(at, task.array.view(np.uint64))

    def _answer(self, message: Message, number: int) -> None:
        job = self._current
        query = Query.from_json(message, job.order.order.num_points)
        found = job.distances(query) if message["do"] == "distances" else job.sums(query)
        answer = np.ascontiguousarray(found).view(np.int64).reshape(-1)
        self._server.send_ring(ANSWER, answer, number=number)

    def _take_result(self, payload: bytearray) -> None:
        order = self._current.order
        ring: Int64Array = np.frombuffer(payload, dtype=np.int64)
        result_RM = ring.reshape(len(order.rows_of([self._me])), order.order.payload + 1)
        means_RM = np.ascontiguousarray(means_of(order, result_RM))
        self._owner.send_ring(OWN_ROWS, means_RM.view(np.int64), number=order.order.number)
        self._job = None

    def _report_counts(self, message: Message, number: int) -> None:
        """Tell the server what went over links to other clients since the last time."""
        rows = []
        for tag in COUNTED_TAGS:
            counts = [link.counts.get(tag, LinkCount()) for link in self._links.values()]
            total = sum(counts, start=LinkCount())
            new, self._counts[tag] = total - self._counts[tag], total
            rows.append((new.bytes_sent, new.bytes_received, new.frames_sent, new.frames_received))
        self._server.send_ring(COUNTED, np.asarray(rows, dtype=np.int64), number=number)

    @property
    def _current(self) -> ClientJob:
        if self._job is None:
            raise FrameError("the server asks before it announced a job")
        return self._job


def main() -> None:
    """Run a client's process."""
    serve_process("client", lambda start: ClientProcess(start).serve())


if __name__ == "__main__":
    main()
