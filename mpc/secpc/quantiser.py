"""Rows as field elements: the unit, and the condition that no distance wraps around.

The paper names its quantiser by (lambda, q): numbers are multiplied by lambda, rounded, and
embedded in a field of q elements. The condition below is inferred from what is computed:

    p > 2 max |S|^2 sum (lambda Delta)^2,

where |S| is the largest set whose mean is formed, and sum Delta^2 bounds the squared distance of
two rows. The scaled squared distance |S|^2 d^2 is then an integer below p / 2.

Shape letters: R rows of a client, D dimensions, M of a payload, L slices, X entries of a slice.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from mpc.errors import BudgetError
from mpc.jobs.bounds import public_bound
from mpc.jobs.encoding import TOLERANCE, bounds_of, payload_width, point_scale
from mpc.jobs.job import ClusterJob
from mpc.jobs.rows import encode_point
from mpc.ring.fixedpoint import POINT_BITS, FloatArray, Int64Array
from mpc.secpc.field import Elements, Field
from mpc.secpc.settings import POINT_BITS_MAX, POINT_BITS_MIN

_WORDS: Final = "p > 2 |S|^2 sum (lambda Delta)^2"


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantiser:
    """How rows become integers.

    Parameters
    ----------
    scale : float
        Power of two at or above the job's norm bound.
    bits : int
        1 / lambda is `scale` times 2^-bits.
    radius : float
        Public bound on the norm of a raw row, which each client checks.
    """

    scale: float
    bits: int
    radius: float

    @property
    def unit(self) -> float:
        """1 / lambda: what the integer 1 stands for."""
        return math.ldexp(self.scale, -self.bits)

    def spread(self, dim: int) -> int:
        """Return the greatest squared distance of two rows, in squared units.

        Rounding moves each coordinate of a difference by one unit at most.
        """
        return math.ceil((2 * self.radius * (1 + TOLERANCE) / self.unit + math.sqrt(dim)) ** 2)

    def encode(self, points_RD: FloatArray, job: ClusterJob) -> Int64Array:
        """Return rows as integers, (R, D).

        Raises
        ------
        InputError, BudgetError
            A row is not finite, or over a bound; nothing was shared.
        """
        encode_point(points_RD, job)  # checks
        longest = float(np.linalg.norm(points_RD, axis=1).max(initial=0.0))
        if longest > self.radius * (1 + TOLERANCE):
            raise BudgetError(
                f"a row has norm {longest:.6g}, over the public bound radius={self.radius:.6g}"
            )
        return np.rint(points_RD / self.unit).astype(np.int64)

    def squared(self, scaled_NC: FloatArray) -> FloatArray:
        """Return squared distances in units of 2^-36 of the squared scale, as the twin has them."""
        return scaled_NC * 4.0 ** (POINT_BITS - self.bits)


def radius_of(job: ClusterJob, points_ND: FloatArray) -> float:
    """Return a public bound on the norms of raw rows, for the holder of all of them.

    The norm bound of a job that centres its points is one on centred rows, which no client can
    check alone.
    """
    return public_bound(points_ND) if job.centre else bounds_of(job)[0]


def quantiser_of(
    job: ClusterJob, radius: float, shape: tuple[int, int], field: Field, bits: int | None
) -> Quantiser:
    """Return the quantiser of a job, once its condition is known to hold.

    Parameters
    ----------
    job : ClusterJob
        All its bounds are known.
    radius : float
    shape : (int, int)
        N and D.
    field : Field
    bits : int, optional
        None: as many as the condition allows.

    Raises
    ------
    BudgetError
        Distances could wrap around.
    """
    num_points, dim = shape
    scale = float(point_scale(job))
    tried = (bits,) if bits is not None else range(POINT_BITS_MAX, POINT_BITS_MIN - 1, -1)
    for each in tried:
        quantiser = Quantiser(scale=scale, bits=each, radius=radius)
        if field.prime > 2 * num_points**2 * quantiser.spread(dim):
            return quantiser
    raise BudgetError(
        f"distances could wrap around: {_WORDS} is needed, but p = {field.prime}, |S| may be "
        f"{num_points}, and sum (lambda Delta)^2 is {quantiser.spread(dim)} for rows of norm up to "
        f"{radius:.6g} with {quantiser.bits} bits below {scale:.6g}; give fewer rows or bits, or "
        "subtract a public number from all rows, so that they are nearer to 0"
    )


def check_payload(num_points: int, payload: int, field: Field) -> None:
    """Refuse payloads whose sums could wrap around.

    Raises
    ------
    BudgetError
    """
    largest = num_points << payload_width(payload)
    if field.prime <= 2 * largest:
        raise BudgetError(
            f"sums of {num_points} payloads of {payload_width(payload)} bits do not fit a field of "
            f"{field.prime} elements"
        )


def sliced(field: Field, whole_RX: Int64Array, slices: int) -> Elements:
    """Return integers cut into slices, (L, R X / L); rows are padded with zeros."""
    rows, width = whole_RX.shape
    padded = np.zeros((rows, slice_width(width, slices) * slices), dtype=np.int64)
    padded[:, :width] = whole_RX
    by_slice = padded.reshape(rows, slices, -1).transpose(1, 0, 2)
    return field.elements(by_slice).reshape(slices, -1)


def slice_width(width: int, slices: int) -> int:
    """Return the entries of a slice of a row."""
    return -(-width // slices)
