"""The plaintext twin of a session: same job, same answer, no secrecy.

Lloyd's algorithm on a Gram matrix: with assignments S (N x K, one-hot) and counts c,
squared distance to the mean of cluster k, up to a term without k, is V_k / c_k^2 - 2 U_ik / c_k,
where U = G S and V_k = sum_i S_ik U_ik. No centre is ever formed.

A point over the norm bound is left out as under sharing: it is moved to the origin, counts nowhere,
and has label 0.

What is equally far but for rounding goes to the lowest index: a later cluster must be nearer by
more than 2^-TIE_BITS squared bounds for each place that it stands behind.

Shape letters: N points, K clusters, D dimensions of a point, M of a payload.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from mpc.draws import draw_bits, public_draws
from mpc.fixedpoint import POINT_BITS, TIE_BITS, FloatArray, squared_norm_limit
from mpc.jobs import K_CANDIDATES_MAX, ClusterJob, ClusterResult
from mpc.traffic import NO_TRAFFIC

Labels = npt.NDArray[np.int64]
Kept = npt.NDArray[np.bool_]


def kept_points(points_ND: FloatArray, norm_bound: float) -> Kept:
    """Return who is within the bound, (N,), by the same integers that the parties compare."""
    with np.errstate(over="ignore"):
        ring_ND = np.rint(points_ND / norm_bound * 2.0**POINT_BITS)
        squared_norm_N = np.einsum("nd,nd->n", ring_ND, ring_ND)
    return np.asarray(squared_norm_N <= squared_norm_limit(points_ND.shape[1]))


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


def farthest_first(gram_NN: FloatArray, k: int, kept_N: Kept | None = None) -> Labels:
    """Choose k rows: the first that counts, then always the farthest from those chosen.

    Ties go to the lowest index; points that do not count are chosen when no others are left.
    """
    kept_N = np.ones(len(gram_NN), dtype=np.bool_) if kept_N is None else kept_N
    dist_NN = np.where(kept_N[:, None], squared_distances(gram_NN), -1.0)
    rows = [int(np.argmax(kept_N))]
    nearest_N = dist_NN[:, rows[0]].copy()
    while len(rows) < k:
        rows.append(int(np.argmax(nearest_N)))
        nearest_N = np.minimum(nearest_N, dist_NN[:, rows[-1]])
    return np.asarray(rows, dtype=np.int64)


def plus_plus(gram_NN: FloatArray, draws_K: Labels, kept_N: Kept | None = None) -> Labels:
    """Choose rows by public draws, each in proportion to its distance to those chosen before.

    Parameters
    ----------
    gram_NN : ndarray of float64, (N, N)
    draws_K : ndarray of int64, (K,)
        From `mpc.draws.public_draws`.
    kept_N : ndarray of bool, (N,), optional
    """
    kept_N = np.ones(len(gram_NN), dtype=np.bool_) if kept_N is None else kept_N
    dist_NN = squared_distances(gram_NN) * kept_N[:, None]
    weight_N, rows = kept_N.astype(np.float64), []
    for draw in draws_K:
        reached_N = np.cumsum(weight_N) * 2.0 ** draw_bits(len(gram_NN))
        rows.append(int(np.argmax(draw * weight_N.sum() <= reached_N)))
        of_row_N = dist_NN[:, rows[-1]]
        weight_N = of_row_N if len(rows) == 1 else np.minimum(weight_N, of_row_N)
    return np.asarray(rows, dtype=np.int64)


def centre_distances(gram_NN: FloatArray, members_NK: FloatArray) -> FloatArray:
    """Squared distance of every point to every cluster mean, less the point's own squared norm.

    An empty cluster is infinitely far: it captures nothing and stays empty.
    """
    counts_K = members_NK.sum(axis=0)
    safe_K = np.maximum(counts_K, 1)
    u_NK = gram_NN @ members_NK
    v_K = (members_NK * u_NK).sum(axis=0)
    dist_NK: FloatArray = v_K / safe_K**2 - 2 * u_NK / safe_K
    dist_NK[:, counts_K == 0] = np.inf
    return dist_NK


def lloyd(
    gram_NN: FloatArray,
    rows: Sequence[int] | Labels,
    iterations: int,
    kept_N: Kept | None = None,
    *,
    tie: float = 0.0,
) -> tuple[Labels, int]:
    """Run Lloyd's iteration from the points `rows` as first centres; only kept points count.

    Parameters
    ----------
    gram_NN : ndarray of float64, (N, N)
    rows : sequence of int, (K,)
    iterations : int
        Most reassignments.
    kept_N : ndarray of bool, (N,), optional
        Who counts; None for everybody.
    tie : float
        By how much a later cluster must be nearer, for each place that it stands behind.

    Returns
    -------
    labels_N : ndarray of int64
    iterations : int
        Reassignments done; the last changed nothing unless the limit was reached. The first is
        not compared with the start.
    """
    kept_N = np.ones(len(gram_NN), dtype=np.bool_) if kept_N is None else kept_N
    rows, places_K = np.asarray(rows), np.arange(len(rows))
    dist_NK = np.diag(gram_NN)[rows] - 2 * gram_NN[:, rows] + places_K * tie
    members_NK, done, changed = np.zeros((len(gram_NN), len(rows))), 0, True
    while changed and done < iterations:
        if done:
            dist_NK = centre_distances(gram_NN, members_NK) + places_K * tie
        before_NK = members_NK
        labels_N = np.where(kept_N, np.argmin(dist_NK, axis=1), 0).astype(np.int64)
        members_NK = np.eye(len(rows))[labels_N] * kept_N[:, None]
        done, changed = done + 1, done == 0 or not np.array_equal(members_NK, before_NK)
    return labels_N, done


def explained(gram_NN: FloatArray, labels_N: Labels, kept_N: Kept, k: int) -> float:
    """Return the sum over clusters of the squared length of their sum, over their size.

    The inertia is the sum of squared norms of all points that count, less this.
    """
    members_NK = np.eye(k)[labels_N] * kept_N[:, None]
    counts_K = members_NK.sum(axis=0)
    lengths_K = np.einsum("nk,nm,mk->k", members_NK, gram_NN, members_NK, optimize=True)
    return float((lengths_K / np.maximum(counts_K, 1)).sum())


def choose_k_by_silhouette(gram_NN: FloatArray, iterations: int) -> int:
    """Return the k in 2..8 with the best silhouette; 1 when there are too few distinct points."""
    from sklearn.metrics import silhouette_score  # heavy; parties import this package too

    dist_NN = np.sqrt(squared_distances(gram_NN))
    np.fill_diagonal(dist_NN, 0.0)
    best_k, best_score = 1, -np.inf
    for k in range(2, min(K_CANDIDATES_MAX, len(gram_NN) - 1) + 1):
        labels_N, _ = lloyd(gram_NN, farthest_first(gram_NN, k), iterations)
        if 1 < len(np.unique(labels_N)) < len(gram_NN):
            score = float(silhouette_score(dist_NN, labels_N, metric="precomputed"))
            if score > best_score:
                best_k, best_score = k, score
    return best_k


def cluster_gram(
    gram_NN: FloatArray, job: ClusterJob, kept_N: Kept | None = None
) -> tuple[Labels, int, int]:
    """Do a job's clustering on a Gram matrix in the clear; return labels, k, iterations done.

    Parameters
    ----------
    gram_NN : ndarray of float64, (N, N)
    job : ClusterJob
    kept_N : ndarray of bool, (N,), optional
        Who counts; None for everybody.
    """
    kept_N = np.ones(len(gram_NN), dtype=np.bool_) if kept_N is None else kept_N
    gram_NN = np.where(kept_N[:, None] & kept_N[None, :], gram_NN, 0.0)
    k = job.k or choose_k_by_silhouette(gram_NN[np.ix_(kept_N, kept_N)], job.iterations)
    tie = 2.0**-TIE_BITS * job.norm_bound**2
    runs = [
        lloyd(gram_NN, rows, job.iterations, kept_N, tie=tie)
        for rows in _starts(gram_NN, job, k, kept_N)
    ]
    iterations = max(done for _, done in runs)
    groups_tie = tie * 2.0 ** math.ceil(math.log2(len(gram_NN) + 1))
    gains = [
        explained(gram_NN, labels_N, kept_N, k) - place * groups_tie
        for place, (labels_N, _) in enumerate(runs)
    ]
    return runs[int(np.argmax(gains))][0], k, iterations


def _starts(gram_NN: FloatArray, job: ClusterJob, k: int, kept_N: Kept) -> list[Labels]:
    """Return the first centres' rows of every restart."""
    if job.init_rows is not None:
        return [np.asarray(job.init_rows, dtype=np.int64)]
    if job.init == "farthest-first":
        return [farthest_first(gram_NN, k, kept_N)]
    draws_BK = public_draws(job.seed, len(gram_NN), job.restarts, k)
    return [plus_plus(gram_NN, draws_K, kept_N) for draws_K in draws_BK]


