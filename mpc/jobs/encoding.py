"""Fixed-point units of a job's numbers, and how many bits they may have.

A coordinate has `POINT_BITS` fractional bits below a public scale; an entry of a payload has up to
`PAYLOAD_BITS`. The bounds limit the bits of a number that an honest owner sends: its *width*. The
parties use only that many bits of what they receive (`mpc.clustering.centring`). Every number
therefore fits the width, whoever sent it, and sums of squares do not wrap around.

Shape letters: N points, D dimensions of a point, M of a payload.
"""

import math
from dataclasses import replace
from typing import Final

import numpy as np

from mpc.errors import BudgetError, InputError
from mpc.jobs.job import ClusterJob
from mpc.ring.deviation_tables import check_standardized
from mpc.ring.fixedpoint import PAYLOAD_BITS, POINT_BITS, FloatArray, binary_scale

MAX_WIDTH: Final = 47
"""Largest width of a coordinate: sums of `MAX_POINTS` coordinates stay below 2^62."""
VALUE_BITS: Final = MAX_WIDTH - 3 - POINT_BITS
"""The value bound may be up to 2 to this power times the norm bound."""
TOLERANCE: Final = 1e-9
"""Relative error of an owner's own float64 test of a bound."""
HEADROOM_BITS: Final = 6
"""If centres have noise, points have so many bits less, and a noised centre may be so much longer
than any point."""
_SQUARES_BITS: Final = 63
"""Bits that sums of squares may have."""
_CENTRING_ERROR: Final = 2
"""Error of a secret-shared mean in units of the last bit; see `mpc.clustering.centring`."""


def bounds_of(job: ClusterJob) -> tuple[float, FloatArray, float]:
    """Return the bounds on norms, on raw values, () or (D,), and on payloads.

    Raises
    ------
    InputError
        A bound is not known; `mpc.jobs.bounds.with_bounds` computes it from the rows.
    """
    norm = job.norm_bound
    value = job.value_bound if job.centre else (job.value_bound or norm)
    payload = job.payload_bound
    if norm is None or value is None or payload is None:
        raise InputError("the job's bounds are not set")
    return norm, np.array(value), payload


def point_scale(job: ClusterJob) -> FloatArray:
    """Return the power of two that coordinates are divided by, () or (D,)."""
    if job.feature_bounds is not None:
        return np.array([binary_scale(bound) for bound in job.feature_bounds])
    return np.array(math.ldexp(binary_scale(bounds_of(job)[0]), _headroom(job)))


def _headroom(job: ClusterJob) -> int:
    return HEADROOM_BITS if job.guarantee == "pipeline" else 0


def point_width(job: ClusterJob) -> int:
    """Return the width of a coordinate: its magnitude is less than 2^(width - 2).

    Raises
    ------
    BudgetError
        The width is over `MAX_WIDTH`: the value bound is too far above the norm bound.
    """
    with np.errstate(over="ignore"):
        largest = float((bounds_of(job)[1] / point_scale(job)).max())
    if largest > 2.0**VALUE_BITS:
        what = "norm_bound" if job.feature_bounds is None else "one of feature_bounds"
        raise BudgetError(
            f"value_bound is {largest:.3g} times {what}, but at most 2^{VALUE_BITS} fits the "
            "fixed-point budget; subtract a public number from all rows, so that they are nearer "
            "to 0"
        )
    return 2 + math.ceil(largest * (1 + TOLERANCE) * 2.0**POINT_BITS).bit_length()


