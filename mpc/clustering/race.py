"""The second iteration of several starts, after which only the best goes on.

Shape letters: N points, K clusters, B starts, C = B K columns.
"""

from collections.abc import Sequence
from typing import Final

import torch

from mpc.clustering.distances import centre_distances, distance_tables
from mpc.clustering.inner_products import InnerProducts
from mpc.clustering.restarts import between_squares_of, losses_of
from mpc.engine.context import SharedTensor
from mpc.engine.openings import Masked, masked, multiply, open_batch, open_now, reshaped
from mpc.engine.steps import Steps
from mpc.protocols.argmin import nearest
from mpc.protocols.comparison import local
from mpc.protocols.lookup import look_up
from mpc.ring.fixedpoint import COMPARED_BITS
from mpc.ring.quotient_tables import between_tables

_MISSING: Final = 6 << (COMPARED_BITS - 4)
"""Stands for the loss of a start that is not there, above all others."""


def raced(
    valid_enc_N: SharedTensor,
    inner: InnerProducts[Masked],
    assignment_enc_NC: SharedTensor,
    blocks: Sequence[int],
    meter: Steps,
) -> tuple[SharedTensor, SharedTensor]:
    """Reassign points from every start, and keep the start with least inertia before it.

    Parameters
    ----------
    valid_enc_N : SharedTensor, (N,)
        1 for valid points, 0 for rejected ones.
    inner : InnerProducts
    assignment_enc_NC : SharedTensor, (N, C)
    blocks : sequence of int
        B times K, with B at most K.
    meter : Steps

    Returns
    -------
    SharedTensor, (N, K)
        The best start's new assignment.
    SharedTensor, (N, K)
        Its assignment before.

    Notes
    -----
    Inertias of starts are compared beside the distances of points, as the row of one more point:
    the choice takes one round, the last.

    Cost: one iteration and a round; C look-ups and a row of comparisons more. Leakage: none.
    """
    num_points, k = len(valid_enc_N.share), blocks[0]
    counts_enc_C = local(assignment_enc_NC, lambda p: p.sum(0))
    between = between_tables(num_points)
    tables = [*distance_tables(num_points), between.low, between.rest]
    assignment, of_counts = open_batch(masked(assignment_enc_NC), look_up(counts_enc_C, tables))
    products, sqnorms_enc_C = open_now(inner.with_sums_and_sqnorms(assignment))
    sqdist_enc_NC, between_enc_B = open_batch(
        centre_distances(products, sqnorms_enc_C, of_counts[:-2], blocks),
        between_squares_of(sqnorms_enc_C, of_counts[-2:], blocks),
    )
    meter.go_on()
    rows_enc = _with_losses(sqdist_enc_NC, losses_of(between_enc_B), k)
    both_enc = nearest(rows_enc, blocks, _with_one(valid_enc_N))
    after, best = open_batch(
        masked(local(both_enc, lambda p: p[:num_points].clone())),
        masked(local(both_enc, lambda p: p[num_points, : len(blocks)].clone())),
    )
    shape = (num_points, len(blocks), k)
    return (
        multiply("nrk,r->nk", reshaped(after, shape), best),
        multiply("nrk,r->nk", reshaped(assignment, shape), best),
    )


def _with_losses(sqdist_enc_NC: SharedTensor, losses_enc_B: SharedTensor, k: int) -> SharedTensor:
    """Append a row with the starts' losses in the first block, and zeros in the others.

    Losses have as many bits as distances: `INERTIA_BITS` is `COMPARED_BITS`.
    """
    starts, columns = losses_enc_B.size(0), sqdist_enc_NC.size(1)
    row = torch.zeros(1, columns, dtype=torch.int64)
    row[0, :starts] = losses_enc_B.share
    missing = torch.zeros(1, columns, dtype=torch.int64)
    missing[0, starts:k] = _MISSING
    row_enc_1C = sqdist_enc_NC.like(row) + missing
    return sqdist_enc_NC.like(torch.cat([sqdist_enc_NC.share, row_enc_1C.share]))


def _with_one(valid_enc_N: SharedTensor) -> SharedTensor:
    """Append a public 1."""
    one = valid_enc_N.like(torch.zeros(1, dtype=torch.int64)) + 1
    return valid_enc_N.like(torch.cat([valid_enc_N.share, one.share]))
