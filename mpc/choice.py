"""Which of several clusterings of the same points is best, chosen under sharing.

Shape letters: N points, C columns: the clusters of all groups side by side, G groups.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import torch

from mpc import quotients
from mpc.argmin import one_hot_min
from mpc.compare import floored, local
from mpc.fixedpoint import GRAM_BITS, INERTIA_BITS, INERTIA_TIE_BITS
from mpc.lookup import look_up
from mpc.masked import Masked, masked, multiply, now, reshaped, together
from mpc.points import Inner
from mpc.quotients import Tables

_MOST_BITS: Final = 62


def explained_bits(num_points: int) -> int:
    """Return the fractional bits of a sum of N squared norms of at most 1 that fits the ring."""
    return _MOST_BITS - math.ceil(math.log2(num_points + 1))


def explained(inner: Inner, members: Masked, lengths_of: Any, groups: Sequence[int]) -> Any:
    """Return shares of sum_k V_k / c_k for every group, (G,), `explained_bits` fractional bits.

    The inertia of a group is the sum of squared norms of all points that count, less this.

    Parameters
    ----------
    inner : Inner
    members : Masked, (N, C)
    lengths_of : list of MPCTensor
        From `look_up_explained`, of the counts.
    groups : sequence of int

    Notes
    -----
    Cost: 2 rounds; 8 N C bytes (with a Gram matrix) or 8 D C (with rows), and 24 C, from each party
    to each other. Leakage: none.
    """
    _, lengths_enc_C = now(inner.with_sums_and_lengths(members))
    low_enc_C, rest_enc_C = lengths_of
    low, rest, lengths = together(
        masked("low", low_enc_C),
        masked("rest", rest_enc_C),
        quotients.split("lengths of sums", lengths_enc_C),
    )
    over_c_enc_C = quotients.quotients(lengths, low, rest)
    return local(
        over_c_enc_C, lambda q: torch.stack([part.sum() for part in torch.split(q, list(groups))])
    )


def look_up_explained(counts_enc_C: Any, num_points: int) -> Any:
    """Look up what `explained` needs of counts; one round."""
    tables = _tables(num_points)
    return look_up(counts_enc_C, [tables.low, tables.rest])


@lru_cache(maxsize=4)
def _tables(num_points: int) -> Tables:
    scale = 2.0 ** (explained_bits(num_points) - GRAM_BITS)
    return quotients.tables_of(quotients.of_counts(num_points, lambda c: scale / c))


def best_of(explained_enc_G: Any, members: Masked, k: int) -> Any:
    """Return shares of the members, (N, K), of the group of least inertia.

    Parameters
    ----------
    explained_enc_G : MPCTensor, (G,)
        From `explained`.
    members : Masked, (N, C)
        G groups of K columns.

    Notes
    -----
    A later group must be better by more than `INERTIA_TIE_BITS` bits of N squared bounds, as
    `mpc.plain` says, so that groups that are equal but for rounding are the same choice always.

    Cost: A_G + 1 rounds, 8 G bytes and G (G - 1) / 2 comparisons. Leakage: none.
    """
    num_groups = explained_enc_G.size(0)
    gains = floored(explained_enc_G, _MOST_BITS + 2 - INERTIA_BITS)
    handicaps = torch.arange(num_groups, dtype=torch.int64) << (INERTIA_BITS - 2 - INERTIA_TIE_BITS)
    losses = -gains + (handicaps + (1 << (INERTIA_BITS - 2)))
    best_enc_1G = one_hot_min(local(losses, lambda q: q[None]), INERTIA_BITS)
    best = now(masked("best", local(best_enc_1G, lambda e: e[0].clone())))
    return multiply("nrk,r->nk", reshaped(members, (-1, num_groups, k)), best)
