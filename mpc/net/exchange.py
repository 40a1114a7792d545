"""Many links in parallel: exchanges without deadlock, and inputs from many fallible senders.

If both ends send megabytes before they read, both block for ever. Here one thread sends as much as
each kernel buffer takes and reads what has arrived, link by link, until all frames are complete.
"""

import math
import select
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import numpy as np

from mpc.errors import DeclinedError, PeerFailedError, TransportError
from mpc.net import last_words
from mpc.net.frames import DECLINED, FAILED, HEADER_BYTES, Header
from mpc.net.link import SMALL_BYTES, Link, raw_view
from mpc.ring.fixedpoint import Int64Array

_SKIP_BYTES: Final = 1 << 16
_MAX_SKIPPED_BYTES: Final = 1 << 30
"""Most bytes skipped in late frames of one link, about a second's worth; bounds the delay."""


class Task(Protocol):
    """A transfer that advances as far as its link allows without blocking."""

    link: Link
    events: int
    """Events to poll for: POLLIN or POLLOUT."""

    def step(self) -> bool:
        """Advance without blocking; return whether the task is done."""


class Outgoing:
    """Sends one frame."""

    events: int = select.POLLOUT

    def __init__(self, link: Link, tag: bytes, payload: memoryview, *, number: int) -> None:
        self.link = link
        self._pieces = link.pieces(tag, payload, number=number)
        self._view = memoryview(b"")

    def step(self) -> bool:
        """Send what the kernel takes; return whether the frame is complete."""
        while True:
            while self._view:
                sent = self.link.send_some(self._view)
                if not sent:
                    return False
                self._view = self._view[sent:]
            piece = next(self._pieces, None)
            if piece is None:
                return True
            self._view = memoryview(piece)


class Incoming:
    """Receives one frame of ring elements, or the peer's reason why it sends none.

    Parameters
    ----------
    link : Link
    tag : bytes
    shape : sequence of int
    number : int
    skip_older : bool
        Discard frames of this tag with a smaller number: they are too late for their job.
    """

    events: int = select.POLLIN

    def __init__(
        self,
        link: Link,
        tag: bytes,
        shape: Sequence[int],
        *,
        number: int,
        skip_older: bool = False,
    ) -> None:
        self.link = link
        self.array: Int64Array = np.empty(tuple(shape), dtype=np.int64)
        self._tag, self._number, self._skip_older = tag, number, skip_older
        self._skipped = 0
        self._begin()

    def _begin(self) -> None:
        self._header: Header | None = None
        self._raw = bytearray(HEADER_BYTES)
        self._view = memoryview(self._raw)
        self._left_to_skip: int | None = None
        self._words: bytearray | None = None
        self._declined: Header | None = None

    def step(self) -> bool:
        """Read what has arrived; return whether the frame is complete."""
        while True:
            while self._view:
                count = self.link.read_some(self._view)
                if not count:
                    return False
                self._view = self._view[count:]
            if self._words is not None:
                raise self._heard(self._words)
            if self._left_to_skip is not None:
                self._skip(self._left_to_skip)
            elif self._header is None:
                self._read_header()
            else:
                self.link.note_received(self._header)
                return True

    def _read_header(self) -> None:
        header = Header.unpack(self._raw)
        if header.tag == FAILED or (header.tag, header.number) == (DECLINED, self._number):
            self._words = bytearray(min(header.length, last_words.MAX_BYTES))
            self._view = memoryview(self._words)
            self._declined = header if header.tag == DECLINED else None
            return
        if self._is_late(header):
            self._skipped += HEADER_BYTES + header.length
            self._skip(header.length)
            return
        self.link.check(header, self._tag, self._number, self.array.nbytes)
        self._header = header
        self._view = raw_view(self.array)

    def _heard(self, said: bytearray) -> PeerFailedError:
        """Return why the peer sends nothing; if it only declines, its link goes on."""
        error = last_words.heard(self.link.peer, said)
        if self._declined is None or self._declined.length > len(said):
            return error
        self.link.note_received(self._declined)
        return DeclinedError(str(error), cause=error.cause, refusals=error.refusals)

    def _is_late(self, header: Header) -> bool:
        of_older = header.tag in (self._tag, DECLINED) and header.number < self._number
        return self._skip_older and of_older and self._skipped + header.length < _MAX_SKIPPED_BYTES

    def _skip(self, num_bytes: int) -> None:
        if num_bytes == 0:
            self._begin()
            return
        step = min(num_bytes, _SKIP_BYTES)
        self._view = memoryview(bytearray(step))
        self._left_to_skip = num_bytes - step


