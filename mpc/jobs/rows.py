"""An owner's rows as ring elements, refused where they are over a bound, and means back from them.

Shape letters: R rows, D dimensions, M of a payload.
"""

import numpy as np

from mpc.errors import BudgetError, InputError
from mpc.jobs.encoding import TOLERANCE, bounds_of, payload_unit, point_scale
from mpc.jobs.job import ClusterJob
from mpc.ring.fixedpoint import POINT_BITS, FloatArray, Int64Array


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
        A size of 0 says that the row was rejected, its norm or its payload's being over the bound,
        and -1 that its cluster has fewer owners than the minimum; its mean is NaN.
    unit : float
        Of sums; see `mpc.jobs.encoding.payload_unit`.
    """
    sizes_R1 = np.where(sizes_R > 0, sizes_R, np.nan)[:, None]
    return sums_RM.astype(np.float64) * unit / sizes_R1
