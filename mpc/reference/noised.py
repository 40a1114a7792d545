"""Noise in the plaintext twin: the same draws as those of parties with the same keys.

Shape letters: N points, K clusters, D dimensions of a point, M of a payload, P parties.
"""

from collections.abc import Sequence

import numpy as np

from mpc.jobs.job import ClusterJob
from mpc.jobs.noise import Noise, NoiseSource, drawn, noise_of_centres, noise_of_means
from mpc.jobs.result import TOO_SMALL
from mpc.reference.kmeans import Labels, Valid, handicaps, nearest, onehot, quotient
from mpc.ring.fixedpoint import COMPARED_FRACTION, DISTANCE_BITS, FloatArray, Int64Array
from mpc.ring.public_draws import public_directions
from mpc.ring.quotient_tables import HIGH_SHIFT, HIGHER_SHIFT, noised_tables


def noised_labels(
    ring_ND: FloatArray, job: ClusterJob, valid_N: Valid, sources: Sequence[NoiseSource]
) -> Labels:
    """Run Lloyd's iteration with noised centres, as `mpc.clustering.noised_lloyd` does."""
    inside_ND = np.where(valid_N[:, None], ring_ND, 0.0).astype(np.int64)
    num_points, dim = inside_ND.shape
    k = job.k or 1
    centres_KD = public_directions(job.seed, k, dim)
    noise = noise_of_centres(job, num_points, dim, len(sources))
    dist_NK = (centres_KD**2).sum(axis=1) - 2 * inside_ND @ centres_KD.T
    labels_N = nearest(dist_NK + handicaps(num_points, k), valid_N)
    for _ in range(1, job.iterations):
        assignment_NK = onehot(labels_N, valid_N, k).astype(np.int64)
        sizes_K, sums_KD = _noised(assignment_NK, inside_ND, noise, sources)
        labels_N = nearest(_distances(inside_ND, sizes_K, sums_KD, noise), valid_N)
    return labels_N


def noised_means(
    assignment_NK: Int64Array,
    encoded_NM: Int64Array,
    job: ClusterJob,
    sources: Sequence[NoiseSource],
    counted_NK: Int64Array | None = None,
) -> tuple[Int64Array, Int64Array]:
    """Return what each owner receives: its cluster's noised sum, (N, M), and size, (N,).

    Parameters
    ----------
    assignment_NK : ndarray of int64, (N, K)
        One-hot rows, or zero for rejected points.
    encoded_NM : ndarray of int64, (N, M)
    job : ClusterJob
    sources : sequence of NoiseSource
        Of each party.
    counted_NK : ndarray of int64, (N, K), optional
        The assignment whose points are counted; None: the first one.
    """
    num_points, width = encoded_NM.shape
    noise = noise_of_means(job, num_points, width, len(sources))
    sizes_K, sums_KM = _noised(assignment_NK, encoded_NM, noise, sources, counted_NK)
    small_K = sizes_K < max(job.min_cluster_size, 1)
    sums_KM[small_K], sizes_K[small_K] = 0, TOO_SMALL
    return assignment_NK @ sums_KM, assignment_NK @ sizes_K


def _noised(
    assignment_NK: Int64Array,
    rows_NX: Int64Array,
    noise: Noise,
    sources: Sequence[NoiseSource],
    counted_NK: Int64Array | None = None,
) -> tuple[Int64Array, Int64Array]:
    """Return noised sizes, (K,), and sums, (K, X)."""
    counted_NK = assignment_NK if counted_NK is None else counted_NK
    sizes_K, sums_KX = counted_NK.sum(axis=0), assignment_NK.T @ rows_NX
    for source in sources:
        of_sizes_K, of_sums_KX = drawn(source, noise, *sums_KX.shape)
        sizes_K, sums_KX = sizes_K + of_sizes_K, sums_KX + of_sums_KX
    return sizes_K, sums_KX


def _distances(
    inside_ND: Int64Array, sizes_K: Int64Array, sums_KD: Int64Array, noise: Noise
) -> Int64Array:
    """Return distances to noised means, rounded as the parties round them, (N, K)."""
    num_points = len(inside_ND)
    bits = noise.index_bits(num_points)
    tables = noised_tables(bits, noise.spread, noise.floor)
    index_K = (sizes_K + noise.spread) & ((1 << bits) - 1)
    squared_K = quotient((sums_KD**2).sum(axis=1), index_K, tables.squared, HIGHER_SHIFT)
    over_NK = quotient(inside_ND @ sums_KD.T, index_K, tables.once, HIGH_SHIFT)
    dropped = DISTANCE_BITS - COMPARED_FRACTION
    ties_K = handicaps(num_points, len(sizes_K)) << dropped
    return np.asarray((squared_K - 2 * over_NK + ties_K) >> dropped)
