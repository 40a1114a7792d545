"""A data owner: split values into additive shares, and reconstruct results.

The module needs neither CrypTen nor torch. A value x in the ring becomes P shares that add up to x
mod 2^64. Any P - 1 of them are uniform and independent of x.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mpc.net.frames import OPENED, SHARE
from mpc.net.link import Link
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

    def send(self, ring_RX: Int64Array, *, job: int) -> None:
        """Split ring elements and send share p to party p, in frames with the job's number."""
        for link, share in zip(self.links, split(ring_RX, len(self.links)), strict=True):
            link.send_ring(SHARE, share, number=job)

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
        """
        shares = []
        for link in self.links:
            wait(link)
            shares.append(link.recv_ring(OPENED, shape, number=job))
        return reconstruct(shares)

    def close(self) -> None:
        """Close the links."""
        for link in self.links:
            link.close()
