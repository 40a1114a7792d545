"""Result shares that a party keeps for owners whose connection breaks before they have them.

A party keeps the last result of each owner until the owner takes part in another job, or the
session ends. It sends a result again on every new link of its owner, under the number of its job;
an owner that has it already skips it.
"""

from dataclasses import dataclass, field
from weakref import ReferenceType, ref

from mpc.engine.reveal import send_again
from mpc.errors import TransportError
from mpc.net.handshake import Reception
from mpc.net.link import Link
from mpc.ring.fixedpoint import Int64Array


@dataclass(slots=True)
class _Kept:
    number: int
    share_RM: Int64Array = field(repr=False)
    sent_on: "ReferenceType[Link] | None"
    """The link that it was sent on last, if there is one; mail outlives links."""


class Mailbox:
    """The last result share of each owner."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def put(self, link: Link, number: int, share_RM: Int64Array) -> None:
        """Keep what was sent, or could not be sent, on a link.

        Parameters
        ----------
        link : Link
            Of the owner.
        number : int
            Of the job.
        share_RM : ndarray of int64, (R, M + 1)
            Re-randomised already: it is the same share that was sent.
        """
        self._kept[link.peer] = _Kept(number, share_RM, ref(link))

    def put_for(self, owner: str, number: int, share_RM: Int64Array) -> None:
        """Keep what an owner that is not connected is to receive; see `put`."""
        self._kept[owner] = _Kept(number, share_RM, None)

    def forget(self, owner: str) -> None:
        """Drop the result of an owner that takes part in another job."""
        self._kept.pop(owner, None)

    def deliver(self, reception: Reception) -> None:
        """Send kept results to owners that have connected anew."""
        for name, link in reception.present(self._kept).items():
            kept = self._kept[name]
            if kept.sent_on is not None and link is kept.sent_on():
                continue
            kept.sent_on = ref(link)
            try:
                send_again(link, kept.share_RM, number=kept.number)
            except TransportError:  # it may connect once more
                reception.drop(name)
