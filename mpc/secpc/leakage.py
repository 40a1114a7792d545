"""What a job tells the server, as a function of the rows in the clear.

The server learns the squared distance of every row to the mean of every set that its k-means asks
for, hence labels, sizes and sets, and the sums of payloads of clusters. Nothing else depends on the
rows: tests hold what a job decodes to equal `scaled_distances`, and masked answers to be uniform
given it. Each client learns the sets, and its own cluster's sum and size.

Distances are no secret summary of rows. Those to means are linear in those of pairs, so after some
iterations pairs are determined (`determined_pairs`), and rows whose distances to more than D others
are known lie fixed up to one isometry for all.

Shape letters: N rows, D dimensions, C sets, U unknown pairs.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mpc.ring.fixedpoint import FloatArray, Int64Array
from mpc.secpc.messages import Sets

_RANK_TOLERANCE = 1e-9


def scaled_distances(integers_ND: Int64Array, sets_NC: Sets) -> Int64Array:
    """Return what the server decodes for a query, (N, C): |S|^2 times squared distances to means.

    Parameters
    ----------
    integers_ND : ndarray of int64, (N, D)
        Rows as `mpc.secpc.quantiser.Quantiser.encode` returns them.
    sets_NC : ndarray of bool, (N, C)
    """
    size_C = sets_NC.sum(axis=0)
    sums_CD = sets_NC.T.astype(np.int64) @ integers_ND
    apart_NCD = size_C[None, :, None] * integers_ND[:, None, :] - sums_CD[None, :, :]
    return np.asarray((apart_NCD.astype(object) ** 2).sum(axis=2), dtype=np.int64)


def determined_pairs(queries: Sequence[Sets]) -> npt.NDArray[np.bool_]:
    """Return whose squared distance the answers to queries determine by linear algebra, (N, N).

    Parameters
    ----------
    queries : sequence of ndarray of bool, (N, C)
        The sets of each query of a job, or of several jobs with the same rows.

    Notes
    -----
    The squared distance of row i to the mean of S is the mean of those to the rows of S, less half
    the mean of those among them. A pair is determined if no other value of it fits all equations.
    In few dimensions rows are fixed by fewer distances than this counts.
    """
    n = len(queries[0])
    first_U, second_U = np.triu_indices(n, 1)
    equations = [_equations(sets_NC, first_U, second_U) for sets_NC in queries]
    _, values, directions_XU = np.linalg.svd(np.concatenate(equations), full_matrices=True)
    rank = int((values > _RANK_TOLERANCE * values.max(initial=1.0)).sum())
    is_free_U = (np.abs(directions_XU[rank:]) > _RANK_TOLERANCE).any(axis=0)
    determined_NN = np.eye(n, dtype=np.bool_)
    determined_NN[first_U, second_U] = determined_NN[second_U, first_U] = ~is_free_U
    return determined_NN


def _equations(
    sets_NC: Sets, first_U: npt.NDArray[np.int64], second_U: npt.NDArray[np.int64]
) -> FloatArray:
    """Return the distances of all rows to the means of sets as combinations of pairs, (N C, U)."""
    n = len(sets_NC)
    rows = []
    for set_N in sets_NC.T:
        size = set_N.sum()
        among_U = (set_N[first_U] & set_N[second_U]) / size**2
        for row in range(n):
            to_set_U = (first_U == row) * set_N[second_U] + (second_U == row) * set_N[first_U]
            rows.append(to_set_U / size - among_U)
    return np.asarray(rows, dtype=np.float64)