def cluster_distances(dist_NN: FloatArray, job: ClusterJob) -> tuple[Labels, int, int]:
    """Do a job's clustering on opened squared distances; return labels, k, iterations done.

    Parameters
    ----------
    dist_NN : ndarray of float64, (N, N)
        A row of zeros is a left-out point, unless all are zero: then it makes no difference.
    job : ClusterJob
    """
    kept_N = np.asarray(dist_NN.any(axis=1))
    if not kept_N.any():
        kept_N = ~kept_N
    inside = np.ix_(kept_N, kept_N)
    gram_NN = np.zeros_like(dist_NN)
    gram_NN[inside] = gram_of_distances(dist_NN[inside])
    return cluster_gram(gram_NN, job, kept_N)


def averaging_groups(labels_N: Labels, kept_N: Kept, min_cluster_size: int) -> Kept:
    """Return who is averaged with whom, (N, N): own cluster, or all when it is too small.

    Only kept points are averaged, and the row of a left-out point is empty.
    """
    same_NN = (labels_N[:, None] == labels_N[None, :]) & kept_N[None, :]
    small_N = same_NN.sum(axis=1) < min_cluster_size
    groups_NN = np.where(small_N[:, None], kept_N[None, :], same_NN)
    return np.asarray(groups_NN & kept_N[:, None])


