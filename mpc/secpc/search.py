"""K-means at the server, which sees squared distances of rows to means of sets and nothing else.

The rules are those of `mpc.reference`, which policy `distances` uses: first centres, ties, starts,
and the number of clusters. The plaintext twin has the distances of all pairs; here a distance to a
mean is asked for when a rule needs it, and never twice. Searches from several starts ask together.

The paper's rule for the number of clusters is not published ("adaptive"); this one is ours.

Shape letters: N rows, K clusters.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from mpc.jobs.job import ClusterJob
from mpc.reference.kmeans import Labels, Valid, handicaps, nearest, onehot
from mpc.reference.runs import Run, least
from mpc.reference.separation import RESOLUTION, Candidate, chosen_k, largest_candidate
from mpc.ring.fixedpoint import GRAM_BITS, FloatArray
from mpc.ring.public_draws import public_rows
from mpc.ring.quotient_tables import between_bits
from mpc.secpc.first_centres import FirstCentres
from mpc.secpc.set_distances import Asking, SetDistances, together

ITERATION: Final = "iteration"
CHOICE: Final = "choice among clusterings"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Found:
    """What a search ends with."""

    labels_N: Labels = field(repr=False)
    k: int
    iterations: int


def clustered(distances: SetDistances, job: ClusterJob, valid_N: Valid, dim: int) -> Found:
    """Do a job's clustering.

    Parameters
    ----------
    distances : SetDistances
    job : ClusterJob
        With its start settled: it is fresh.
    valid_N : ndarray of bool, (N,)
        Which rows are shared and within the bound.
    dim : int
        D, which the choice of k depends on.
    """
    search = _Search(distances, job, valid_N)
    runs = search.runs()
    labels, iterations = [run[0] for run in runs], max(run[1] for run in runs)
    if job.k is None:
        k = chosen_k(search.candidates(labels), len(valid_N), dim, RESOLUTION * 2.0**GRAM_BITS)
        return Found(labels_N=labels[k - 1], k=k, iterations=iterations)
    best = 0 if len(runs) == 1 else least(search.losses(labels, [job.k] * len(runs)))
    return Found(labels_N=labels[best], k=job.k, iterations=iterations)


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """The searches of one job."""

    distances: SetDistances
    job: ClusterJob
    valid_N: Valid = field(repr=False)

    def runs(self) -> list[Run]:
        """Run Lloyd's iteration from every start, or from the best of each number of clusters."""
        job, n = self.job, len(self.valid_N)
        centres = FirstCentres(self.distances, job, self.valid_N)
        if job.k is not None:
            starts = centres.starts(job.k)
            return self._chosen_early([starts]) if job.at_once else self._all(centres, starts)
        sizes = range(1, largest_candidate(n, job.k_max) + 1)
        if job.by_random_rows:
            counts = [min(job.restarts, 8 * k - 7) for k in sizes]
            drawn = [
                public_rows(job.seed, n, count, k) for count, k in zip(counts, sizes, strict=True)
            ]
            return self._chosen_early([list(rows_BK) for rows_BK in drawn])
        (rows_K,) = centres.starts(sizes[-1])
        return self._all(centres, [rows_K[:k] for k in sizes])

    def _all(self, centres: FirstCentres, starts: Sequence[Labels]) -> list[Run]:
        """Run every start until nothing changes."""
        firsts = centres.to_rows(starts)
        searches = [self._iterated(first, None, self.job.iterations) for first in firsts]
        return together(self.distances, searches, ITERATION)

    def _iterated(
        self, dist_NK: FloatArray, before_NK: FloatArray | None, iterations: int
    ) -> Asking[Run]:
        """Mirror `mpc.reference.kmeans.iterated`; `dist_NK` is not used if `before_NK` is given."""
        done, changed = 0, True
        while changed and done < iterations:
            if before_NK is not None:
                dist_NK = yield before_NK.astype(np.bool_)
                dist_NK = dist_NK + handicaps(*dist_NK.shape)
            labels_N = nearest(dist_NK, self.valid_N)
            assignment_NK = onehot(labels_N, self.valid_N, dist_NK.shape[1])
            changed = before_NK is None or not np.array_equal(assignment_NK, before_NK)
            done, before_NK = done + 1, assignment_NK
        return labels_N, done

    def _chosen_early(self, groups: Sequence[Sequence[Labels]]) -> list[Run]:
        """Run one iteration from every start, and go on with the best of each group."""
        centres = FirstCentres(self.distances, self.job, self.valid_N)
        starts = [rows_K for group in groups for rows_K in group]
        labels = [nearest(first, self.valid_N) for first in centres.to_rows(starts)]
        sizes, best, at = [len(rows_K) for rows_K in starts], [], 0
        losses = self.losses(labels, sizes) if len(starts) > len(groups) else [0] * len(starts)
        for group in groups:
            chosen = at + (least(losses[at : at + len(group)]) if len(group) > 1 else 0)
            best.append(onehot(labels[chosen], self.valid_N, sizes[chosen]))
            at += len(group)
        if self.job.iterations == 1:
            return [(_labels(each_NK), 1) for each_NK in best]
        left = self.job.iterations - 1
        searches = [self._iterated(each_NK, each_NK, left) for each_NK in best]
        found = together(self.distances, searches, ITERATION)
        return [(labels_N, done + 1) for labels_N, done in found]

    def losses(self, labels: Sequence[Labels], sizes: Sequence[int]) -> list[int]:
        """Return the inertia of each labelling, as the twin compares it."""
        scale = 2.0 ** (between_bits(len(self.valid_N)) - GRAM_BITS)
        rows = np.flatnonzero(self.valid_N)
        found = zip(self._to_means(labels, sizes), labels, strict=True)
        within = [float(dist_NK[rows, labels_N[rows]].sum()) for dist_NK, labels_N in found]
        return [math.floor(each * scale) for each in within]

    def candidates(self, labels: Sequence[Labels]) -> list[Candidate]:
        """Return the statistics of clusterings with k = 1, 2, ..., from distances to means."""
        sizes = range(1, len(labels) + 1)
        found = zip(self._to_means(labels, sizes), labels, sizes, strict=True)
        return [
            _candidate(dist_NK, onehot(labels_N, self.valid_N, k)) for dist_NK, labels_N, k in found
        ]

    def _to_means(self, labels: Sequence[Labels], sizes: Sequence[int]) -> list[FloatArray]:
        """Return distances to the means of the clusters of each labelling, (N, K) each."""
        each = zip(labels, sizes, strict=True)
        sets = [onehot(labels_N, self.valid_N, k).astype(np.bool_) for labels_N, k in each]
        dist_NC = self.distances.to_sets(np.concatenate(sets, axis=1), CHOICE)
        return np.split(dist_NC, np.cumsum(sizes)[:-1], axis=1)


def _labels(assignment_NK: FloatArray) -> Labels:
    """Return the cluster of each row, 0 for one that is in none."""
    return np.asarray(np.argmax(assignment_NK, axis=1), dtype=np.int64)


def _candidate(dist_NK: FloatArray, assignment_NK: FloatArray) -> Candidate:
    """Return the statistics of one clustering, from distances of rows to its means.

    The mean squared distance of a cluster's rows to another mean is that to their own, and the
    squared distance of the two means.
    """
    counts_K = assignment_NK.sum(axis=0)
    finite_NK = np.where(counts_K > 0, dist_NK, 0.0)
    mean_KK = assignment_NK.T @ finite_NK / np.maximum(counts_K, 1)[:, None]
    apart_KK = mean_KK - np.diag(mean_KK)[:, None]
    return Candidate(
        within=float((assignment_NK * finite_NK).sum()),
        counts_K=counts_K.astype(np.int64),
        between_KK=(apart_KK + apart_KK.T) / 2,
    )
