"""A data owner of a real session that does something else than it should."""

from collections.abc import Callable, Sequence

import numpy as np

from mpc.net.frames import SHARE, Header
from mpc.net.link import Link, raw_view
from mpc.net.link_meter import LinkMeter
from mpc.ring.fixedpoint import Int64Array
from mpc.session.data_owner import DataOwner, split
from mpc.session.session import SecureSession

Send = Callable[[Link, Int64Array, int], None]
"""Takes a link, the digest of the terms and a share in one array, and the job's number."""


class Saboteur:
    """Stands in for a data owner, on the same links; sabotages at some of the parties only."""

    def __init__(self, owner: DataOwner, send: Send, ranks: Sequence[int]) -> None:
        self._owner = owner
        self._send = send
        self._ranks = ranks
        self.name: str = owner.name
        self.links: tuple[Link, ...] = owner.links
        self.meter: LinkMeter = owner.meter
        self.hear = owner.hear
        self.decline = owner.decline
        self.receive = owner.receive
        self.close = owner.close

    def send(self, ring_RX: Int64Array, *, job: int, digest: bytes) -> None:
        consent = np.frombuffer(digest, dtype=np.int64)
        shares = [np.append(consent, share) for share in split(ring_RX, len(self.links))]
        for rank, (link, share) in enumerate(zip(self.links, shares, strict=True)):
            if rank in self._ranks:
                self._send(link, share, job)
            else:
                link.send_ring(SHARE, share, number=job)


def sabotage(
    session: SecureSession, name: str, send: Send, ranks: Sequence[int] | None = None
) -> None:
    """Put a saboteur in the place of an owner, which is connected if it is not yet."""
    owner = session.owners([name])[name]
    at = range(session.num_parties) if ranks is None else ranks
    session._owners[name] = Saboteur(owner, send, at)  # type: ignore[assignment]


def raw(link: Link, data: bytes) -> None:
    for piece in link._channel.encode(data):
        link._channel.sock.sendall(piece)


def nothing(link: Link, share: Int64Array, job: int) -> None:
    pass


def garbage(link: Link, share: Int64Array, job: int) -> None:
    raw(link, b"\xfe" * 400)


def half(link: Link, share: Int64Array, job: int) -> None:
    whole = Header(SHARE, job, 0, share.nbytes).pack() + raw_view(share).tobytes()
    raw(link, whole[: len(whole) // 2])


def too_short(link: Link, share: Int64Array, job: int) -> None:
    link.send_ring(SHARE, share[1:], number=job)


def too_long(link: Link, share: Int64Array, job: int) -> None:
    link.send_ring(SHARE, share.repeat(2), number=job)


def of_the_next_job(link: Link, share: Int64Array, job: int) -> None:
    link.send_ring(SHARE, share, number=job + 1)


def hanging_up(link: Link, share: Int64Array, job: int) -> None:
    link.close()


def twice(link: Link, share: Int64Array, job: int) -> None:
    for _ in range(2):
        link.send_ring(SHARE, share, number=job)


def made_up_depth(link: Link, share: Int64Array, job: int) -> None:
    header = Header(SHARE, job, (1 << 32) - 1, share.nbytes).pack()
    raw(link, header + raw_view(share).tobytes())


def then_hanging_up(link: Link, share: Int64Array, job: int) -> None:
    link.send_ring(SHARE, share, number=job)
    link._channel.sock.shutdown(2)
