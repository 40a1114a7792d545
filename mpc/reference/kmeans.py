"""K-means in the clear: the plaintext twin of the protocol, with the same rounding.

With assignments S (N x K, one-hot) and counts c, the squared distance to the mean of cluster k, up
to a term without k, is V_k / c_k^2 - 2 U_ik / c_k, where U = G S and V_k = sum_i S_ik U_ik. No
centre is computed.

Points are integers, as owners share them, so G, U and V are exact. `RingGram` rounds reciprocals of
counts as the parties do. Only the random rounding under sharing, less than 2^-32 of the squared
bound, is missing. `OpenedDistances` is the server's computation on the distances that policy
`distances` opens. Ties up to rounding go to the lowest index: cluster j is penalised by j times
`mpc.ring.fixedpoint.tie_units`.

Shape letters: N points, K clusters, D dimensions of a point.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from mpc.jobs.encoding import bounds_of, features_limit, point_scale, squared_norm_limit
from mpc.jobs.job import ClusterJob
from mpc.ring.deviation_tables import standardized_rows
from mpc.ring.fixedpoint import (
    COMPARED_FRACTION,
    DISTANCE_BITS,
    FAR_CENTRE,
    GRAM_BITS,
    POINT_BITS,
    FloatArray,
    Int64Array,
    tie_units,
)
from mpc.ring.public_draws import draw_bits
from mpc.ring.quotient_tables import (
    HIGH_SHIFT,
    HIGHER_SHIFT,
    Tables,
    far_if_empty,
    reciprocals,
    squared_reciprocals,
)

NO_ROW: Final = -1
"""Stands for a first centre that is not there: its cluster is empty."""

Labels = npt.NDArray[np.int64]
Valid = npt.NDArray[np.bool_]


class Geometry(Protocol):
    """Distances for Lloyd's iteration."""

    @property
    def num_points(self) -> int:
        """N."""

    def to_rows(self, rows_K: Labels) -> FloatArray | Int64Array:
        """Return distances of all points to points as centres, (N, K), as they are compared."""

    def to_means(self, assignment_NK: FloatArray) -> FloatArray | Int64Array:
        """Return distances of all points to cluster means, (N, K), as they are compared."""


@dataclass(frozen=True, slots=True, eq=False)
class FloatGram:
    """A real Gram matrix, without tie-breaking: textbook k-means."""

    gram_NN: FloatArray

    @property
    def num_points(self) -> int:
        """N."""
        return len(self.gram_NN)

    def to_rows(self, rows_K: Labels) -> FloatArray:
        """Return distances to points minus each point's squared norm."""
        dist_NK: FloatArray = np.diag(self.gram_NN)[rows_K] - 2 * self.gram_NN[:, rows_K]
        return dist_NK

    def to_means(self, assignment_NK: FloatArray) -> FloatArray:
        """Return distances to means minus each point's squared norm."""
        return centre_distances(self.gram_NN, assignment_NK)


@dataclass(frozen=True, slots=True, eq=False)
class RingGram:
    """A Gram matrix of integers with `GRAM_BITS` fractional bits, as the parties have it.

    Numbers up to 2^49 are exact in float64, and so are sums of N of them.
    """

    gram_NN: FloatArray
    ring_ND: FloatArray
    """The points, for faster inner products with few sums."""

    @property
    def num_points(self) -> int:
        """N."""
        return len(self.gram_NN)

    def to_rows(self, rows_K: Labels) -> Int64Array:
        """Return distances to points minus each point's squared norm."""
        exact_NK = np.diag(self.gram_NN)[rows_K] - 2 * self.gram_NN[:, rows_K]
        exact_NK = np.where(rows_K == NO_ROW, FAR_CENTRE * 2.0**GRAM_BITS, exact_NK)
        return exact_NK.astype(np.int64) + handicaps(self.num_points, len(rows_K))

    def with_sums_and_sqnorms(self, assignment_NK: FloatArray) -> tuple[Int64Array, Int64Array]:
        """Return U, (N, K), and the squared norms V of the sums, (K,)."""
        if self.num_points > 2 * self.ring_ND.shape[1]:
            inner_NK = self.ring_ND @ (self.ring_ND.T @ assignment_NK)
        else:
            inner_NK = self.gram_NN @ assignment_NK
        u_NK = inner_NK.astype(np.int64)
        return u_NK, (assignment_NK.astype(np.int64) * u_NK).sum(axis=0)

    def to_means(self, assignment_NK: FloatArray) -> Int64Array:
        """Return distances to means, rounded as in `mpc.clustering.distances`."""
        counts_K = assignment_NK.sum(axis=0).astype(np.int64)
        u_NK, v_K = self.with_sums_and_sqnorms(assignment_NK)
        return rounded_distances(u_NK, v_K, counts_K, self.num_points)


