"""First centres at the server: rows, chosen by distances to rows that are asked for one by one.

A row stands for a set of one, so a distance to it is one to the mean of that set.

Shape letters: N rows, K clusters, B restarts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from mpc.jobs.job import ClusterJob
from mpc.reference.kmeans import NO_ROW, Labels, Valid, handicaps
from mpc.reference.leaders import leaders
from mpc.ring.fixedpoint import FloatArray
from mpc.ring.public_draws import draw_bits, public_draws, public_orders, public_rows
from mpc.secpc.messages import Sets
from mpc.secpc.set_distances import Asking, SetDistances, together

FIRST: Final = "first centres"


@dataclass(frozen=True, slots=True, eq=False)
class FirstCentres:
    """The first centres of one job."""

    distances: SetDistances
    job: ClusterJob
    valid_N: Valid = field(repr=False)

    def starts(self, k: int) -> list[Labels]:
        """Return the rows of first centres of each restart, (K,) each."""
        job, n = self.job, len(self.valid_N)
        if job.init_rows is not None:
            return [np.asarray(job.init_rows, dtype=np.int64)]
        if job.init == "random":
            return list(public_rows(job.seed, n, job.restarts, k))
        if job.init == "leaders":
            (dist_NN,) = self._distances([np.arange(n)])
            dist_NN = np.where(self.valid_N[:, None] & self.valid_N[None, :], dist_NN, 0.0)
            orders_BN = public_orders(job.seed, n, job.restarts)
            return [leaders(dist_NN, k, order_N, self.valid_N) for order_N in orders_BN]
        if job.init == "farthest-first":
            searches = [self._farthest_first(k)]
        else:
            draws_BK = public_draws(job.seed, n, job.restarts, k)
            searches = [self._plus_plus(draws_K) for draws_K in draws_BK]
        return together(self.distances, searches, FIRST)

    def to_rows(self, starts: Sequence[Labels]) -> list[FloatArray]:
        """Return distances to first centres as they are compared, (N, K) for each start."""
        n = len(self.valid_N)
        return [dist_NK + handicaps(n, dist_NK.shape[1]) for dist_NK in self._distances(starts)]

    def _distances(self, starts: Sequence[Labels]) -> list[FloatArray]:
        singles = [self._single(int(row)) for rows_K in starts for row in rows_K]
        dist_NC = self.distances.to_sets(np.concatenate(singles, axis=1), FIRST)
        return np.split(dist_NC, np.cumsum([len(rows_K) for rows_K in starts])[:-1], axis=1)

    def _single(self, row: int) -> Sets:
        """Return the set of a row, (N, 1); all valid rows stand for one that is not valid."""
        set_N1 = np.zeros((len(self.valid_N), 1), dtype=np.bool_)
        if row == NO_ROW:
            return set_N1
        if not self.valid_N[row]:
            return self.valid_N[:, None].copy()
        set_N1[row] = True
        return set_N1

    def _farthest_first(self, k: int) -> Asking[Labels]:
        """Mirror `mpc.reference.kmeans.farthest_first`, a row at a time."""
        rows = [int(np.argmax(self.valid_N))]
        nearest_N = np.full(len(self.valid_N), np.inf)
        while len(rows) < k:
            dist_N1 = yield self._single(rows[-1])
            dist_N = np.where(self.valid_N[rows[-1]], dist_N1[:, 0], 0.0)
            dist_N = np.where(self.valid_N, dist_N, -1.0)
            nearest_N = np.minimum(nearest_N, dist_N)
            rows.append(int(np.argmax(nearest_N)))
        return np.asarray(rows, dtype=np.int64)

    def _plus_plus(self, draws_K: Labels) -> Asking[Labels]:
        """Mirror `mpc.reference.kmeans.plus_plus`, a row at a time."""
        weight_N, rows = self.valid_N.astype(np.int64), list[int]()
        for draw in draws_K:
            reached_N = np.cumsum(weight_N) * (1 << draw_bits(len(weight_N)))
            rows.append(int(np.argmax(draw * weight_N.sum() <= reached_N)))
            if len(rows) == len(draws_K):
                break
            dist_N1 = yield self._single(rows[-1])
            both_N = self.valid_N & self.valid_N[rows[-1]]
            of_row_N = np.rint(np.where(both_N, dist_N1[:, 0], 0.0)).astype(np.int64)
            weight_N = of_row_N if len(rows) == 1 else np.minimum(weight_N, of_row_N)
        return np.asarray(rows, dtype=np.int64)
