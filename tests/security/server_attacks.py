"""What evaluator or server and the dealer make of shares that leave the parties as they are.

They pool what the dealer knows with what the parties' shares of labels, or of distances, add to it.

Shape letters: N points, K clusters, O clusters but the first, V values of a look-up, P parties, U
unknowns.
"""

import itertools

import numpy as np

from mpc.ring.fixedpoint import Int64Array
from tests.security.dealers_view import ROWS, SQNORMS, VALID, DealersView
from tests.security.ring_system import RingSystem


def rankings(
    view: DealersView, step: str, got_PN: Int64Array, num_clusters: int
) -> list[tuple[int, ...] | None]:
    """Let the evaluator and the dealer find how near each cluster is to each point.

    A label's share is made of entries of one-hot rows that the dealer knows, each at the place that
    the number of nearer clusters picks. There are few such places: they are tried.

    Returns
    -------
    list of tuple of int, or None
        For each point, how many clusters are nearer than each; None if no ranking fits, or several.
    """
    mask_NO, rows_PNOV = view.lookup(step)
    values = rows_PNOV.shape[-1]
    found: list[tuple[int, ...] | None] = []
    for point, mask_O in enumerate(mask_NO):
        fitting = []
        for ranks in itertools.permutations(range(num_clusters)):
            places_O = (np.array(ranks[1:]) + mask_O) % values
            entries_PO = rows_PNOV[:, point, np.arange(num_clusters - 1), places_O]
            labels_P = entries_PO @ np.arange(1, num_clusters)
            if np.array_equal(labels_P, got_PN[:, point]):
                fitting.append(ranks)
        found.append(fitting[0] if len(fitting) == 1 else None)
    return found


def places_on_a_line(view: DealersView, rank: int, got_PNN: Int64Array) -> Int64Array | None:
    """Let the server and the dealer find where points on a line are.

    With y_i = s g_i + t, gaps g known from the distances, the sign s guessed and t unknown, a
    single party's share of the distances is linear in 2 y_pj, 2 t y_pj, its shares of squared
    norms, 2 t and t^2, where y_pj is its share of point j.

    Parameters
    ----------
    rank : int
        Of the party whose share is looked at.

    Returns
    -------
    ndarray of int64, (N,), or None
        In units of the ring; None if neither sign has a solution.
    """
    gaps_N = gaps_of(got_PNN.sum(axis=0))
    points = len(gaps_N)
    for signed_N in (gaps_N, -gaps_N):
        shares_NNU, rest_NN = distance_forms(view, rank, signed_N)
        system = RingSystem(
            shares_NNU.reshape(points**2, -1), (got_PNN[rank] - rest_NN).reshape(-1, 1)
        )
        if system.has_solution:
            twice = system.value(np.eye(3 * points + 2, dtype=np.int64)[-2])
            return np.asarray(signed_N + twice.signed_R[0] // 2)
    return None


def gaps_of(dist_NN: Int64Array) -> Int64Array:
    """Return where points are on a line, from squared distances, up to a shift and a sign."""
    lengths_NN = np.rint(np.sqrt(dist_NN.astype(np.float64))).astype(np.int64)
    far = int(np.argmax(lengths_NN[0]))
    ahead_N = lengths_NN[0] + lengths_NN[far] == lengths_NN[0, far]
    return np.asarray(np.where(ahead_N, lengths_NN[0], -lengths_NN[0]))


def distance_forms(
    view: DealersView, rank: int, gaps_N: Int64Array
) -> tuple[Int64Array, Int64Array]:
    """Return factors, (N, N, 3 N + 2), and the rest of a party's share of all distances."""
    rows_PN, valid_PN = view.mask(ROWS)[..., 0], view.mask(VALID)
    rows_N, valid_N = rows_PN.sum(axis=0) + gaps_N, valid_PN.sum(axis=0) + 1  # less t; all count
    sqnorms_N = view.mask(SQNORMS).sum(axis=0) + gaps_N**2  # less 2 t g + t^2
    of_rows_NN = view.product("distances", ROWS, ROWS)[rank]
    of_lengths_NN = view.product("distances", VALID, SQNORMS)[rank]
    row_N, keep_N = rows_PN[rank], valid_PN[rank]
    n = len(gaps_N)
    both = np.zeros((n, n, 3 * n + 2), dtype=np.int64)
    gram = np.zeros_like(both)  # of twice the inner products
    for j in range(n):
        gram[:, j, j] = rows_N
        gram[:, j, n + j] = 1
        both[:, j, 2 * n + j] = valid_N
    gram[:, :, -2] = -row_N[:, None]
    both[:, :, -2] = -keep_N[:, None] * gaps_N
    both[:, :, -1] = -keep_N[:, None]
    gram_rest = 2 * (of_rows_NN - row_N[:, None] * rows_N)
    both_rest = of_lengths_NN - keep_N[:, None] * sqnorms_N
    return both + both.transpose(1, 0, 2) - gram, both_rest + both_rest.T - gram_rest
