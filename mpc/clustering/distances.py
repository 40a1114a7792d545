"""Secret-shared distances to cluster means; the plaintext twin is `mpc.reference.kmeans`.

The assignment P has one-hot rows for valid points, and zero rows for rejected ones. It is
secret-shared; if the policy opens labels, only the validity of points is secret. Let U be the inner
products of all points with the cluster sums, V the squared norms of the sums and c the counts. The
squared distance of point i to the mean of cluster k, up to a term without k, is V_k / c_k^2 - 2
U_ik / c_k. No mean is computed. An empty cluster has a distance beyond all others, so it stays
empty.

Shape letters: N points, C columns: K clusters, or the clusters of several blocks side by side.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch

from mpc.engine.context import SharedTensor
from mpc.engine.openings import DeferredOpening, Masked, batch, masked, multiply, resolved
from mpc.protocols import division
from mpc.protocols.comparison import local, truncate_local
from mpc.protocols.division import Split, split
from mpc.protocols.lookup import look_up
from mpc.ring import quotient_tables
from mpc.ring.fixedpoint import COMPARED_FRACTION, DISTANCE_BITS, Int64Array, tie_units
from mpc.ring.quotient_tables import HIGHER_SHIFT


def look_up_counts(
    counts_enc_C: SharedTensor, num_points: int
) -> DeferredOpening[list[SharedTensor]]:
    """Look up the functions of secret counts c in 0 .. N that distances need.

    Returns
    -------
    DeferredOpening of a list of 5 SharedTensors, (C,)
        Entries of the two tables of 1/c^2, of the two tables of 1/c, and the distance added for an
        empty cluster. See `mpc.protocols.division`.

    Notes
    -----
    Cost: one round, C look-ups. Leakage: none.
    """
    return look_up(counts_enc_C, list(distance_tables(num_points)))


@lru_cache(maxsize=4)
def distance_tables(num_points: int) -> tuple[Int64Array, ...]:
    """Return the public tables of `look_up_counts`, (2^d,) each."""
    squared = quotient_tables.squared_reciprocals(num_points, HIGHER_SHIFT)
    once = quotient_tables.reciprocals(num_points)
    far = quotient_tables.far_if_empty(num_points)
    return squared.low, squared.rest, once.low, once.rest, far


def centre_distances(
    inner: Split | SharedTensor,
    sqnorms_enc_C: SharedTensor,
    of_counts: Sequence[SharedTensor],
    blocks: Sequence[int],
    most: int | None = None,
) -> DeferredOpening[SharedTensor]:
    """Return shares of squared distances to means minus each point's squared norm, (N, C).

    Parameters
    ----------
    inner : Split or SharedTensor, (N, C)
        U, `GRAM_BITS` fractional bits, of points of norm at most 1 up to rounding.
    sqnorms_enc_C : SharedTensor, (C,)
        V, 0 .. N^2 in `GRAM_BITS`.
    of_counts : list of SharedTensor, (C,)
        From `look_up_counts`.
    blocks : sequence of int
        Columns of each block.
    most : int, optional
        The largest count; None: N.

    Returns
    -------
    SharedTensor, (N, C)
        `COMPARED_FRACTION` fractional bits, correct mod 2^COMPARED_BITS. Values are between -1 and
        3 up to rounding, 3.5 for an empty cluster, plus `tie_units` for each place in the block.

    Notes
    -----
    Rounding errors add up to less than 2^-32 + 2^-53 c^2 squared bounds, and with five parties, who
    truncate locally, to less than 2^-34 more.

    Cost: one round; 40 C bytes from each party to each other, and 8 N C where U has not been opened
    under a mask before. Leakage: none.
    """
    *tables_enc, far_enc_C = of_counts
    tables = batch(*map(masked, tables_enc))
    sqnorms = split(sqnorms_enc_C, shift=HIGHER_SHIFT)
    products = resolved(inner) if isinstance(inner, Split) else split(inner, signed=True)
    pending: DeferredOpening[tuple[tuple[Masked, ...], Split, Split]] = batch(
        tables, sqnorms, products
    )

    def finish(settled: tuple[tuple[Masked, ...], Split, Split]) -> SharedTensor:
        (of_square, rest_of_square, of_one, rest_of_one), squares, products = settled
        squared_enc_C = division.quotients(squares, of_square, rest_of_square)
        over_c_enc_NC = division.quotients(products, of_one, rest_of_one, "ik,k->ik")
        sqdist_enc_NC = squared_enc_C + far_enc_C - local(over_c_enc_NC, lambda x: 2 * x)
        return comparable(sqdist_enc_NC, DISTANCE_BITS, blocks, most)

    return pending.then(finish)


def comparable(
    sqdist_enc_NC: SharedTensor,
    fractional_bits: int,
    blocks: Sequence[int],
    most: int | None = None,
) -> SharedTensor:
    """Return distances in the format of `mpc.protocols.argmin.nearest`, (N, C); no message.

    Parameters
    ----------
    sqdist_enc_NC : SharedTensor, (N, C)
        Between -1 and 4.
    fractional_bits : int
        At least `COMPARED_FRACTION`.
    blocks : sequence of int
        Columns of each block; in a block, ties go to the first column.
    most : int, optional
        The largest count of a cluster; None: N.
    """
    places_C = torch.cat([torch.arange(size, dtype=torch.int64) for size in blocks])
    dropped = fractional_bits - COMPARED_FRACTION
    tie = tie_units(most or sqdist_enc_NC.size(0)) << dropped
    return truncate_local(sqdist_enc_NC + places_C * tie, dropped)


def moved(assignment: Masked, before: Masked) -> SharedTensor:
    """Return shares of the number of points that changed their cluster, over all blocks, (1,).

    Parameters
    ----------
    assignment, before : Masked, (N, C)
        Rows are one-hot in every block, or zero for rejected points.

    Notes
    -----
    Cost: no round. Leakage: none.
    """
    agreement_enc_1 = multiply("ik,ik->", assignment, before)
    present_enc_1 = local(assignment.secret, lambda p: p.sum().reshape(1))
    return present_enc_1 - agreement_enc_1
