"""The plaintext twin of a session: same job, same result, no secrecy.

A point over a bound is rejected as under sharing: it is in no cluster and has label 0.

Shape letters: N points, K clusters, D dimensions of a point, M of a payload.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

import numpy as np

from mpc.jobs.bounds import with_bounds
from mpc.jobs.encoding import check_bounds, payload_unit
from mpc.jobs.job import ClusterJob
from mpc.jobs.kept import Kept
from mpc.jobs.noise import NoiseSource
from mpc.jobs.order import check_rows_per_owner, rows_by_owner
from mpc.jobs.result import TOO_SMALL, ClusterResult
from mpc.jobs.rows import check_values, decode_mean, encode_payload
from mpc.jobs.statement import NoiseStatement
from mpc.reference.kmeans import (
    Labels,
    OpenedDistances,
    RingGram,
    Valid,
    averaged_together,
    gram_of_distances,
    onehot,
    quotient,
    ring_points,
    squared_distances,
)
from mpc.reference.noised import noised_labels, noised_means
from mpc.reference.runs import least, runs_of
from mpc.reference.separation import RESOLUTION, candidate_of, chosen_k, largest_candidate
from mpc.ring.discrete_gaussian import PrivateNoise
from mpc.ring.fixedpoint import GRAM_BITS, FloatArray, Int64Array
from mpc.ring.quotient_tables import HIGHER_SHIFT, between_bits, between_tables
from mpc.traffic import NO_TRAFFIC

Clustered = tuple[Labels, int, int]
"""Labels, k, iterations done."""


def cluster_points(
    ring_ND: FloatArray, job: ClusterJob, valid_N: Valid, kept_NK: FloatArray | None = None
) -> Clustered:
    """Do a job's clustering on encoded points in the clear; return labels, k, iterations done.

    Parameters
    ----------
    ring_ND : ndarray of float64, (N, D)
        Integers from `mpc.reference.kmeans.ring_points`.
    job : ClusterJob
        With its start settled, if it is not fresh.
    valid_N : ndarray of bool, (N,)
        Which points are valid.
    kept_NK : ndarray of float64, (N, K), optional
        One-hot rows of the kept assignment, zero where none is kept.
    """
    inside_ND = np.where(valid_N[:, None], ring_ND, 0.0)
    gram_NN = inside_ND @ inside_ND.T
    dist_NN = squared_distances(gram_NN)
    if job.reveal == "distances":
        both_NN = valid_N[:, None] & valid_N[None, :]
        return cluster_distances(np.where(both_NN, dist_NN, 0.0), job, ring_ND.shape[1])
    geometry = RingGram(gram_NN, inside_ND)
    k = job.k or 1

    def loss(labels_N: Labels, k: int) -> int:
        return -_between(geometry, labels_N, valid_N, k)

    kept_NK = np.zeros((len(ring_ND), k)) if kept_NK is None else kept_NK
    runs = runs_of(geometry, dist_NN, job, valid_N, kept_NK, loss)
    found = [labels_N for labels_N, _ in runs]
    iterations = max(done for _, done in runs)
    if job.k is None:
        return *_with_chosen_k(found, gram_NN, ring_ND.shape[1], valid_N), iterations
    return found[least([loss(labels_N, k) for labels_N in found])], k, iterations


def cluster_distances(dist_NN: FloatArray, job: ClusterJob, dim: int) -> Clustered:
    """Do a job's clustering on opened squared distances; return labels, k, iterations done.

    Parameters
    ----------
    dist_NN : ndarray of float64, (N, N)
        Integers with `GRAM_BITS` fractional bits. A row of zeros is a rejected point, unless all
        rows are zero; then it makes no difference.
    job : ClusterJob
    dim : int
        D, which the choice of k depends on.
    """
    valid_N = np.asarray(dist_NN.any(axis=1))
    if not valid_N.any():
        valid_N = ~valid_N
    k, scale = job.k or 1, 2.0 ** (between_bits(len(dist_NN)) - GRAM_BITS)

    def loss(labels_N: Labels, k: int) -> int:
        return math.floor(_inertia(dist_NN, labels_N, valid_N, k) * scale)

    geometry, kept_NK = OpenedDistances(dist_NN, valid_N), np.zeros((len(dist_NN), k))
    runs = runs_of(geometry, dist_NN, job, valid_N, kept_NK, loss)
    found = [labels_N for labels_N, _ in runs]
    iterations = max(done for _, done in runs)
    if job.k is None:
        inside = np.ix_(valid_N, valid_N)
        gram_NN = np.zeros_like(dist_NN)
        gram_NN[inside] = gram_of_distances(dist_NN[inside])
        return *_with_chosen_k(found, gram_NN, dim, valid_N), iterations
    return found[least([loss(labels_N, k) for labels_N in found])], k, iterations


def _with_chosen_k(
    found: Sequence[Labels], gram_NN: FloatArray, dim: int, valid_N: Valid
) -> tuple[Labels, int]:
    """Return the labels of the chosen candidate, and its k."""
    candidates = [
        candidate_of(gram_NN, labels_N, k, valid_N) for k, labels_N in enumerate(found, start=1)
    ]
    k = chosen_k(candidates, len(gram_NN), dim, RESOLUTION * 2.0**GRAM_BITS)
    return found[k - 1], k


def _between(geometry: RingGram, labels_N: Labels, valid_N: Valid, k: int) -> int:
    """Return sum_k V_k / c_k with the parties' rounding; see `mpc.clustering.restarts`."""
    assignment_NK, counts_K = _assignment(labels_N, valid_N, k)
    _, v_K = geometry.with_sums_and_sqnorms(assignment_NK)
    tables = between_tables(geometry.num_points)
    return int(quotient(v_K, counts_K, tables, HIGHER_SHIFT).sum())


