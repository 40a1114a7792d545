"""Clusterings of a job in the clear: every start, run until nothing changes, or chosen early.

Shape letters: N points, K clusters.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mpc.jobs.job import ClusterJob
from mpc.reference.kmeans import (
    Geometry,
    Labels,
    Valid,
    farthest_first,
    iterated,
    nearest,
    onehot,
    plus_plus,
)
from mpc.reference.leaders import leaders
from mpc.reference.separation import largest_candidate
from mpc.ring.fixedpoint import (
    INERTIA_BITS,
    INERTIA_DROPPED_BITS,
    INERTIA_TIE_BITS,
    FloatArray,
    Int64Array,
)
from mpc.ring.public_draws import first_rows, public_draws, public_orders, public_rows

Run = tuple[Labels, int]
"""Labels, and iterations done."""
Loss = Callable[[Labels, int], int]
"""Loss of labels of so many clusters, with `between_bits` fractional bits."""


@dataclass(frozen=True, slots=True, eq=False)
class _First:
    """Distances to the first centres, and the assignment that they are means of."""

    dist_NK: FloatArray | Int64Array = field(repr=False)
    assignment_NK: FloatArray | None = field(default=None, repr=False)


def runs_of(
    geometry: Geometry,
    dist_NN: FloatArray,
    job: ClusterJob,
    valid_N: Valid,
    kept_NK: FloatArray,
    loss: Loss,
) -> list[Run]:
    """Run Lloyd's iteration from every start.

    Parameters
    ----------
    geometry : Geometry
    dist_NN : ndarray of float64, (N, N)
    job : ClusterJob
        With its start settled.
    valid_N : ndarray of bool, (N,)
    kept_NK : ndarray of float64, (N, K)
        One-hot rows that are kept, zero where none is; not used by a fresh start.
    loss : callable
        What starts are chosen by after the first iteration, where they are chosen early.

    Returns
    -------
    list of (labels, iterations)
        One for each restart, or for each candidate k = 1, 2, ...; a single one where the best
        start is chosen early.
    """
    if job.k is None:
        return _of_candidates(geometry, dist_NN, job, valid_N, loss)
    starts = [] if job.start == "warm" else _fresh(geometry, dist_NN, job, valid_N)
    if job.start != "fresh":
        assignment_NK = kept_NK * valid_N[:, None]
        starts.insert(0, _First(geometry.to_means(assignment_NK), assignment_NK))
    if len(starts) > 1 and job.at_once:
        return [_chosen_early(geometry, starts, job.iterations, valid_N, loss)]
    if len(starts) == 1:
        first = starts[0]
        return [iterated(geometry, first.dist_NK, first.assignment_NK, job.iterations, valid_N)]
    return [iterated(geometry, first.dist_NK, None, job.iterations, valid_N) for first in starts]


def _of_candidates(
    geometry: Geometry, dist_NN: FloatArray, job: ClusterJob, valid_N: Valid, loss: Loss
) -> list[Run]:
    """Run every candidate k = 1, 2, ..., each from its own starts."""
    largest = largest_candidate(len(dist_NN), job.k_max)
    sizes = range(1, largest + 1)
    if not job.by_random_rows:
        rows_K = farthest_first(dist_NN, largest, valid_N)
        firsts = [geometry.to_rows(rows_K[:size]) for size in sizes]
        return [iterated(geometry, first, None, job.iterations, valid_N) for first in firsts]
    blocks = job.blocks(largest)
    rows_C = first_rows(job.seed, len(dist_NN), blocks)
    starts = [_First(geometry.to_rows(r)) for r in np.split(rows_C, np.cumsum(blocks)[:-1])]
    runs = []
    for number in Counter(blocks).values():
        group, starts = starts[:number], starts[number:]
        if number > 1:
            runs.append(_chosen_early(geometry, group, job.iterations, valid_N, loss))
        else:
            runs.append(iterated(geometry, group[0].dist_NK, None, job.iterations, valid_N))
    return runs


def _fresh(
    geometry: Geometry, dist_NN: FloatArray, job: ClusterJob, valid_N: Valid
) -> list[_First]:
    rows = _first_rows(dist_NN, job, job.k or 1, valid_N)
    return [_First(geometry.to_rows(rows_K)) for rows_K in rows]


def _first_rows(dist_NN: FloatArray, job: ClusterJob, k: int, valid_N: Valid) -> list[Labels]:
    """Return the first centres' rows of every restart."""
    n = len(dist_NN)
    if job.init_rows is not None:
        return [np.asarray(job.init_rows, dtype=np.int64)]
    if job.init == "farthest-first":
        return [farthest_first(dist_NN, k, valid_N)]
    if job.by_leaders:
        orders_BN = public_orders(job.seed, n, job.restarts)
        return [leaders(dist_NN, k, order_N, valid_N) for order_N in orders_BN]
    if job.by_random_rows:
        return list(public_rows(job.seed, n, job.restarts, k))
    draws_BK = public_draws(job.seed, n, job.restarts, k)
    whole_NN = dist_NN.astype(np.int64)
    return [plus_plus(whole_NN, draws_K, valid_N) for draws_K in draws_BK]


def _chosen_early(
    geometry: Geometry, starts: list[_First], iterations: int, valid_N: Valid, loss: Loss
) -> Run:
    """Run one iteration from every start, and go on with the best."""
    labels, k = [nearest(first.dist_NK, valid_N) for first in starts], starts[0].dist_NK.shape[1]
    best_N = labels[least([loss(labels_N, k) for labels_N in labels])]
    if iterations == 1:
        return best_N, 1
    assignment_NK = onehot(best_N, valid_N, k)
    dist_NK = geometry.to_means(assignment_NK)
    labels_N, done = iterated(geometry, dist_NK, assignment_NK, iterations - 1, valid_N)
    return labels_N, done + 1


def least(losses: list[int]) -> int:
    """Return the index of the best restart; later ones have a tie penalty for each place.

    Losses have `between_bits` fractional bits.
    """
    place = 1 << (INERTIA_BITS - 2 - INERTIA_TIE_BITS)
    compared = [-(-loss >> INERTIA_DROPPED_BITS) + at * place for at, loss in enumerate(losses)]
    return compared.index(min(compared))
