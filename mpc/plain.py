"""The plaintext twin of a session: same job, same answer, no secrecy.

Lloyd's algorithm on a Gram matrix: with assignments S (N x K, one-hot) and counts c,
squared distance to the mean of cluster k, up to a term without k, is V_k / c_k^2 - 2 U_ik / c_k,
where U = G S and V_k = sum_i S_ik U_ik. No centre is ever formed.

Shape letters: N points, K clusters, D dimensions of a point, M of a payload.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from mpc.fixedpoint import FloatArray
from mpc.jobs import K_CANDIDATES_MAX, ClusterJob, ClusterResult
from mpc.traffic import NO_TRAFFIC

Labels = npt.NDArray[np.int64]


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


def farthest_first(gram_NN: FloatArray, k: int) -> Labels:
    """Choose k rows: the first, then always the farthest from those chosen (ties: lowest)."""
    dist_NN = squared_distances(gram_NN)
    rows = [0]
    nearest_N = dist_NN[0].copy()
    while len(rows) < k:
        rows.append(int(np.argmax(nearest_N)))
        nearest_N = np.minimum(nearest_N, dist_NN[rows[-1]])
    return np.asarray(rows, dtype=np.int64)


def centre_distances(gram_NN: FloatArray, onehot_NK: FloatArray) -> FloatArray:
    """Squared distance of every point to every cluster mean, less the point's own squared norm.

    An empty cluster is infinitely far: it captures nothing and stays empty.
    """
    counts_K = onehot_NK.sum(axis=0)
    safe_K = np.maximum(counts_K, 1)
    u_NK = gram_NN @ onehot_NK
    v_K = (onehot_NK * u_NK).sum(axis=0)
    dist_NK: FloatArray = v_K / safe_K**2 - 2 * u_NK / safe_K
    dist_NK[:, counts_K == 0] = np.inf
    return dist_NK


def lloyd(gram_NN: FloatArray, rows: Sequence[int] | Labels, iterations: int) -> tuple[Labels, int]:
    """Run Lloyd's iteration from the points `rows` as first centres.

    Returns
    -------
    labels_N : ndarray of int64
    iterations : int
        Reassignments done; the last changed nothing unless the limit was reached.
    """
    onehot_NK = np.zeros((len(gram_NN), len(rows)))
    onehot_NK[np.asarray(rows), np.arange(len(rows))] = 1.0
    done, changed = 0, True
    while changed and done < iterations:
        labels_N = np.argmin(centre_distances(gram_NN, onehot_NK), axis=1).astype(np.int64)
        previous_NK, onehot_NK = onehot_NK, np.eye(len(rows))[labels_N]
        done, changed = done + 1, not np.array_equal(onehot_NK, previous_NK)
    return labels_N, done


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


def cluster_gram(gram_NN: FloatArray, job: ClusterJob) -> tuple[Labels, int, int]:
    """Do a job's clustering on a Gram matrix in the clear; return labels, k, iterations done."""
    k = job.k or choose_k_by_silhouette(gram_NN, job.iterations)
    rows = job.init_rows if job.init_rows is not None else farthest_first(gram_NN, k)
    labels_N, iterations = lloyd(gram_NN, rows, job.iterations)
    return labels_N, k, iterations


def averaging_groups(labels_N: Labels, min_cluster_size: int) -> npt.NDArray[np.bool_]:
    """Return who is averaged with whom, (N, N): own cluster, or all when it is too small."""
    same_NN = labels_N[:, None] == labels_N[None, :]
    small_N = same_NN.sum(axis=1) < min_cluster_size
    return np.asarray(same_NN | small_N[:, None])


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
            `labels_N` is always there: nothing is hidden from the caller of a plaintext twin.

        Raises
        ------
        InputError
            See `ClusterJob.check_points`.
        """
        job.check_points(points_ND, payload_NM)
        started = time.perf_counter()
        labels_N, k, iterations = cluster_gram(points_ND @ points_ND.T, job)
        groups_NN = averaging_groups(labels_N, job.min_cluster_size)
        sizes_N = groups_NN.sum(axis=1).astype(np.int64)
        elapsed = time.perf_counter() - started
        return ClusterResult(
            k=k,
            iterations=iterations,
            means_NM=groups_NN.astype(np.float64) @ payload_NM / sizes_N[:, None],
            sizes_N=sizes_N,
            labels_N=labels_N,
            ledger=(),
            traffic=replace(NO_TRAFFIC, seconds_total=elapsed),
        )