def payload_bits(payload: int) -> int:
    """Return the fractional bits of an entry of a payload of M numbers; a large M has fewer."""
    return min(PAYLOAD_BITS, (_SQUARES_BITS - 8 - (payload - 1).bit_length()) // 2)


def payload_width(payload: int) -> int:
    """Return the width of an entry of a payload: its magnitude is less than 2^(width - 2)."""
    return payload_bits(payload) + 3


def payload_unit(job: ClusterJob, payload: int) -> float:
    """Return the real number that the integer 1 encodes in a payload."""
    return math.ldexp(binary_scale(bounds_of(job)[2]), -payload_bits(payload))


def norm_limit(job: ClusterJob, dim: int) -> float:
    """Return the largest norm of a valid point, in units of 2^-18 of the norm bound's scale.

    Notes
    -----
    Rounding moves each of D coordinates by at most half a unit, centring by at most 2 more, and
    standardising by one more and by a relative 2^-12. A point at the bound is therefore never
    rejected. A point over the bound by a relative (2^-28 + sqrt(D) / 2^17) is always rejected; with
    centring, by 5 times as much.
    """
    norm = bounds_of(job)[0]
    moved = 0.5 + _CENTRING_ERROR * job.centre + 1.5 * job.standardize
    rate = 2.0**-12 if job.standardize else 2.0**-28
    units = norm / binary_scale(norm) * 2.0 ** (POINT_BITS - _headroom(job))
    return units * (1 + rate) + moved * math.sqrt(dim)


def squared_norm_limit(job: ClusterJob, dim: int) -> int:
    """Return the largest squared norm of a valid point, with `GRAM_BITS` fractional bits."""
    return math.ceil(norm_limit(job, dim) ** 2)


def squared_payload_limit(job: ClusterJob, payload: int) -> int:
    """Return the largest squared norm of a valid payload, in squares of `payload_unit`."""
    bound = bounds_of(job)[2] * (1 + 2.0**-28) / payload_unit(job, payload)
    return math.ceil((bound + math.sqrt(payload) / 2) ** 2)


def coarse_shift(width: int, dim: int, length: float) -> int:
    """Return how many bits to drop before numbers are squared so that no sum wraps around.

    Parameters
    ----------
    width : int
        Numbers are less than 2^width in magnitude, whoever sent them.
    dim : int
    length : float
        Norm of the longest valid vector.

    Returns
    -------
    int
        0 if the squares fit as they are. Otherwise, any vector that passes the coarse test with
        this shift is short enough to be measured exactly.

    Raises
    ------
    BudgetError
        No shift is enough.
    """
    root = math.sqrt(dim)
    for shift in range(width):
        coarse = math.ldexp(1.0, width - shift) + (shift > 0)
        if coarse * root >= 2.0 ** (_SQUARES_BITS / 2):
            continue
        passes = length + 2 * root * math.ldexp(1.0, shift) if shift else length
        if passes < 2.0 ** (_SQUARES_BITS / 2):
            return shift
        break
    raise BudgetError(
        f"value_bound leaves numbers of {width} bits, too many for {dim} dimensions; lower it, or "
        "subtract a public number from all rows, so that they are nearer to 0"
    )


def coarse_limit(length: float, dim: int, shift: int) -> int:
    """Return the largest squared norm that passes the coarse test with `shift` bits dropped."""
    return math.ceil((math.ldexp(length, -shift) + math.sqrt(dim)) ** 2)


def points_shift(job: ClusterJob, dim: int) -> int:
    """Return the `coarse_shift` of a job's points, before they are standardised."""
    if job.standardize:
        length = features_limit(dim)
    else:
        length = norm_limit(replace(job, norm_bound=binary_scale(bounds_of(job)[0])), dim)
    return coarse_shift(point_width(job) + 1 + job.centre, dim, length)


def features_limit(dim: int) -> float:
    """Return the largest norm of a row whose features are within their bounds."""
    return math.sqrt(dim) * (2.0**POINT_BITS * (1 + 2.0**-28) + 0.5 + _CENTRING_ERROR)


def check_bounds(job: ClusterJob, num_points: int, dim: int) -> None:
    """Refuse bounds that contradict one another or do not fit the ring.

    Raises
    ------
    InputError, BudgetError
    """
    for name in ("feature_bounds", "value_bound"):
        given = getattr(job, name)
        if isinstance(given, tuple) and len(given) != dim:
            raise InputError(f"{name} has {len(given)} numbers, but points have {dim}")
    if job.standardize and job.feature_bounds is None:
        raise InputError("the job's feature_bounds are not set, but standardize=True needs them")
    points_shift(job, dim)
    if job.standardize:
        check_standardized(num_points, dim, bounds_of(job)[0])


def shape_of(job: ClusterJob) -> ClusterJob:
    """Return a job with the same widths and the same preprocessing requests, for a dry run."""
    width = point_width(job)
    norm = binary_scale(bounds_of(job)[0]) if job.standardize else 1.0
    value = math.ldexp(1.0, width - 3 - POINT_BITS + _headroom(job))
    scales = None if job.feature_bounds is None else (1.0,) * len(job.feature_bounds)
    return replace(
        job,
        label="",
        round=0,
        seed=0,
        shard=min(job.shard, 2),  # later ones have the first one's origin
        norm_bound=norm,
        value_bound=value,  # in units of the scale
        payload_bound=1.0,
        feature_bounds=scales,
    )