def _inertia(dist_NN: FloatArray, labels_N: Labels, valid_N: Valid, k: int) -> float:
    """Return the sum of squared distances to means, from distances inside clusters."""
    assignment_NK, counts_K = _assignment(labels_N, valid_N, k)
    among_K = (assignment_NK * (dist_NN @ assignment_NK)).sum(axis=0)
    return float((among_K / (2.0 * np.maximum(counts_K, 1))).sum())


def _assignment(labels_N: Labels, valid_N: Valid, k: int) -> tuple[FloatArray, Int64Array]:
    assignment_NK = onehot(labels_N, valid_N, k)
    return assignment_NK, assignment_NK.sum(axis=0).astype(np.int64)


def _means(
    labels_N: Labels, sizes_N: Int64Array, encoded_NM: Int64Array, unit: float
) -> FloatArray:
    """Return each point's cluster mean as its owner reconstructs it, or NaN, (N, M)."""
    means_NM = np.full(encoded_NM.shape, np.nan)
    for label in np.unique(labels_N[sizes_N > 0]):
        members_N = (labels_N == label) & (sizes_N > 0)
        sum_M = encoded_NM[members_N].sum(axis=0)
        means_NM[members_N] = sum_M.astype(np.float64) * unit / members_N.sum()
    return means_NM


def _averaged(
    job: ClusterJob,
    labels_N: Labels,
    assignment_NK: FloatArray,
    encoded_NM: Int64Array,
    owners: Sequence[int] | None,
) -> tuple[FloatArray, Int64Array]:
    """Return each point's cluster mean as its owner reconstructs it, (N, M), and size, (N,)."""
    valid_N = np.asarray(assignment_NK.any(axis=1))
    numbered = None if owners is None else np.unique(owners, return_inverse=True)[1]
    together_NN = averaged_together(labels_N, valid_N, job.min_cluster_size, numbered)
    sizes_N = together_NN.sum(axis=1).astype(np.int64)
    sizes_N[valid_N & (sizes_N == 0)] = TOO_SMALL
    return _means(labels_N, sizes_N, encoded_NM, payload_unit(job, encoded_NM.shape[1])), sizes_N


def _padded(job: ClusterJob, assignment_NK: FloatArray) -> FloatArray:
    """Return an assignment with as many columns as the parties have: noise is drawn for each."""
    if job.k is not None:
        return assignment_NK
    num_points, k = assignment_NK.shape
    most = job.k_max if job.reveal == "distances" else largest_candidate(num_points, job.k_max)
    return np.pad(assignment_NK, ((0, 0), (0, most - k)))


