"""Choice of the number of clusters: the largest k whose clusters are pairwise well separated.

Candidate k is legal if every two of its clusters i, j have means farther apart than

    |m_i - m_j|^2 > S^2 (a(c_i) + a(c_j) + b(D)),    S^2 = W_k / (N - k),

where W_k is the within-cluster sum of squares, c the counts, and

    a(1) = 8,   a(c) = 3 / c for c > 1,   b(D) = 1/2 + 16 / D.

The answer is the largest legal k of 1 .. min(k_max, N / 2); k = 1 has no pair and is always legal.

Without structure, the expected squared distance of two means is S^2 (1 / c_i + 1 / c_j). The
allowance 3 / c is three times that, because the clusters are not random but optimised. The halves
of one round Gaussian cluster are 8 / pi variances of one axis apart, for any number of points, and
the variance of an axis is S^2 / D. The term 16 / D covers this and tails; the term 1/2 covers a
spread with only some twenty axes in a large D. The spread of a single point cannot be estimated;
with 8 it is a cluster only if it is very far. The form is from the literature below, the numbers
are from simulation.

The rule assumes one spread S^2 for all clusters, equal in D axes. A cluster three times as wide as
others, heavy tails, or a spread of less than some ten axes in a much larger D make k too large.
Clusters are merged if their means are less than sqrt((1/2 + 16 / D) D) standard deviations of an
axis apart, and some more for few points: 4.1 for D = 2, 4.6 for 10, 26 for 1280.

Shape letters: N points, K clusters, D dimensions of a point.

References
----------
J. A. Hartigan, Clustering Algorithms, 1975, chapter 4: a threshold on what one more cluster gains,
(W_{k-1} / W_k - 1)(N - k); here on what every pair would lose as one cluster, and the largest k
instead of the smallest. R. O. Duda et al., Pattern Classification, 2001, section 10.10: a Gaussian
cluster that is halved loses 2 / (pi D) of its sum of squares. Z. Bai, H. Saranadasa, Effect of high
dimension: by an example of a two sample problem, Statistica Sinica 6, 1996: means are compared by
|m_i - m_j|^2 less its expectation S^2 (1 / c_i + 1 / c_j).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.jobs.job import K_CANDIDATES_MAX
from mpc.reference.kmeans import (
    FloatGram,
    Labels,
    Valid,
    farthest_first,
    lloyd,
    squared_distances,
)
from mpc.ring.fixedpoint import FloatArray

Counts = npt.NDArray[np.int64]

CHANCE_ALLOWANCE: Final = 3.0
"""Allowance 3 / c of a cluster of c points: its mean is uncertain by S^2 / c."""
SINGLE_ALLOWANCE: Final = 8.0
"""Allowance of a cluster of one point."""
SPREAD_ALLOWANCE: Final = 0.5
"""Allowance of a pair in any dimension."""
AXIS_ALLOWANCE: Final = 16.0
"""Allowance of a pair, divided by the dimension."""
RESOLUTION: Final = 2.0**-26
"""Squared distances below this fraction of the squared norm bound are rounding errors."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Candidate:
    """Statistics of a k-means result with k clusters, for the choice of k."""

    within: float
    """W_k: sum of squared distances of points to their cluster's mean."""
    counts_K: Counts
    """Points of each cluster; 0 for an empty one."""
    between_KK: FloatArray
    """Squared distances between cluster means; ignored for an empty cluster."""


