"""First centres that are found all at once: points far from all points before them.

Shape letters: N points, K clusters.
"""

import numpy as np

from mpc.reference.kmeans import NO_ROW, Labels, Valid
from mpc.ring.fixedpoint import FloatArray


def leaders(dist_NN: FloatArray, k: int, order_N: Labels, valid_N: Valid | None = None) -> Labels:
    """Choose the k points that are farthest from all points before them in a public order.

    The first valid point in the order comes first. Ties go to the lowest index. Among rejected
    points none is chosen.

    Parameters
    ----------
    dist_NN : ndarray of float64, (N, N)
        Squared distances between all pairs.
    k : int
    order_N : ndarray of int64, (N,)
        Rows in their order.
    valid_N : ndarray of bool, (N,), optional
        Which points are valid; None for all.

    Returns
    -------
    ndarray of int64, (K,)
        Rows; `NO_ROW` where valid points are fewer than k.

    Notes
    -----
    If clusters are separated, so that any two points of a cluster are nearer to one another than
    any two points of different clusters, one leader lies in each of k clusters.

    References
    ----------
    Hartigan: Clustering Algorithms, 1975, chapter 3 (the leader algorithm: a point becomes a leader
    if it is farther than a threshold from all before it; here the threshold is the greatest that
    leaves k of them). Rodriguez, Laio: Clustering by fast search and find of density peaks, Science
    344, 2014 (centres are far from all points before them, in order of density).
    """
    n = len(dist_NN)
    valid_N = np.ones(n, dtype=np.bool_) if valid_N is None else valid_N
    place_N = np.empty(n, dtype=np.int64)
    place_N[order_N] = np.arange(n)
    before_NN = (place_N[None, :] < place_N[:, None]) & valid_N[None, :]
    apart_N = np.where(before_NN, dist_NN, np.inf).min(axis=1)
    apart_N[~valid_N] = -1.0
    rows_K = np.full(k, NO_ROW)
    chosen = np.argsort(-apart_N, kind="stable")[: min(k, int(valid_N.sum()))]
    rows_K[: len(chosen)] = chosen
    return rows_K