class PlainSession:
    """A session that computes in the clear, for comparison with `mpc.open_session`.

    Parameters
    ----------
    noise : sequence of NoiseSource, optional
        Of each party of the session that it stands for; None: of two parties, under fresh keys.
    """

    def __init__(self, noise: Sequence[NoiseSource] | None = None) -> None:
        self._jobs = 0
        self._noise = (PrivateNoise(), PrivateNoise()) if noise is None else tuple(noise)
        self._kept: Kept[FloatArray] = Kept()

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        """Return how to copy or pickle it: as a new session, which has kept nothing."""
        return type(self), ()

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
        """Do nothing: there is no process to watch."""

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
            The data owner of each row; None: each row has its own.

        Returns
        -------
        ClusterResult
            `labels_N` is always set, because a plaintext session hides nothing from its caller. A
            point over the norm bound is rejected, as by the parties, and not refused.

        Raises
        ------
        InputError, BudgetError
            See `ClusterJob.check_points`; or a payload is too large for fixed point.
        """
        job.check_points(points_ND, payload_NM)
        job = with_bounds(job, points_ND, payload_NM)
        check_bounds(job, *points_ND.shape)
        started = time.perf_counter()
        encoded_NM = encode_payload(payload_NM, job)
        if job.centre:
            check_values(points_ND, job)
        rows = rows_by_owner(owners, len(points_ND))
        check_rows_per_owner(job, rows)
        job, self._jobs = self._kept.settled(job, rows), self._jobs + 1
        known_NK = self._known(job, rows)
        labels_N, k, iterations, assignment_NK = self._assigned(job, points_ND, known_NK)
        self._kept.keep(
            self._jobs, job, k, {name: assignment_NK[list(held)] for name, held in rows.items()}
        )
        if job.is_private:
            whole_NK = _padded(job, assignment_NK).astype(np.int64)
            sums_NM, sizes_N = noised_means(whole_NK, encoded_NM, job, self._noise)
            means_NM = decode_mean(sums_NM, sizes_N, payload_unit(job, payload_NM.shape[1]))
        else:
            means_NM, sizes_N = _averaged(job, labels_N, assignment_NK, encoded_NM, owners)
        return ClusterResult(
            k=k,
            iterations=iterations,
            start=job.start,
            means_NM=means_NM,
            sizes_N=sizes_N,
            labels_N=labels_N,
            ledger=(),
            traffic=replace(NO_TRAFFIC, seconds_total=time.perf_counter() - started),
            privacy=NoiseStatement.of(
                job,
                num_points=len(points_ND),
                dim=points_ND.shape[1],
                payload=payload_NM.shape[1],
                num_parties=len(self._noise),
            ),
        )

    def _assigned(
        self, job: ClusterJob, points_ND: FloatArray, known_NK: FloatArray | None
    ) -> tuple[Labels, int, int, FloatArray]:
        """Return labels, k, iterations done, and the assignment, (N, K)."""
        if job.guarantee == "known-assignment" and known_NK is not None:
            return known_NK.argmax(axis=1).astype(np.int64), known_NK.shape[1], 0, known_NK
        ring_ND, valid_N = ring_points(points_ND, job)
        if job.guarantee == "pipeline":
            labels_N, k = noised_labels(ring_ND, job, valid_N, self._noise), job.k or 1
            iterations = job.iterations
        else:
            labels_N, k, iterations = cluster_points(ring_ND, job, valid_N, known_NK)
        return labels_N, k, iterations, onehot(labels_N, valid_N, k)

    def _known(self, job: ClusterJob, rows: Mapping[str, Sequence[int]]) -> FloatArray | None:
        """Return the rows of the kept assignment, zero where none is kept; None if not used."""
        if job.start == "fresh" or job.k is None:
            return None
        known_NK = np.zeros((sum(len(held) for held in rows.values()), job.k))
        for name, held in rows.items():
            kept = self._kept.rows_of(name, len(held))
            if kept is not None:
                known_NK[list(held)] = kept
        return known_NK
