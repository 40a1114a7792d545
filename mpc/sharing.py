"""A data owner's side: check, encode, split into additive shares, reconstruct.

Needs neither CrypTen nor torch, so that a client installs little. A value x in the ring becomes P
shares that are uniform on their own and add up to x mod 2^64; any P - 1 of them say nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mpc.errors import BudgetError, InputError
from mpc.fixedpoint import (
    PAYLOAD_BITS,
    POINT_BITS,
    FloatArray,
    Int64Array,
    binary_scale,
    decode,
    encode,
)
from mpc.frames import OPENED, SHARE
from mpc.link_meter import LinkMeter
from mpc.randomness import AesCtrStream, new_key
from mpc.transport import Link


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
        Their sum mod 2^64 is `ring`. Fresh randomness from the operating system at every call.
    """
    stream = AesCtrStream(new_key())
    masks = [stream.ring(ring.shape) for _ in range(num_parties - 1)]
    return [*masks, ring - sum(masks, start=np.zeros_like(ring))]


def reconstruct(shares: Sequence[Int64Array]) -> Int64Array:
    """Add up the shares of all parties, mod 2^64."""
    return sum(shares[1:], start=shares[0].copy())


def encode_point(points_RD: FloatArray, *, norm_bound: float) -> Int64Array:
    """Encode an owner's points for clustering, in units of 2^-18 of the bound's `binary_scale`.

    Parameters
    ----------
    points_RD : ndarray of float64, (rows of this owner, D)
    norm_bound : float
        Public bound on the Euclidean norm of a row.

    Returns
    -------
    ndarray of int64, (R, D), with `POINT_BITS` fractional bits

    Raises
    ------
    InputError
        NaN or infinity.
    BudgetError
        A row over the bound.
    """
    if not np.isfinite(points_RD).all():
        raise InputError("points contain NaN or infinity; clean them before sharing")
    norm = float(np.linalg.norm(points_RD, axis=1).max(initial=0.0))
    if norm > norm_bound * (1 + 1e-9):
        raise BudgetError(f"a point has norm {norm:.6g}, over the public bound {norm_bound:.6g}")
    return encode(points_RD / binary_scale(norm_bound), bits=POINT_BITS)


def encode_payload(payload_RM: FloatArray, *, num_rows_in_job: int) -> Int64Array:
    """Encode what is to be averaged, (R, M); a sum over every row of the job must fit the ring."""
    return encode(payload_RM, bits=PAYLOAD_BITS, terms=num_rows_in_job)


def decode_mean(sums_RM: Int64Array, sizes_R: Int64Array) -> FloatArray:
    """Divide sums by sizes: the mean of each row's own cluster, (R, M) float64.

    A size of 0 says that the row was left out, its norm being over the bound, and -1 that its
    cluster has fewer owners than the minimum; its mean is NaN.
    """
    sizes_R1 = np.where(sizes_R > 0, sizes_R, np.nan)[:, None]
    return decode(sums_RM, bits=PAYLOAD_BITS) / sizes_R1


@dataclass(frozen=True, kw_only=True, slots=True)
class DataOwner:
    """One data owner's links, to each party in rank order."""

    name: str
    links: tuple[Link, ...]
    meter: LinkMeter

    def send(self, ring_RX: Int64Array, *, job: int) -> None:
        """Split ring elements and send share p to party p, for a job of some number."""
        for link, share in zip(self.links, split(ring_RX, len(self.links)), strict=True):
            link.send_ring(SHARE, share, number=job)

    def receive(
        self, shape: Sequence[int], *, job: int, wait: Callable[[Link], None]
    ) -> Int64Array:
        """Receive a share of the same thing from each party, and add them up.

        Parameters
        ----------
        shape : sequence of int
        job : int
        wait : callable
            Waits until a link has something to read, or raises.
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
