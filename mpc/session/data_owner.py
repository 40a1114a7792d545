"""A data owner's side: check, encode, split into additive shares, reconstruct.

Needs neither CrypTen nor torch, so that a client installs little. A value x in the ring becomes P
shares that are uniform on their own and add up to x mod 2^64; any P - 1 of them say nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mpc.errors import BudgetError, InputError
from mpc.jobs.encoding import TOLERANCE, bounds_of, payload_unit, point_scale
from mpc.jobs.job import ClusterJob
from mpc.net.frames import OPENED, SHARE
from mpc.net.link import Link
from mpc.net.link_meter import LinkMeter
from mpc.ring.fixedpoint import POINT_BITS, FloatArray, Int64Array
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
        Their sum mod 2^64 is `ring`. Fresh randomness from the operating system at every call.
    """
    stream = AesCtrStream(new_key())
    masks = [stream.ring(ring.shape) for _ in range(num_parties - 1)]
    return [*masks, ring - sum(masks, start=np.zeros_like(ring))]


def reconstruct(shares: Sequence[Int64Array]) -> Int64Array:
    """Add up the shares of all parties, mod 2^64."""
    return sum(shares[1:], start=shares[0].copy())


def encode_point(points_RD: FloatArray, job: ClusterJob) -> Int64Array:
    """Encode an owner's points for clustering.

    Parameters
    ----------
    points_RD : ndarray of float64, (rows of this owner, D)
    job : ClusterJob
        Its bounds known.

    Returns
    -------
    ndarray of int64, (R, D), with `POINT_BITS` fractional bits below
    `mpc.jobs.encoding.point_scale`

    Raises
    ------
    InputError
        NaN or infinity.
    BudgetError
        A coordinate over the value bound, or, where points are not centred, a row over the norm
        bound: of centred ones only the parties can tell, and leave it out.
    """
    if not np.isfinite(points_RD).all():
        raise InputError("points contain NaN or infinity; clean them before sharing")
    if not job.centre:
        _check_within("a point has norm", _longest(points_RD), "norm", bounds_of(job)[0])
    check_values(points_RD, job)
    return np.rint(points_RD / point_scale(job) * 2.0**POINT_BITS).astype(np.int64)


def check_values(points_RD: FloatArray, job: ClusterJob) -> None:
    """Refuse coordinates over the value bound.

    Raises
    ------
    BudgetError
    """
    largest_D = np.abs(points_RD).max(axis=0, initial=0.0)
    for largest, bound in np.broadcast(largest_D, bounds_of(job)[1]):
        _check_within("a point has a coordinate of", float(largest), "value", float(bound))


def encode_payload(payload_RM: FloatArray, job: ClusterJob) -> Int64Array:
    """Encode what is to be averaged, (R, M), in units of `mpc.jobs.encoding.payload_unit`.

    Raises
    ------
    InputError
        NaN or infinity.
    BudgetError
        A row over the payload bound.
    """
    if not np.isfinite(payload_RM).all():
        raise InputError("payloads contain NaN or infinity; clean them before sharing")
    _check_within("a payload has norm", _longest(payload_RM), "payload", bounds_of(job)[2])
    return np.rint(payload_RM / payload_unit(job, payload_RM.shape[1])).astype(np.int64)


def _longest(rows_RX: FloatArray) -> float:
    with np.errstate(over="ignore"):
        return float(np.linalg.norm(rows_RX, axis=1).max(initial=0.0))


def _check_within(what: str, found: float, name: str, bound: float) -> None:
    if found > bound * (1 + TOLERANCE):
        raise BudgetError(f"{what} {found:.6g}, over the public bound {name}_bound={bound:.6g}")


def decode_mean(sums_RM: Int64Array, sizes_R: Int64Array, unit: float) -> FloatArray:
    """Divide sums by sizes: the mean of each row's own cluster, (R, M) float64.

    Parameters
    ----------
    sums_RM, sizes_R : ndarray of int64
        A size of 0 says that the row was left out, its norm or its payload's being over the bound,
        and -1 that its cluster has fewer owners than the minimum; its mean is NaN.
    unit : float
        Of sums; see `mpc.jobs.encoding.payload_unit`.
    """
    sizes_R1 = np.where(sizes_R > 0, sizes_R, np.nan)[:, None]
    return sums_RM.astype(np.float64) * unit / sizes_R1


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
