"""Clients as processes on this machine, and the server's link to each.

This process plays the server, and every client's owner, who gives rows and takes results on a link
of its own. See `mpc.session.local_group` for the start of children, which is the same.

Shape letters: J clients, R rows of a client, M of a payload.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from mpc.errors import PeerClosedError, SessionError, TransportError
from mpc.net.addresses import Address
from mpc.net.certificates import Authority, Credentials
from mpc.net.exchange import collect
from mpc.net.frames import ANSWER, CONTROL, COUNTED, OPENED, OWN_ROWS, RECEIVED, RoundClock
from mpc.net.handshake import LOOPBACK, Identity, connect
from mpc.net.link import Link, LinkCount, allow_open_files, raw_view
from mpc.ring.fixedpoint import FloatArray, Int64Array
from mpc.roles.bootstrap import START_TIMEOUT_S
from mpc.secpc.client_process import COUNTED_TAGS
from mpc.secpc.field import Elements
from mpc.secpc.messages import CodedOrder, OwnRows, Query, first_number
from mpc.secpc.tally import PHASES, SERVER, Tally
from mpc.session.child import Child
from mpc.session.loader import borrow_loader, give_back_loader

CLIENT_MODULE: Final = "mpc.secpc.client_process"
_FILES_OF_A_CHILD: Final = 8
_MEETING: Final = 4
"""Clients that connect to others at a time; if all did, some handshakes would time out."""
_END_S: Final = 5.0
"""Longest wait for the exit of a process whose link broke, to say how it ended."""


class ClientProcesses:
    """A process for each client.

    Parameters
    ----------
    clients : tuple of str
        Their roles.
    timeout_s : float
        Longest silence of a client.
    job_timeout_s : float
        Longest time for one answer of all of them.
    tls : bool
        Whether links use TLS 1.3, with an authority made for this group; else plain TCP.
    module : str
        Module whose `main` a client runs; tests replace it.

    Raises
    ------
    SessionError, TransportError
        A client did not start.
    """

    def __init__(
        self,
        clients: tuple[str, ...],
        *,
        timeout_s: float,
        job_timeout_s: float,
        tls: bool = True,
        module: str = CLIENT_MODULE,
    ) -> None:
        self.clients = clients
        self.lost: dict[int, str] = {}
        self.on_phase: Callable[[str], None] = lambda phase: None
        self.tally = Tally()
        self.children: list[Child] = []
        self.timeout_s, self._job_timeout_s = timeout_s, job_timeout_s
        self._session = secrets.token_hex(32)
        self._authority = Authority.create() if tls else None
        self._clock, self._depth = RoundClock(), 0
        self.rounds = 0
        self._links: dict[int, Link] = {}
        self._owners: dict[int, Link] = {}
        self._number = 0
        self._order: CodedOrder | None = None
        allow_open_files(_FILES_OF_A_CHILD * len(clients))
        self.loader = borrow_loader([module])
        self._has_loader, self._has_started = True, False
        try:
            self._start(module)
            self._meet()
        except BaseException:
            self.close()
            raise
        self._has_started = True

    def _start(self, module: str) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        for role in self.clients:
            self.children.append(Child(role, module, self.loader))
        for child in self.children:
            child.wait_until_born(deadline)
        for rank, child in enumerate(self.children):
            credentials = self._credentials(child.role, listens=True)
            child.tell(
                {
                    "role": child.role,
                    "session": self._session,
                    "rank": rank,
                    "num_parties": len(self.clients),
                    "timeout_s": self.timeout_s,
                    "job_timeout_s": self._job_timeout_s,
                    "provider": "",
                    "credentials": None if credentials is None else credentials.as_json(),
                }
            )
        self.ports = [child.read_port(deadline) for child in self.children]
        for child in self.children:
            child.tell(self.ports)

    def _credentials(self, role: str, *, listens: bool = False) -> Credentials | None:
        return None if self._authority is None else self._authority.issue(role, listens=listens)

    def _meet(self) -> None:
        """Connect to all clients, and let each connect to those before it, a few at a time."""
        server = Identity(role=SERVER, session=self._session, credentials=self._credentials(SERVER))
        for at, role in enumerate(self.clients):
            self._links[at] = self._connect(at, server, self._clock)
            owner = Identity(role=role, session=self._session, credentials=self._credentials(role))
            self._owners[at] = self._connect(at, owner, RoundClock())
        everyone = range(len(self.clients))
        for first in everyone[::_MEETING]:
            some = everyone[first : first + _MEETING]
            for at in some:
                self._links[at].send_json(CONTROL, {"do": "meet", "clients": list(self.clients)})
            met = self._collected(self._links, RECEIVED, dict.fromkeys(some, (len(everyone),)))
            for at in some:
                if at not in met or not met[at][: at + 1].all():
                    why = self.lost.get(at, "it cannot reach all of them")
                    role = self.clients[at]
                    raise SessionError(f"{role} did not meet the clients before it: {why}")

    def _connect(self, at: int, me: Identity, clock: RoundClock) -> Link:
        return connect(
            Address(LOOPBACK, self.ports[at]),
            me=me,
            peer=self.clients[at],
            timeout_s=self.timeout_s,
            within_s=START_TIMEOUT_S,
            clock=clock,
        )

    @property
    def is_whole(self) -> bool:
        """Whether no client is lost, has ended or hung up."""
        gone = any(child.has_ended for child in self.children)
        return not (self.lost or gone or any(link.hung_up() for link in self._links.values()))

    @property
    def pids(self) -> dict[str, int]:
        """Process number of each client."""
        return {child.role: child.pid for child in self.children}

    def share(self, order: CodedOrder, rows: Mapping[int, OwnRows]) -> Mapping[int, Int64Array]:
        """Let all clients share their rows and first mask polynomials with one another."""
        self.tally, self._depth, self._order = Tally(), self._clock.depth, order
        for link in self._links.values():
            link.start_counting()
        self.on_phase("share")
        self._number = first_number(order)
        for at, own in rows.items():
            whole_RX = np.concatenate([own.points_RD, own.payload_RM], axis=1)
            ring_RX = np.ascontiguousarray(whole_RX, dtype=np.float64).view(np.int64)
            self._send(at, self._owners[at], OWN_ROWS, raw_view(ring_RX))
        self._announce(order.as_json())
        return self._reports()

    def share_masks(self, polynomials: int) -> Mapping[int, Int64Array]:
        """Let all clients share further mask polynomials with one another."""
        self.on_phase("masks")
        self._number += 1
        self._announce({"do": "masks", "polynomials": polynomials, "lost": sorted(self.lost)})
        return self._reports()

    def ask_distances(self, query: Query) -> Mapping[int, Elements]:
        """Return answers by client, flattened (N C,)."""
        rows = len(self._current.rows_of(query.sharers))
        return self._ask("distances", query, rows * query.sets_NC.shape[1])

    def ask_sums(self, query: Query) -> Mapping[int, Elements]:
        """Return answers by client, flattened (K Y,)."""
        return self._ask("sums", query, query.sets_NC.shape[1] * self._current.widths[1])

    def deliver(self, results: Mapping[int, Int64Array]) -> Mapping[int, FloatArray]:
        """Send each client its sums and sizes, (R, M + 1); return the means and sizes it makes."""
        self.on_phase("result")
        self._number += 1
        for at in self._alive():
            result_RM = np.ascontiguousarray(results[at])
            self._send(at, self._links[at], OPENED, raw_view(result_RM))
        shapes = {at: results[at].shape for at in self._alive()}
        made = self._collected(self._owners, OWN_ROWS, shapes, number=first_number(self._current))
        rounds = self._clock.depth - self._depth + 1  # no message to the server follows
        self._count()
        self.rounds = rounds
        return {at: array.view(np.float64) for at, array in made.items()}

    @property
    def _current(self) -> CodedOrder:
        if self._order is None:
            raise SessionError("no job was announced to the clients")
        return self._order

    def _alive(self) -> list[int]:
        return [at for at in range(len(self.clients)) if at not in self.lost]

    def _ask(self, what: str, query: Query, size: int) -> Mapping[int, Elements]:
        self.on_phase(what)
        self._number += 1
        self._announce(query.as_json(what))
        answers = self._collected(self._links, ANSWER, dict.fromkeys(self._alive(), (size,)))
        return {at: array.view(np.uint64) for at, array in answers.items()}

    def _reports(self) -> Mapping[int, Int64Array]:
        shapes = dict.fromkeys(self._alive(), (len(self.clients),))
        return self._collected(self._links, RECEIVED, shapes)

    def _announce(self, message: dict[str, object]) -> None:
        payload = json.dumps(message | {"number": self._number}).encode()
        for at in self._alive():
            self._send(at, self._links[at], CONTROL, memoryview(payload))

    def _send(self, at: int, link: Link, tag: bytes, payload: memoryview) -> None:
        if at in self.lost:
            return
        try:
            link.send(tag, payload, number=0 if tag == CONTROL else self._number)
        except TransportError as error:
            self._lose(at, error)

    def _collected(
        self,
        links: Mapping[int, Link],
        tag: bytes,
        shapes: Mapping[int, Sequence[int]],
        *,
        number: int | None = None,
    ) -> dict[int, Int64Array]:
        """Receive one frame from each client; those that fail are lost."""
        of_link = {links[at]: at for at in shapes}
        arrays, failures = collect(
            {links[at]: shape for at, shape in shapes.items()},
            tag,
            number=self._number if number is None else number,
            silence_s=self.timeout_s,
            within_s=self._job_timeout_s,
        )
        self.rounds = self._clock.depth - self._depth
        for link, error in failures.items():
            self._lose(of_link[link], error)
        return {of_link[link]: array for link, array in arrays.items()}

    def _lose(self, at: int, error: TransportError) -> None:
        """Ask a client no more, and say how it ended if it has."""
        child, deadline = self.children[at], time.monotonic() + _END_S
        while isinstance(error, PeerClosedError) and not child.has_ended:
            if time.monotonic() > deadline:
                break
            time.sleep(0.01)
        self.lost.setdefault(at, child.exit_report() if child.has_ended else str(error))
        self._links[at].close()

    def _count(self) -> None:
        """Add to the tally what the server and the clients counted in this job."""
        for at, link in self._links.items():
            for tag, count in link.counts.items():
                if tag in PHASES:
                    self.tally.add(SERVER, tag, count)
                    self.tally.add(self.clients[at], tag, _mirrored(count))
        self._number += 1
        self._announce({"do": "count"})
        shapes = dict.fromkeys(self._alive(), (len(COUNTED_TAGS), 4))
        for at, counts in self._collected(self._links, COUNTED, shapes).items():
            for tag, values in zip(COUNTED_TAGS, counts.tolist(), strict=True):
                if any(values):
                    self.tally.add(self.clients[at], tag, LinkCount(*values))

    def close(self, grace_s: float = 2.0) -> None:
        """End all clients, close all links and drop all keys. Idempotent."""
        self._authority = None
        for link in (*self._links.values(), *self._owners.values()):
            link.close()
        for child in self.children:
            child.hang_up()
        deadline = time.monotonic() + grace_s
        for child in self.children:
            child.end(max(deadline - time.monotonic(), 0.1))
        self.children.clear()
        if self._has_loader:
            self._has_loader = False
            give_back_loader(self.loader, again=self._has_started)


def _mirrored(count: LinkCount) -> LinkCount:
    """Return what the other end of a link counted."""
    return LinkCount(
        bytes_sent=count.bytes_received,
        bytes_received=count.bytes_sent,
        frames_sent=count.frames_received,
        frames_received=count.frames_sent,
    )