@dataclass(frozen=True, slots=True, eq=False)
class OpenedDistances:
    """Squared distances between all pairs, integers with `GRAM_BITS` fractional bits.

    Those of rejected points are zero. A rejected point as a centre is at the mean of the valid
    ones.
    """

    dist_NN: FloatArray
    valid_N: Valid

    @property
    def num_points(self) -> int:
        """N."""
        return len(self.dist_NN)

    def to_rows(self, rows_K: Labels) -> FloatArray:
        """Return distances to points."""
        to_mean_N1 = self._to_means(self.valid_N[:, None].astype(np.float64))
        dist_NK: FloatArray = np.where(self.valid_N[rows_K], self.dist_NN[:, rows_K], to_mean_N1)
        dist_NK = np.where(rows_K == NO_ROW, np.inf, dist_NK)
        return dist_NK + handicaps(self.num_points, len(rows_K))

    def to_means(self, assignment_NK: FloatArray) -> FloatArray:
        """Return distances to means."""
        return self._to_means(assignment_NK) + handicaps(*assignment_NK.shape)

    def _to_means(self, assignment_NK: FloatArray) -> FloatArray:
        """Return mean squared distances to clusters minus half of those inside them."""
        counts_K = assignment_NK.sum(axis=0)
        safe_K = np.maximum(counts_K, 1)
        sums_NK = self.dist_NN @ assignment_NK
        among_K = (assignment_NK * sums_NK).sum(axis=0)
        dist_NK: FloatArray = sums_NK / safe_K - among_K / (2 * safe_K**2)
        dist_NK[:, counts_K == 0] = np.inf
        return dist_NK


def rounded_distances(
    u_NK: Int64Array, v_K: Int64Array, counts_K: Int64Array, most: int
) -> Int64Array:
    """Return V / c^2 - 2 U / c as the parties round it, (N, K); counts are `most` at most."""
    squared_K = quotient(v_K, counts_K, squared_reciprocals(most, HIGHER_SHIFT), HIGHER_SHIFT)
    over_c_NK = quotient(u_NK, counts_K, reciprocals(most), HIGH_SHIFT)
    dist_NK = squared_K + far_if_empty(most)[counts_K] - 2 * over_c_NK
    dropped = DISTANCE_BITS - COMPARED_FRACTION
    return np.asarray((dist_NK + (handicaps(most, len(counts_K)) << dropped)) >> dropped)


def handicaps(most: int, k: int) -> Int64Array:
    """Return what is added to distances so that ties go to the lowest index, (K,)."""
    return np.arange(k, dtype=np.int64) * tie_units(most)


def quotient(values: Int64Array, counts_K: Int64Array, tables: Tables, shift: int) -> Int64Array:
    """Return values over counts (or their squares) as `mpc.protocols.division` rounds them."""
    high = values >> shift
    product: Int64Array = values * tables.low[counts_K] + high * tables.rest[counts_K]
    return product


