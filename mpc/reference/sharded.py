"""The plaintext twin of `mpc.session.sharded`: same shards, second level and reassignments.

Nothing is secret here.

A cluster's point x_j = s_j / c_j is rounded down here, and down or up under sharing, by one unit of
2^-18 of the norm bound, and so are means of clusters in a shard after a reassignment. Labels are
equal but for ties as near as that; where labels are equal, means and sizes are equal bit for bit.

Shape letters: N points, J clusters of all shards, K clusters of the second level, D dimensions of a
point, M of a payload.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mpc.jobs.encoding import payload_unit, point_scale, squared_norm_limit
from mpc.jobs.job import ClusterJob
from mpc.jobs.result import TOO_SMALL, ClusterResult
from mpc.jobs.rows import check_values, decode_mean, encode_payload
from mpc.jobs.shard_plan import Shard
from mpc.jobs.sharding import final_job, most_weight, weights_of_sizes
from mpc.reference.kmeans import (
    Labels,
    Valid,
    handicaps,
    iterated,
    nearest,
    onehot,
    plus_plus,
    quotient,
    rounded_distances,
    squared_distances,
)
from mpc.reference.runs import least
from mpc.reference.session import cluster_points
from mpc.ring.fixedpoint import POINT_BITS, FloatArray, Int64Array
from mpc.ring.public_draws import public_draws
from mpc.ring.quotient_tables import HIGHER_SHIFT, MEAN_SHIFT, between_tables, mean_reciprocals
from mpc.traffic import NO_TRAFFIC


def cluster_shards_in_the_clear(
    job: ClusterJob, shards: Sequence[Shard], points_ND: FloatArray, payload_NM: FloatArray
) -> ClusterResult:
    """Cluster shards, then their clusters, and average payloads.

    Parameters
    ----------
    job : ClusterJob
        Of the first shard, with all its bounds.
    shards : sequence of Shard
    points_ND : ndarray of float64, (N, D)
    payload_NM : ndarray of float64, (N, M)

    Returns
    -------
    ClusterResult
        As under sharing, and with labels; those of rejected points are 0.

    Raises
    ------
    InputError, BudgetError
        A payload or a coordinate is over its bound.
    """
    started = time.perf_counter()
    encoded_NM = encode_payload(payload_NM, job)
    ring_ND, valid_N = _ring_points(points_ND, job, shards[0].rows)
    k, first_N = job.k or 1, np.zeros(len(points_ND), dtype=np.int64)
    for shard in shards:
        rows = np.asarray(shard.rows)
        labels_R, _, _ = cluster_points(ring_ND[rows], job, valid_N[rows])
        first_N[rows] = labels_R + k * (shard.number - 1)
    most = max(len(shard.rows) for shard in shards)
    weighted = _weighted(first_N, ring_ND, valid_N, num_clusters=k * len(shards), most=most)
    second_J, iterations = _second_level(weighted, final_job(job))
    labels_N = np.where(valid_N, second_J[first_N], 0)
    centres = weighted.centres(second_J, job.final_k or 1)
    for done in range(job.point_reassignments):
        if done:
            centres = _means(job, labels_N, shards, ring_ND, valid_N)
        labels_N = nearest(centres.distances(ring_ND), valid_N)
    sums_NM = _own_sums(labels_N, valid_N, encoded_NM, shards, job.min_cluster_size)
    sizes_N = sums_NM[:, -1]
    return ClusterResult(
        k=job.final_k or 1,
        iterations=iterations,
        means_NM=decode_mean(sums_NM[:, :-1], sizes_N, payload_unit(job, payload_NM.shape[1])),
        sizes_N=sizes_N,
        labels_N=labels_N,
        ledger=(),
        traffic=replace(NO_TRAFFIC, seconds_total=time.perf_counter() - started),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Centres:
    """Centres of all shards: weighted sums of points, and their weights."""

    sums_KD: FloatArray = field(repr=False)
    """Integers."""
    sqnorms_K: Int64Array = field(repr=False)
    weights_K: Int64Array = field(repr=False)
    most: int
    """A public bound on the sum of all weights."""

    def distances(self, ring_ND: FloatArray) -> Int64Array:
        """Return distances of points to the centres, (N, K)."""
        inner_NK = (ring_ND @ self.sums_KD.T).astype(np.int64)
        return rounded_distances(inner_NK, self.sqnorms_K, self.weights_K, self.most)


@dataclass(frozen=True, slots=True, eq=False)
class _Weighted:
    """Distances among the clusters of all shards, each of which weighs as so many points."""

    ring_JD: FloatArray = field(repr=False)
    """Integers; zeros for an empty cluster."""
    weights_J: Int64Array = field(repr=False)
    most: int
    """A public bound on the sum of all weights."""

    @property
    def num_points(self) -> int:
        """J."""
        return len(self.ring_JD)

    @property
    def valid_J(self) -> Valid:  # noqa: N802
        """Whether a cluster has points."""
        return np.asarray(self.weights_J > 0)

    def to_rows(self, rows_K: Labels) -> Int64Array:
        """Return distances to clusters minus each cluster's squared norm, (J, K)."""
        inner_JK = self.ring_JD @ self.ring_JD[rows_K].T
        sqnorms_K = np.einsum("kd,kd->k", self.ring_JD[rows_K], self.ring_JD[rows_K])
        dist_JK: Int64Array = (sqnorms_K - 2 * inner_JK).astype(np.int64)
        return dist_JK + handicaps(self.most, len(rows_K))

    def to_means(self, assignment_JK: FloatArray) -> Int64Array:
        """Return distances to weighted means, (J, K)."""
        return self._centres(assignment_JK).distances(self.ring_JD)

    def centres(self, labels_J: Labels, k: int) -> _Centres:
        """Return the weighted means of the clusters with these labels."""
        return self._centres(onehot(labels_J, self.valid_J, k))

    def loss(self, labels_J: Labels, k: int) -> int:
        """Return minus the between-cluster sum of squares; see `mpc.clustering.restarts`."""
        of = self.centres(labels_J, k)
        tables = between_tables(self.most)
        return -int(quotient(of.sqnorms_K, of.weights_K, tables, HIGHER_SHIFT).sum())

    def _centres(self, assignment_JK: FloatArray) -> _Centres:
        weights_JK = assignment_JK * self.weights_J[:, None]
        sums_KD = weights_JK.T @ self.ring_JD
        exact_KD = sums_KD.astype(np.int64)
        return _Centres(
            sums_KD=sums_KD,
            sqnorms_K=(exact_KD * exact_KD).sum(axis=1),
            weights_K=weights_JK.sum(axis=0).astype(np.int64),
            most=self.most,
        )