def largest_candidate(num_points: int, k_max: int = K_CANDIDATES_MAX) -> int:
    """Return the largest k to try: at most `k_max` and N / 2, and at least 1."""
    return max(1, min(k_max, num_points // 2))


def size_allowances(num_points: int) -> FloatArray:
    """Return the public table a(c), c = 0 .. N, as (N + 1,); a(0) = 0 is not used."""
    counts = np.arange(num_points + 1)
    allowances = CHANCE_ALLOWANCE / np.maximum(counts, 1)
    allowances[counts == 0] = 0.0
    allowances[counts == 1] = SINGLE_ALLOWANCE
    return np.asarray(allowances, dtype=np.float64)


def pair_allowance(dim: int) -> float:
    """Return b(D), the allowance of a pair of any sizes."""
    return SPREAD_ALLOWANCE + AXIS_ALLOWANCE / dim


def is_legal(candidate: Candidate, num_points: int, dim: int, resolution: float = 0.0) -> bool:
    """Whether no cluster is empty and all pairs are well separated.

    Parameters
    ----------
    candidate : Candidate
    num_points : int
        N, more than the candidate's k; public.
    dim : int
        D; public. Less if the spread is known to have fewer axes than the points.
    resolution : float
        Squared distance that is rounding.
    """
    counts_K = candidate.counts_K
    if not counts_K.all():
        return False
    k = len(counts_K)
    variance = candidate.within / (num_points - k)
    allowance_K = size_allowances(num_points)[counts_K]
    allowance_KK = allowance_K[:, None] + allowance_K[None, :] + pair_allowance(dim)
    margin_KK = candidate.between_KK - variance * allowance_KK
    return bool((margin_KK[np.triu_indices(k, 1)] > resolution).all())


def chosen_k(
    candidates: Sequence[Candidate], num_points: int, dim: int, resolution: float = 0.0
) -> int:
    """Return the largest legal k.

    Under sharing everything is linear except the products of means and, for each k, k products S^2
    a(c_i) and k (k - 1) / 2 comparisons. The values a(c), [c = 0] and 1/c are look-ups of a count.

    Parameters
    ----------
    candidates : sequence of Candidate
        Candidates for k = 1, 2, ... without a gap.
    num_points : int
        N; public. It includes rejected points, whose number is secret.
    dim : int
        D; public.
    resolution : float
        Squared distance that is rounding.

    Returns
    -------
    int
        1 .. len(candidates).

    Cost
    ----
    In the clear: none.

    Leakage
    -------
    In the clear: all.
    """
    legal = [1]
    for k, candidate in enumerate(candidates[1:], start=2):
        if k < num_points and is_legal(candidate, num_points, dim, resolution):
            legal.append(k)
    return legal[-1]


def candidate_of(gram_NN: FloatArray, labels_N: Labels, k: int, valid_N: Valid) -> Candidate:
    """Return the statistics of one clustering, from a Gram matrix.

    Parameters
    ----------
    gram_NN : ndarray of float64, (N, N)
    labels_N : ndarray of int64, (N,)
        0 .. k - 1.
    k : int
    valid_N : ndarray of bool, (N,)
        Which points are valid.
    """
    assignment_NK = np.eye(k)[labels_N] * valid_N[:, None]
    counts_K = assignment_NK.sum(axis=0)
    safe_K = np.maximum(counts_K, 1)
    means_KK = assignment_NK.T @ gram_NN @ assignment_NK / np.outer(safe_K, safe_K)
    within = float(np.diag(gram_NN) @ valid_N - counts_K @ np.diag(means_KK))
    return Candidate(
        within=max(within, 0.0),  # rounding
        counts_K=counts_K.astype(np.int64),
        between_KK=squared_distances(means_KK),
    )


def candidates_of(
    gram_NN: FloatArray,
    iterations: int,
    k_max: int = K_CANDIDATES_MAX,
    valid_N: Valid | None = None,
) -> tuple[Candidate, ...]:
    """Cluster with every candidate k; candidate k starts at the first k of the same points.

    Parameters
    ----------
    gram_NN : ndarray of float64, (N, N)
        With zeros in the place of rejected points.
    iterations : int
        Most reassignments for each k.
    k_max : int
    valid_N : ndarray of bool, (N,), optional
        Which points are valid; None for all.
    """
    valid_N = np.ones(len(gram_NN), dtype=np.bool_) if valid_N is None else valid_N
    largest = largest_candidate(len(gram_NN), k_max)
    rows_K = farthest_first(squared_distances(gram_NN), largest, valid_N)
    found = [
        lloyd(FloatGram(gram_NN), rows_K[:k], iterations, valid_N)[0] for k in range(1, largest + 1)
    ]
    return tuple(
        candidate_of(gram_NN, labels_N, k, valid_N) for k, labels_N in enumerate(found, start=1)
    )


def choose_k(
    gram_NN: FloatArray,
    dim: int,
    iterations: int,
    k_max: int = K_CANDIDATES_MAX,
    valid_N: Valid | None = None,
    *,
    norm_bound: float | None = None,
) -> int:
    """Choose the number of clusters from a Gram matrix, in the clear.

    Parameters
    ----------
    gram_NN : ndarray of float64, (N, N)
        With zeros in the place of rejected points.
    dim : int
        D, the dimension of the points; 1 or more.
    iterations : int
        Most reassignments for each k.
    k_max : int
        Largest k to try; at most N / 2.
    valid_N : ndarray of bool, (N,), optional
        Which points are valid; None for all.
    norm_bound : float, optional
        Bound on the norm of a point; the largest norm by default.

    Returns
    -------
    int
        1 .. min(k_max, N / 2), and 1 for a single point.
    """
    candidates = candidates_of(gram_NN, iterations, k_max, valid_N)
    squared_bound = float(np.diag(gram_NN).max()) if norm_bound is None else norm_bound**2
    return chosen_k(candidates, len(gram_NN), dim, RESOLUTION * squared_bound)