class PlainSession:
    """A session that computes in the clear; use it as `mpc.open_session`, for comparison."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Do nothing: there is no process to end."""

    def check(self) -> None:
        """Do nothing: there is no process that could have ended."""

    def cluster(
        self,
        job: ClusterJob,
        points_ND: FloatArray,
        payload_NM: FloatArray,
        owners: Sequence[int] | None = None,
    ) -> ClusterResult:
        """Cluster points and average payloads inside clusters.

        Parameters
        ----------
        job : ClusterJob
        points_ND : ndarray of float64, (N, D)
        payload_NM : ndarray of float64, (N, M)
        owners : sequence of int, optional
            Which data owner holds each row; of no account here.

        Returns
        -------
        ClusterResult
            `labels_N` is always there: nothing is hidden from the caller of a plaintext twin. A
            point over the bound is left out, not refused: the twin of what the parties do.

        Raises
        ------
        InputError
            See `ClusterJob.check_points`.
        """
        job.check_points(points_ND, payload_NM)
        started = time.perf_counter()
        kept_N = kept_points(points_ND, job.norm_bound)
        with np.errstate(over="ignore", invalid="ignore"):  # a left-out point may be huge
            gram_NN = points_ND @ points_ND.T
        labels_N, k, iterations = cluster_gram(gram_NN, job, kept_N)
        groups_NN = averaging_groups(labels_N, kept_N, job.min_cluster_size)
        sizes_N = groups_NN.sum(axis=1).astype(np.int64)
        with np.errstate(invalid="ignore"):  # 0 / 0 is NaN for a left-out point
            means_NM = groups_NN.astype(np.float64) @ payload_NM / sizes_N[:, None]
        elapsed = time.perf_counter() - started
        return ClusterResult(
            k=k,
            iterations=iterations,
            means_NM=means_NM,
            sizes_N=sizes_N,
            labels_N=labels_N,
            ledger=(),
            traffic=replace(NO_TRAFFIC, seconds_total=elapsed),
        )
