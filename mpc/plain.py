"""The plaintext twin of a session: same job, same answer, no secrecy.

A point over the norm bound is left out as under sharing: it is moved to the origin, counts nowhere,
and has label 0.

Shape letters: N points, K clusters, D dimensions of a point, M of a payload.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

import numpy as np

from mpc.draws import public_draws
from mpc.fixedpoint import INERTIA_TIE_BITS, TIE_BITS, FloatArray
from mpc.jobs import ClusterJob, ClusterResult
from mpc.plain_kmeans import (
    Kept,
    Labels,
    averaging_groups,
    explained,
    farthest_first,
    gram_of_distances,
    kept_points,
    lloyd,
    plus_plus,
)
from mpc.separation import RESOLUTION, candidate_of, chosen_k, largest_candidate
from mpc.traffic import NO_TRAFFIC


def cluster_gram(
    gram_NN: FloatArray, job: ClusterJob, dim: int, kept_N: Kept | None = None
) -> tuple[Labels, int, int]:
    """Do a job's clustering on a Gram matrix in the clear; return labels, k, iterations done.

    Parameters
    ----------
    gram_NN : ndarray of float64, (N, N)
    job : ClusterJob
    dim : int
        D, by which k is chosen where the job does not give it.
    kept_N : ndarray of bool, (N,), optional
        Who counts; None for everybody.
    """
    kept_N = np.ones(len(gram_NN), dtype=np.bool_) if kept_N is None else kept_N
    gram_NN = np.where(kept_N[:, None] & kept_N[None, :], gram_NN, 0.0)
    k_max = job.k or largest_candidate(len(gram_NN), job.k_max)
    tie = 2.0**-TIE_BITS * job.norm_bound**2
    runs = [
        lloyd(gram_NN, rows, job.iterations, kept_N, tie=tie)
        for rows in _starts(gram_NN, job, k_max, kept_N)
    ]
    iterations = max(done for _, done in runs)
    found = [labels_N for labels_N, _ in runs]
    if job.k is None:
        candidates = [
            candidate_of(gram_NN, labels_N, k, kept_N) for k, labels_N in enumerate(found, start=1)
        ]
        k = chosen_k(candidates, len(gram_NN), dim, RESOLUTION * job.norm_bound**2)
        return found[k - 1], k, iterations
    most_bits = math.ceil(math.log2(len(gram_NN) + 1))
    groups_tie = 2.0 ** (most_bits - INERTIA_TIE_BITS) * job.norm_bound**2
    gains = [
        explained(gram_NN, labels_N, kept_N, k_max) - place * groups_tie
        for place, labels_N in enumerate(found)
    ]
    return found[int(np.argmax(gains))], k_max, iterations


def _starts(gram_NN: FloatArray, job: ClusterJob, k: int, kept_N: Kept) -> list[Labels]:
    """Return the first centres' rows of every restart, or of every candidate k = 1 .. `k`."""
    if job.k is None:
        rows_K = farthest_first(gram_NN, k, kept_N)
        return [rows_K[:size] for size in range(1, k + 1)]
    if job.init_rows is not None:
        return [np.asarray(job.init_rows, dtype=np.int64)]
    if job.init == "farthest-first":
        return [farthest_first(gram_NN, k, kept_N)]
    draws_BK = public_draws(job.seed, len(gram_NN), job.restarts, k)
    return [plus_plus(gram_NN, draws_K, kept_N) for draws_K in draws_BK]


def cluster_distances(dist_NN: FloatArray, job: ClusterJob, dim: int) -> tuple[Labels, int, int]:
    """Do a job's clustering on opened squared distances; return labels, k, iterations done.

    Parameters
    ----------
    dist_NN : ndarray of float64, (N, N)
        A row of zeros is a left-out point, unless all are zero: then it makes no difference.
    job : ClusterJob
    dim : int
    """
    kept_N = np.asarray(dist_NN.any(axis=1))
    if not kept_N.any():
        kept_N = ~kept_N
    inside = np.ix_(kept_N, kept_N)
    gram_NN = np.zeros_like(dist_NN)
    gram_NN[inside] = gram_of_distances(dist_NN[inside])
    return cluster_gram(gram_NN, job, dim, kept_N)


class PlainSession:
    """A session that computes in the clear; use it as `mpc.open_session`, for comparison."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

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
        labels_N, k, iterations = cluster_gram(gram_NN, job, points_ND.shape[1], kept_N)
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
