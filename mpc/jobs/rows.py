"""Encoding of an owner's rows as ring elements, with bound checks, and decoding of means.

Shape letters: R rows, D dimensions, M of a payload.
"""

import numpy as np

from mpc.errors import BudgetError, InputError
from mpc.jobs.encoding import TOLERANCE, bounds_of, payload_unit, point_bits, point_scale
from mpc.jobs.job import ClusterJob
from mpc.ring.fixedpoint import FloatArray, Int64Array


def encode_point(points_RD: FloatArray, job: ClusterJob) -> Int64Array:
    """Encode an owner's points for clustering.

    Parameters
    ----------
    points_RD : ndarray of float64, (rows of this owner, D)
    job : ClusterJob
        All its bounds are known.

    Returns
    -------
    ndarray of int64, (R, D), with `mpc.jobs.encoding.point_bits` fractional bits below
    `mpc.jobs.encoding.point_scale`

    Raises
    ------
    InputError
        NaN or infinity.
    BudgetError
        A coordinate is over the value bound, or a row is over the norm bound and points are not
        centred. If points are centred, only the parties can test the norm; they reject the point.
    """
    if not np.isfinite(points_RD).all():
        raise InputError("points contain NaN or infinity; clean them before sharing")
    if not job.centre:
        _check_within("a point has norm", _longest(points_RD), "norm", bounds_of(job)[0])
    check_values(points_RD, job)
    return np.rint(points_RD / point_scale(job) * 2.0 ** point_bits(job)).astype(np.int64)


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
    """Encode payloads, (R, M), in units of `mpc.jobs.encoding.payload_unit`.

    Raises
    ------
    InputError
        NaN or infinity.
    BudgetError
        A row is over the payload bound.
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
    """Divide sums by sizes; return the mean of each row's cluster, (R, M) float64.

    Parameters
    ----------
    sums_RM, sizes_R : ndarray of int64
        Size 0: the row was rejected, because its norm or its payload's is over the bound. Size -1:
        its cluster has fewer owners than the minimum. Both means are NaN.
    unit : float
        Unit of the sums; see `mpc.jobs.encoding.payload_unit`.
    """
    sizes_R1 = np.where(sizes_R > 0, sizes_R, np.nan)[:, None]
    return sums_RM.astype(np.float64) * unit / sizes_R1


def own_means(whole_RX: Int64Array, job: ClusterJob) -> tuple[FloatArray, Int64Array]:
    """Return what an owner reconstructed as means, (R, M) float64, and sizes, (R,).

    Parameters
    ----------
    whole_RX : ndarray of int64, (R, M + 1)
        Sums, or means if CrypTen's own operations computed the job, and sizes; see `decode_mean`.
    job : ClusterJob
    """
    size_R = whole_RX[:, -1].copy()
    over_R = np.minimum(size_R, 1) if job.protocol == "crypten" else size_R
    unit = payload_unit(job, whole_RX.shape[1] - 1)
    return decode_mean(whole_RX[:, :-1], over_R, unit), size_R
