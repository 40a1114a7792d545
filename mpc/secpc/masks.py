"""Masks of slice-wise distances: shared random polynomials whose slices sum to zero.

A decoded distance polynomial has one squared distance a slice; only their sum is the distance that
the server needs. Without masks it sees the slice-wise ones, and the rest of the polynomial, from
which the server and t clients together get t linear equations on the point. Added to a
uniform polynomial of the same degree whose slices sum to zero, nothing but the sum is left.

Each client shares random polynomials. Fixed combinations of those of J clients are J - t masks that
are uniform even if t of the clients tell theirs, as every J - t columns of the matrix of
combinations are invertible. A mask thus costs a client J / (J - t) elements for each other client,
and not J.

The published form has no masks, as far as is known; these are ours.

Shape letters: J clients that share, Q polynomials of each, V values that fix a polynomial, X masks.

References
----------
Damgard, Nielsen: Scalable and unconditionally secure multiparty computation, CRYPTO 2007, section 3
(randomness extraction by a Vandermonde matrix).
"""

from collections.abc import Sequence

import numpy as np

from mpc.secpc.coding import LagrangeCode
from mpc.secpc.field import Elements, Field
from mpc.secpc.uniform import UniformElements


def zero_sum_shares(code: LagrangeCode, count: int, uniform: UniformElements) -> Elements:
    """Return the share of each client of `count` random polynomials, (J, Q).

    Each has degree 2 (l + t - 1) and is uniform among those whose first l values sum to zero.
    """
    field = code.field
    values_VQ = uniform.draw((code.answers_for_distances, count))
    values_VQ[0] = field.neg(field.sum(values_VQ[1 : code.slices], axis=0))
    return field.matmul(code.mask_matrix, values_VQ)


def num_polynomials(code: LagrangeCode, num_masks: int, num_sharing: int) -> int:
    """Return Q, the polynomials that each of the sharing clients makes for so many masks."""
    return -(-num_masks // (num_sharing - code.colluders))


def extracted(code: LagrangeCode, sharing: Sequence[int], shares_JQ: Elements) -> Elements:
    """Combine a client's shares of all polynomials to its shares of masks.

    Parameters
    ----------
    code : LagrangeCode
    sharing : sequence of int
        The clients whose polynomials these are, in ascending order; more than t.
    shares_JQ : ndarray of uint64, (J, Q)

    Returns
    -------
    ndarray of uint64, (X,)
        Shares of (J - t) Q masks, the same on every client that has the same polynomials.
    """
    matrix = _combinations(code.field, sharing, len(sharing) - code.colluders)
    return code.field.matmul(matrix, shares_JQ).reshape(-1)


def _combinations(field: Field, sharing: Sequence[int], count: int) -> Elements:
    """Return a Vandermonde matrix, (count, J): any `count` of its columns are invertible."""
    points = field.elements(np.asarray(sharing, dtype=np.int64) + 1)
    rows = [np.ones_like(points)]
    while len(rows) < count:
        rows.append(field.mul(rows[-1], points))
    return np.stack(rows)