def exchange(
    links: Sequence[Link], tag: bytes, mine: Int64Array, *, number: int
) -> list[Int64Array]:
    """Send ring elements to every peer and receive theirs of the same shape, in one round.

    Raises
    ------
    TransportError
        A peer failed or stayed silent.
    """
    if not links:
        return []
    if mine.nbytes <= SMALL_BYTES - HEADER_BYTES:
        for link in links:
            link.send_ring(tag, mine, number=number)
        return [link.recv_ring(tag, mine.shape, number=number) for link in links]
    payload = raw_view(mine)
    incoming = [Incoming(link, tag, mine.shape, number=number) for link in links]
    outgoing = [Outgoing(link, tag, payload, number=number) for link in links]
    # Sends come first: a frame read before would raise the depth that they carry.
    failures = drive([*outgoing, *incoming], silence_s=links[0].timeout_s)
    for error in failures.values():
        raise error
    return [task.array for task in incoming]


def collect(
    shapes: Mapping[Link, Sequence[int]],
    tag: bytes,
    *,
    number: int,
    silence_s: float,
    within_s: float,
    heartbeat: Callable[[], None] = lambda: None,
) -> tuple[dict[Link, Int64Array], dict[Link, TransportError]]:
    """Receive one frame from each of many links.

    Parameters
    ----------
    shapes : mapping of Link to shape
    tag : bytes
    number : int
    silence_s : float
        Longest silence of one link while its frame is not complete.
    within_s : float
        Longest total time.
    heartbeat : callable
        Called at least four times within `silence_s`.

    Returns
    -------
    arrays : dict of Link to ndarray of int64
        Frames of the links that succeeded.
    failures : dict of Link to TransportError
        Errors of all other links.
    """
    tasks = [
        Incoming(link, tag, shape, number=number, skip_older=True) for link, shape in shapes.items()
    ]
    failures = drive(tasks, silence_s=silence_s, within_s=within_s, heartbeat=heartbeat)
    return {task.link: task.array for task in tasks if task.link not in failures}, failures


def drive(
    tasks: Sequence[Task],
    *,
    silence_s: float,
    within_s: float = math.inf,
    heartbeat: Callable[[], None] = lambda: None,
) -> dict[Link, TransportError]:
    """Run tasks until each is done or has failed.

    Parameters
    ----------
    tasks : sequence of Task
    silence_s : float
        Longest time without progress on a link.
    within_s : float
        Longest total time.
    heartbeat : callable
        Called at least four times within `silence_s`.

    Returns
    -------
    dict of Link to TransportError
        Errors by link; the other tasks of a failed link are abandoned.
    """
    now = time.monotonic()
    deadline = now + within_s
    moved = {task.link: now for task in tasks}
    failures: dict[Link, TransportError] = {}
    pending = _step_all(tasks, failures)
    while pending:
        until = min(deadline, min(moved[task.link] for task in pending) + silence_s)
        ready = _ready(pending, min(until - time.monotonic(), silence_s / 4))
        heartbeat()
        now = time.monotonic()
        moved |= {task.link: now for task in pending if task.link.fileno() in ready}
        for task in pending:
            if now > deadline or now - moved[task.link] > silence_s:
                failures[task.link] = task.link.silence()
        moving = [task for task in pending if task.link.fileno() in ready]
        pending = [task for task in pending if task.link.fileno() not in ready]
        pending += _step_all(moving, failures)
        pending = [task for task in pending if task.link not in failures]
    return failures


def _ready(tasks: Sequence[Task], seconds: float) -> set[int]:
    """Wait until a link is ready; return the descriptors of the ready links."""
    by_fd: dict[int, int] = {}
    for task in tasks:
        fd = task.link.fileno()
        by_fd[fd] = by_fd.get(fd, 0) | task.events
    poller = select.poll()
    for fd, events in by_fd.items():
        poller.register(fd, events)
    return {fd for fd, _ in poller.poll(max(1000 * seconds, 0) + 1)}


def _step_all(tasks: Sequence[Task], failures: dict[Link, TransportError]) -> list[Task]:
    """Step each task once; return those that are not done."""
    unfinished = []
    for task in tasks:
        try:
            if task.link not in failures and not task.step():
                unfinished.append(task)
        except TransportError as error:
            failures[task.link] = error
    return unfinished
