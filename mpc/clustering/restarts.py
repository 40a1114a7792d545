"""Choice of the best of several clusterings of the same points, under sharing.

Shape letters: N points, C columns: the clusters of all blocks side by side, B blocks,
one for each start.
"""

from collections.abc import Sequence

import torch

from mpc.clustering.inner_products import InnerProducts
from mpc.engine.context import SharedTensor
from mpc.engine.openings import (
    DeferredOpening,
    Masked,
    batch,
    masked,
    multiply,
    open_now,
    reshaped,
)
from mpc.protocols import division
from mpc.protocols.argmin import one_hot_min
from mpc.protocols.comparison import local, truncate_local
from mpc.protocols.lookup import look_up
from mpc.ring.fixedpoint import INERTIA_BITS, INERTIA_DROPPED_BITS, INERTIA_TIE_BITS
from mpc.ring.quotient_tables import HIGHER_SHIFT, between_tables


def between_squares(
    inner: InnerProducts[Masked],
    assignment: Masked,
    sqnorms_of: Sequence[SharedTensor],
    blocks: Sequence[int],
) -> SharedTensor:
    """Return shares of between-cluster sums of squares, sum_k V_k / c_k of every block, (B,).

    They have `mpc.ring.quotient_tables.between_bits` fractional bits.

    The inertia of a block is the sum of squared norms of all valid points minus this.

    Parameters
    ----------
    inner : InnerProducts
    assignment : Masked, (N, C)
    sqnorms_of : list of SharedTensor
        Table entries of the counts, from `look_up_for_between`.
    blocks : sequence of int

    Notes
    -----
    Cost: 2 rounds; 8 N C bytes (with a Gram matrix) or 8 D C (with rows), and 24 C, from each party
    to each other. Leakage: none.
    """
    _, sqnorms_enc_C = open_now(inner.with_sums_and_sqnorms(assignment))
    return open_now(between_squares_of(sqnorms_enc_C, sqnorms_of, blocks))


def between_squares_of(
    sqnorms_enc_C: SharedTensor, sqnorms_of: Sequence[SharedTensor], blocks: Sequence[int]
) -> DeferredOpening[SharedTensor]:
    """Divide squared norms of sums by counts, and add them up: `between_squares` in one round."""
    low_enc_C, rest_enc_C = sqnorms_of
    pending = batch(
        masked(low_enc_C),
        masked(rest_enc_C),
        division.split(sqnorms_enc_C, shift=HIGHER_SHIFT),
    )

    def finish(opened: tuple[Masked, Masked, division.Split]) -> SharedTensor:
        low, rest, sqnorms = opened
        over_c_enc_C = division.quotients(sqnorms, low, rest)
        return local(
            over_c_enc_C,
            lambda q: torch.stack([part.sum() for part in torch.split(q, list(blocks))]),
        )

    return pending.then(finish)


def look_up_for_between(
    counts_enc_C: SharedTensor, num_points: int
) -> DeferredOpening[list[SharedTensor]]:
    """Look up the functions of counts that `between_squares` needs; one round."""
    tables = between_tables(num_points)
    return look_up(counts_enc_C, [tables.low, tables.rest])


def losses_of(between_enc_B: SharedTensor, groups: Sequence[int]) -> SharedTensor:
    """Return what blocks are chosen by, (B,): the least is best in a group; no message.

    Groups are numbers of blocks that are compared with one another. What is returned has
    `INERTIA_BITS` bits and lies between 0 and half of their range.
    """
    gains = truncate_local(between_enc_B, INERTIA_DROPPED_BITS)
    places_B = torch.cat([torch.arange(size, dtype=torch.int64) for size in groups])
    handicaps = places_B << (INERTIA_BITS - 2 - INERTIA_TIE_BITS)
    return -gains + (handicaps + (1 << (INERTIA_BITS - 2)))


def best_of(between_enc_B: SharedTensor, assignment: Masked, k: int) -> SharedTensor:
    """Return shares of the assignment of the block with least inertia, (N, K).

    Parameters
    ----------
    between_enc_B : SharedTensor, (B,)
        From `between_squares`.
    assignment : Masked, (N, C)
        B blocks of K columns.

    Notes
    -----
    A later block must be better by more than 2^-`INERTIA_TIE_BITS` of N squared bounds, as in
    `mpc.reference.session`. The choice among blocks that are equal up to rounding is therefore
    always the same.

    Cost: A_B + 1 rounds, 8 B bytes and B (B - 1) / 2 comparisons. Leakage: none.
    """
    num_blocks = between_enc_B.size(0)
    losses_enc_1B = local(losses_of(between_enc_B, (num_blocks,)), lambda q: q[None])
    best_enc_1B = one_hot_min(losses_enc_1B, INERTIA_BITS)
    best = open_now(masked(local(best_enc_1B, lambda e: e[0].clone())))
    return multiply("nrk,r->nk", reshaped(assignment, (-1, num_blocks, k)), best)
