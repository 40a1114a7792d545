"""Public bounds computed from the rows by a process that holds all of them.

Shape letters: N points, D dimensions, M of a payload.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.errors import BudgetError, InputError
from mpc.jobs.encoding import VALUE_BITS, bounds_of, check_bounds, point_scale
from mpc.jobs.job import ClusterJob
from mpc.jobs.job_numbers import GREATEST_BOUND
from mpc.ring.fixedpoint import POINT_BITS, FloatArray, binary_scale

_ORIGIN_BITS: Final = 10
"""Bits of the origin below the spread of the rows; the origin is only near the mean."""
_FAR: Final = 2.0 ** (VALUE_BITS - 1)
"""Rows within this many bounds of 0 are not shifted."""
_FAR_OUT: Final = 256
"""Rows this many times as far out as the median row are named in a warning."""


def origin_of(points_ND: FloatArray) -> FloatArray:
    """Return a point near the mean row, (D,).

    It is rounded to a multiple of a power of two well below the spread of the rows, so that rows on
    an exact grid keep equal distances.
    """
    first_D = points_ND[0]
    with np.errstate(over="ignore", invalid="ignore"):
        offset_D = (points_ND - first_D).mean(axis=0)
        largest = float(np.abs(points_ND - first_D).max())
    if not (np.isfinite(largest) and largest > 0):
        return first_D if np.isfinite(largest) else np.zeros_like(first_D)
    step = 2.0 ** (math.frexp(largest)[1] - _ORIGIN_BITS)
    origin_D: FloatArray = first_D + np.rint(offset_D / step) * step
    return origin_D


def public_bound(points_ND: FloatArray) -> float:
    """Return the smallest power of two that no row's norm exceeds; 1 for rows of zeros.

    Raises
    ------
    BudgetError
        A norm does not fit float64.

    Notes
    -----
    Leakage: whoever learns the bound learns the largest norm to within a factor of two.
    """
    with np.errstate(over="ignore"):
        longest = float(np.linalg.norm(points_ND, axis=1).max())
    return _power_above(longest)


def with_bounds(job: ClusterJob, points_ND: FloatArray, payload_NM: FloatArray) -> ClusterJob:
    """Return the job with every missing bound computed from the rows.

    Parameters
    ----------
    job : ClusterJob
    points_ND : ndarray of float64, (N, D)
    payload_NM : ndarray of float64, (N, M)

    Raises
    ------
    BudgetError
        A norm does not fit float64.

    Notes
    -----
    Leakage: the parties and the server learn the bounds, each a power of two.
    """
    _check_given(job)
    if job.payload_bound is None:
        job = replace(job, payload_bound=public_bound(payload_NM))
    if job.centre and job.value_bound is None:
        job = replace(job, value_bound=_value_bound(job, np.abs(points_ND).max(axis=0)))
    if job.standardize and job.feature_bounds is None:
        job = replace(job, feature_bounds=_feature_bounds(job, _centred(points_ND)))
    if job.norm_bound is None:
        job = replace(job, norm_bound=public_bound(measured_rows(job, points_ND)))
    return job


def _check_given(job: ClusterJob) -> None:
    """Refuse a guarantee whose bounds would come from the rows: they would not be private."""
    needed = {"none": (), "pipeline": ("norm_bound", "payload_bound")}
    for name in needed.get(job.guarantee, ("payload_bound",)):
        if getattr(job, name) is None:
            raise InputError(
                f"guarantee={job.guarantee!r} needs a {name} that does not depend on the rows; "
                "give one, and clip rows to it"
            )


def measured_rows(job: ClusterJob, points_ND: FloatArray) -> FloatArray:
    """Return the rows to which the norm bound applies, (N, D): centred or standardised if asked."""
    if not job.centre:
        return points_ND
    rows_ND = _centred(points_ND)
    return rows_ND / deviations_of(points_ND) if job.standardize else rows_ND


def deviations_of(points_ND: FloatArray) -> FloatArray:
    """Return the standard deviation of each feature, (D,); 1 for a constant feature."""
    rows_ND = _centred(points_ND)
    largest_D = np.abs(rows_ND).max(axis=0)
    largest_D[largest_D == 0] = 1.0
    deviation_D = np.sqrt(((rows_ND / largest_D) ** 2).mean(axis=0)) * largest_D
    return np.where(deviation_D > 0, deviation_D, 1.0)


def _centred(points_ND: FloatArray) -> FloatArray:
    offset_ND = points_ND - points_ND[0]
    centred_ND: FloatArray = offset_ND - offset_ND.mean(axis=0)
    return centred_ND


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Prepared:
    """Points and payload of a job on rows that one process holds."""

    points_ND: FloatArray = field(repr=False)
    """The rows, minus a public origin if they are too far from 0 for fixed point."""
    payload_ND: FloatArray = field(repr=False)
    """The rows, centred and with each feature divided by a power of two, where fixed point is
    precise."""
    origin_D: FloatArray = field(repr=False)
    scale_D: FloatArray = field(repr=False)

    def restored(self, means_ND: FloatArray) -> FloatArray:
        """Convert means of the payload to means of rows."""
        rows_ND: FloatArray = means_ND * self.scale_D + self.origin_D
        return rows_ND


def prepared(points_ND: FloatArray) -> Prepared:
    """Prepare rows for a job.

    Raises
    ------
    BudgetError
        The numbers are too large for float64.
    """
    origin_D = origin_of(points_ND)
    with np.errstate(over="ignore", invalid="ignore"):
        centred_ND = points_ND - origin_D
        largest_D = np.abs(centred_ND).max(axis=0)
    scale_D = np.array([_power_above(float(largest)) for largest in largest_D])
    far = bool((np.abs(points_ND).max(axis=0) > _FAR * scale_D).any())
    return Prepared(
        points_ND=centred_ND if far else points_ND,
        payload_ND=centred_ND / scale_D,
        origin_D=origin_D,
        scale_D=scale_D,
    )


def lost_to_rounding(job: ClusterJob, points_ND: FloatArray) -> list[str]:
    """Return warnings on rows that fixed point cannot tell apart, for the holder of all rows.

    Parameters
    ----------
    job : ClusterJob
        All its bounds are known.
    points_ND : ndarray of float64, (N, D)

    Raises
    ------
    InputError, BudgetError
        The bounds contradict one another, or do not fit the ring.
    """
    check_bounds(job, *points_ND.shape)
    if job.guarantee == "pipeline":  # noise is far above rounding
        return []
    rows_ND = measured_rows(job, points_ND)
    distance_N = np.linalg.norm(rows_ND - np.median(rows_ND, axis=0), axis=1)
    usual = float(np.median(distance_N))
    warnings = []
    far = np.flatnonzero(distance_N > _FAR_OUT * usual) if usual > 0 else np.array([])
    if len(far):
        named = ", ".join(map(str, far[:5])) + (", ..." if len(far) > len(far[:5]) else "")
        warnings.append(
            f"row {named}: more than {_FAR_OUT} times as far out as half of all rows; this costs "
            "the others precision, so remove it if it is not data"
        )
    distinct, found = len(np.unique(points_ND, axis=0)), len(np.unique(_encoded(job, points_ND)))
    if found < distinct:
        warnings.append(
            f"{distinct} rows are distinct, but only {found} remain so at 18 bits below "
            f"norm_bound={bounds_of(job)[0]:.6g}"
        )
    return warnings


def _encoded(job: ClusterJob, points_ND: FloatArray) -> npt.NDArray[np.void]:
    """Return each row, encoded as owners encode it, as one value, (N,)."""
    ring_ND = np.rint(points_ND / point_scale(job) * 2.0**POINT_BITS) + 0.0
    return np.ascontiguousarray(ring_ND).view([("", ring_ND.dtype)] * ring_ND.shape[1])


def _value_bound(job: ClusterJob, largest_D: FloatArray) -> float | tuple[float, ...]:
    """Return a bound on raw coordinates: one, or one for each feature if they are standardised."""
    if job.standardize:
        return tuple(_power_above(float(largest)) for largest in largest_D)
    return _power_above(float(largest_D.max()))


def _feature_bounds(job: ClusterJob, centred_ND: FloatArray) -> tuple[float, ...]:
    """Return a bound on each feature, at least the value bound times 2^-`VALUE_BITS`."""
    largest_D = np.abs(centred_ND).max(axis=0)
    least_D = np.broadcast_to(np.ldexp(job.value_bound or 1.0, -VALUE_BITS), largest_D.shape)
    return tuple(_power_above(float(bound)) for bound in np.maximum(largest_D, least_D))


def _power_above(largest: float) -> float:
    if not largest <= GREATEST_BOUND:
        raise BudgetError("rows too long for float64: scale them down")
    return binary_scale(largest) if largest > 0 else 1.0
