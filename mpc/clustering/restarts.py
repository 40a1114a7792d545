"""Which of several clusterings of the same points is best, chosen under sharing.

Shape letters: N points, C columns: the clusters of all groups side by side, G groups.
"""

from collections.abc import Sequence

import torch

from mpc.clustering.inner_products import InnerProducts
from mpc.engine.context import SharedTensor
from mpc.engine.openings import (
    DeferredOpening,
    Masked,
    masked,
    multiply,
    open_batch,
    open_now,
    reshaped,
)
from mpc.protocols import division
from mpc.protocols.argmin import one_hot_min
from mpc.protocols.comparison import local, truncate_local
from mpc.protocols.lookup import look_up
from mpc.ring.fixedpoint import INERTIA_BITS, INERTIA_DROPPED_BITS, INERTIA_TIE_BITS
from mpc.ring.quotient_tables import HIGHER_SHIFT, explained_tables


def explained(
    inner: InnerProducts[Masked],
    members: Masked,
    lengths_of: Sequence[SharedTensor],
    groups: Sequence[int],
) -> SharedTensor:
    """Return shares of sum_k V_k / c_k for every group, (G,).

    They have `mpc.ring.quotient_tables.explained_bits` fractional bits.

    The inertia of a group is the sum of squared norms of all points that count, less this.

    Parameters
    ----------
    inner : Inner
    members : Masked, (N, C)
    lengths_of : list of SharedTensor
        From `look_up_explained`, of the counts.
    groups : sequence of int

    Notes
    -----
    Cost: 2 rounds; 8 N C bytes (with a Gram matrix) or 8 D C (with rows), and 24 C, from each party
    to each other. Leakage: none.
    """
    _, sqnorms_enc_C = open_now(inner.with_sums_and_lengths(members))
    low_enc_C, rest_enc_C = lengths_of
    low, rest, lengths = open_batch(
        masked(low_enc_C),
        masked(rest_enc_C),
        division.split(sqnorms_enc_C, shift=HIGHER_SHIFT),
    )
    over_c_enc_C = division.quotients(lengths, low, rest)
    return local(
        over_c_enc_C, lambda q: torch.stack([part.sum() for part in torch.split(q, list(groups))])
    )


def look_up_explained(
    counts_enc_C: SharedTensor, num_points: int
) -> DeferredOpening[list[SharedTensor]]:
    """Look up what `explained` needs of counts; one round."""
    tables = explained_tables(num_points)
    return look_up(counts_enc_C, [tables.low, tables.rest])


def best_of(explained_enc_G: SharedTensor, members: Masked, k: int) -> SharedTensor:
    """Return shares of the members, (N, K), of the group of least inertia.

    Parameters
    ----------
    explained_enc_G : SharedTensor, (G,)
        From `explained`.
    members : Masked, (N, C)
        G groups of K columns.

    Notes
    -----
    A later group must be better by more than `INERTIA_TIE_BITS` bits of N squared bounds, as
    `mpc.reference.session` says, so that groups that are equal but for rounding are the same choice
    always.

    Cost: A_G + 1 rounds, 8 G bytes and G (G - 1) / 2 comparisons. Leakage: none.
    """
    num_groups = explained_enc_G.size(0)
    gains = truncate_local(explained_enc_G, INERTIA_DROPPED_BITS)
    handicaps = torch.arange(num_groups, dtype=torch.int64) << (INERTIA_BITS - 2 - INERTIA_TIE_BITS)
    losses = -gains + (handicaps + (1 << (INERTIA_BITS - 2)))
    best_enc_1G = one_hot_min(local(losses, lambda q: q[None]), INERTIA_BITS)
    best = open_now(masked(local(best_enc_1G, lambda e: e[0].clone())))
    return multiply("nrk,r->nk", reshaped(members, (-1, num_groups, k)), best)
