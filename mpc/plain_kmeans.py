"""K-means in the clear, on a Gram matrix: the twin of what is done under sharing.

With assignments S (N x K, one-hot) and counts c, the squared distance to the mean of cluster k, up
to a term without k, is V_k / c_k^2 - 2 U_ik / c_k, where U = G S and V_k = sum_i S_ik U_ik. No
centre is ever formed.

What is equally far but for rounding goes to the lowest index: a later cluster must be nearer by
more than a tie for each place that it stands behind; see `mpc.fixedpoint.TIE_BITS`.

Shape letters: N points, K clusters, D dimensions of a point.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mpc.draws import draw_bits
from mpc.fixedpoint import POINT_BITS, FloatArray, squared_norm_limit

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


def averaging_groups(labels_N: Labels, kept_N: Kept, min_cluster_size: int) -> Kept:
    """Return who is averaged with whom, (N, N): own cluster, or all when it is too small.

    Only kept points are averaged, and the row of a left-out point is empty.
    """
    same_NN = (labels_N[:, None] == labels_N[None, :]) & kept_N[None, :]
    small_N = same_NN.sum(axis=1) < min_cluster_size
    groups_NN = np.where(small_N[:, None], kept_N[None, :], same_NN)
    return np.asarray(groups_NN & kept_N[:, None])