def _ring_points(
    points_ND: FloatArray, job: ClusterJob, first: Sequence[int]
) -> tuple[FloatArray, Valid]:
    """Return points as the parties hold them, from the first shard's mean, and their validity."""
    ring_ND = np.rint(points_ND / point_scale(job) * 2.0**POINT_BITS)
    if job.centre:
        check_values(points_ND, job)
        whole_ND = ring_ND.astype(np.int64)
        origin_D = whole_ND[np.asarray(first)].sum(axis=0) // len(first)
        ring_ND = (whole_ND - origin_D).astype(np.float64)
    sqnorms_N = np.einsum("nd,nd->n", ring_ND, ring_ND)
    return ring_ND, np.asarray(sqnorms_N <= squared_norm_limit(job, points_ND.shape[1]))


def _means(
    job: ClusterJob, labels_N: Labels, shards: Sequence[Shard], ring_ND: FloatArray, valid_N: Valid
) -> _Centres:
    """Return the means of points with one label, averaged over shards by weight."""
    k, of_shards_N = job.final_k or 1, labels_N.copy()
    for shard in shards:
        of_shards_N[np.asarray(shard.rows)] += k * (shard.number - 1)
    most = max(len(shard.rows) for shard in shards)
    weighted = _weighted(of_shards_N, ring_ND, valid_N, num_clusters=k * len(shards), most=most)
    return weighted.centres(np.tile(np.arange(k), len(shards)), k)


def _weighted(
    first_N: Labels, ring_ND: FloatArray, valid_N: Valid, *, num_clusters: int, most: int
) -> _Weighted:
    """Return the clusters of all shards as points with weights; `most` are in a shard."""
    sums_JD = np.zeros((num_clusters, ring_ND.shape[1]), dtype=np.int64)
    np.add.at(sums_JD, first_N[valid_N], ring_ND[valid_N].astype(np.int64))
    counts_J = np.bincount(first_N[valid_N], minlength=num_clusters)
    means_JD = (sums_JD * mean_reciprocals(most)[counts_J][:, None]) >> MEAN_SHIFT
    weights = weights_of_sizes(most, len(ring_ND), num_clusters)
    return _Weighted(means_JD.astype(np.float64), weights[counts_J], most_weight(len(ring_ND)))


def _second_level(weighted: _Weighted, job: ClusterJob) -> tuple[Labels, int]:
    """Return the second level's label of each cluster, (J,), and iterations done."""
    k, valid_J = job.k or 1, weighted.valid_J
    dist_JJ = squared_distances(weighted.ring_JD @ weighted.ring_JD.T).astype(np.int64)
    runs = [
        iterated(
            weighted,
            weighted.to_rows(plus_plus(dist_JJ, draws_K, valid_J)),
            None,
            job.iterations,
            valid_J,
        )
        for draws_K in public_draws(job.seed, weighted.num_points, job.restarts, k)
    ]
    best = least([weighted.loss(labels_J, k) for labels_J, _ in runs]) if len(runs) > 1 else 0
    return runs[best][0], max(done for _, done in runs)


def _own_sums(
    labels_N: Labels,
    valid_N: Valid,
    encoded_NM: Int64Array,
    shards: Sequence[Shard],
    min_cluster_size: int,
) -> Int64Array:
    """Return what each point's owner receives, (N, M + 1): its cluster's sum and size."""
    owners_N = np.zeros(len(labels_N), dtype=np.int64)
    for shard in shards:
        owners_N[np.asarray(shard.rows)] = shard.owners
    sums_NM = np.zeros((len(labels_N), encoded_NM.shape[1] + 1), dtype=np.int64)
    for label in np.unique(labels_N[valid_N]):
        members_N = (labels_N == label) & valid_N
        if len(np.unique(owners_N[members_N])) < min_cluster_size:
            sums_NM[members_N, -1] = TOO_SMALL
            continue
        sums_NM[members_N, :-1] = encoded_NM[members_N].sum(axis=0)
        sums_NM[members_N, -1] = members_N.sum()
    return sums_NM