def ring_points(points_ND: FloatArray, job: ClusterJob) -> tuple[FloatArray, Valid]:
    """Return points as the parties hold them, and their validity.

    Parameters
    ----------
    points_ND : ndarray of float64, (N, D)
    job : ClusterJob
        All its bounds are known.

    Returns
    -------
    ndarray of float64, (N, D)
        Integers, centred and standardised if the job says so. Norms may be over the bound.
    ndarray of bool, (N,)
        Validity, from the integers that the parties compare, except that their mean may be off by 2
        units.
    """
    dim = points_ND.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):
        ring_ND = np.rint(points_ND / point_scale(job) * 2.0**POINT_BITS)
        if job.centre:
            whole_ND = ring_ND.astype(np.int64)  # within the value bound
            ring_ND = (whole_ND - whole_ND.sum(axis=0) // len(whole_ND)).astype(np.float64)
        if not job.standardize:
            return ring_ND, _within(ring_ND, squared_norm_limit(job, dim))
    fits_N = _within(ring_ND, math.ceil(features_limit(dim) ** 2))
    fitting_ND = np.where(fits_N[:, None], ring_ND, 0.0)
    ring_ND = standardized_rows(fitting_ND, bounds_of(job)[0])
    return ring_ND, fits_N & _within(ring_ND, squared_norm_limit(job, dim))


def _within(ring_ND: FloatArray, limit: int) -> Valid:
    return np.asarray(np.einsum("nd,nd->n", ring_ND, ring_ND) <= limit)


def squared_distances(gram_NN: FloatArray) -> FloatArray:
    """Return squared distances between all pairs, (N, N), from the Gram matrix."""
    diagonal_N = np.diag(gram_NN)
    dist_NN: FloatArray = diagonal_N[:, None] + diagonal_N[None, :] - 2 * gram_NN
    dist_NN[dist_NN < 0] = 0.0  # rounding
    return dist_NN


def gram_of_distances(dist_NN: FloatArray) -> FloatArray:
    """Return the Gram matrix of the centred points, (N, N), from squared distances."""
    n = len(dist_NN)
    centre_NN = np.eye(n) - 1.0 / n
    return -0.5 * centre_NN @ dist_NN @ centre_NN


def farthest_first(dist_NN: FloatArray, k: int, valid_N: Valid | None = None) -> Labels:
    """Choose k rows: the first valid one, then always the farthest from those chosen.

    Ties go to the lowest index. Rejected points are chosen only if no valid ones are left.

    Parameters
    ----------
    dist_NN : ndarray of float64, (N, N)
        Squared distances between all pairs.
    k : int
    valid_N : ndarray of bool, (N,), optional
        Which points are valid; None for all.
    """
    valid_N = np.ones(len(dist_NN), dtype=np.bool_) if valid_N is None else valid_N
    dist_NN = np.where(valid_N[:, None], dist_NN, -1.0)
    rows = [int(np.argmax(valid_N))]
    nearest_N = dist_NN[:, rows[0]].copy()
    while len(rows) < k:
        rows.append(int(np.argmax(nearest_N)))
        nearest_N = np.minimum(nearest_N, dist_NN[:, rows[-1]])
    return np.asarray(rows, dtype=np.int64)


def plus_plus(
    dist_NN: FloatArray | Int64Array, draws_K: Labels, valid_N: Valid | None = None
) -> Labels:
    """Choose rows by public draws, with probability proportional to the distance to chosen ones.

    Parameters
    ----------
    dist_NN : ndarray of float64 or int64, (N, N)
        Squared distances between all pairs; integers are compared exactly.
    draws_K : ndarray of int64, (K,)
        From `mpc.ring.public_draws.public_draws`.
    valid_N : ndarray of bool, (N,), optional
    """
    valid_N = np.ones(len(dist_NN), dtype=np.bool_) if valid_N is None else valid_N
    weight_N, rows = valid_N.astype(dist_NN.dtype), []
    for draw in draws_K:
        reached_N = np.cumsum(weight_N) * (1 << draw_bits(len(dist_NN)))
        rows.append(int(np.argmax(draw * weight_N.sum() <= reached_N)))
        of_row_N = dist_NN[:, rows[-1]] * valid_N
        weight_N = of_row_N if len(rows) == 1 else np.minimum(weight_N, of_row_N)
    return np.asarray(rows, dtype=np.int64)


def centre_distances(gram_NN: FloatArray, assignment_NK: FloatArray) -> FloatArray:
    """Return squared distances of points to cluster means minus each point's squared norm.

    An empty cluster has infinite distance, so it stays empty.
    """
    counts_K = assignment_NK.sum(axis=0)
    safe_K = np.maximum(counts_K, 1)
    u_NK = gram_NN @ assignment_NK
    v_K = (assignment_NK * u_NK).sum(axis=0)
    dist_NK: FloatArray = v_K / safe_K**2 - 2 * u_NK / safe_K
    dist_NK[:, counts_K == 0] = np.inf
    return dist_NK


def lloyd(
    geometry: Geometry,
    rows: Sequence[int] | Labels,
    iterations: int,
    valid_N: Valid | None = None,
) -> tuple[Labels, int]:
    """Run Lloyd's iteration from the points `rows` as first centres.

    Rejected points are in no cluster.

    Parameters
    ----------
    geometry : Geometry
    rows : sequence of int, (K,)
    iterations : int
        Most reassignments.
    valid_N : ndarray of bool, (N,), optional
        Which points are valid; None for all.

    Returns
    -------
    labels_N : ndarray of int64
    iterations : int
        Reassignments done; the last changed nothing unless the limit was reached. The first is
        not compared with the start.
    """
    rows = np.asarray(rows)
    valid_N = np.ones(geometry.num_points, dtype=np.bool_) if valid_N is None else valid_N
    return iterated(geometry, geometry.to_rows(rows), None, iterations, valid_N)


def iterated(
    geometry: Geometry,
    dist_NK: FloatArray | Int64Array,
    before_NK: FloatArray | None,
    iterations: int,
    valid_N: Valid,
) -> tuple[Labels, int]:
    """Run Lloyd's iteration from first distances; returns as `lloyd`.

    Parameters
    ----------
    geometry : Geometry
    dist_NK : ndarray, (N, K)
        Distances of all points to the first centres.
    before_NK : ndarray of float64, (N, K), optional
        The assignment that the first centres are the means of; the first reassignment is compared
        with it.
    iterations : int
    valid_N : ndarray of bool, (N,)
    """
    done, changed = 0, True
    while changed and done < iterations:
        if done and before_NK is not None:
            dist_NK = geometry.to_means(before_NK)
        labels_N = nearest(dist_NK, valid_N)
        assignment_NK = onehot(labels_N, valid_N, dist_NK.shape[1])
        changed = before_NK is None or not np.array_equal(assignment_NK, before_NK)
        done, before_NK = done + 1, assignment_NK
    return labels_N, done


def nearest(dist_NK: FloatArray | Int64Array, valid_N: Valid) -> Labels:
    """Return the column of least distance, and 0 for a rejected point, (N,)."""
    return np.where(valid_N, np.argmin(dist_NK, axis=1), 0).astype(np.int64)


def onehot(labels_N: Labels, valid_N: Valid, k: int) -> FloatArray:
    """Return an assignment, (N, K), with rows of zeros for rejected points."""
    assignment_NK: FloatArray = np.eye(k)[labels_N] * valid_N[:, None]
    return assignment_NK


def averaged_together(
    labels_N: Labels,
    valid_N: Valid,
    min_cluster_size: int,
    owner_of_N: Sequence[int] | Labels | None = None,
) -> Valid:
    """Return which points are averaged together, (N, N): same cluster, with enough owners.

    Only valid points are averaged. The row of a rejected point, or of one whose cluster has fewer
    owners than the minimum, is empty. If `owner_of_N` is None, each point has its own owner.
    """
    same_NN = (labels_N[:, None] == labels_N[None, :]) & valid_N[None, :] & valid_N[:, None]
    owners = np.arange(len(labels_N)) if owner_of_N is None else np.asarray(owner_of_N)
    owners_N = np.zeros(len(labels_N), dtype=np.int64)
    for label in np.unique(labels_N):
        members_N = (labels_N == label) & valid_N
        owners_N[members_N] = len(np.unique(owners[members_N]))
    return np.asarray(same_NN & (owners_N >= min_cluster_size)[:, None])
