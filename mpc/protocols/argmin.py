"""The smallest of some secret numbers, as secret one-hot rows; ties go to the lowest index.

Numbers of n bits lie between -1 and 5, in units of 2^(n - 4), so that any two of them, and what
stands for a missing candidate, differ by less than half the range of n bits. All pairs are compared
at once while they are few: every candidate's losses are counted, and a look-up says who has none.
If candidates are many, they run a tournament.

Shape letters: B batch, L candidates, N points, C columns of all groups, K clusters of a group.
"""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import numpy as np
import torch

from mpc.engine.context import Party, SharedTensor
from mpc.engine.openings import Masked, open_now
from mpc.gates.lut_comparison import RingArray
from mpc.gates.pairs import pairs_of
from mpc.protocols.comparison import compare_pairs, local
from mpc.protocols.lookup import equals_zero
from mpc.ring.fixedpoint import COMPARED_BITS

GROUP: Final = 16
"""Candidates whose pairs are all compared at once, however many rows there are."""
PAIRS_MAX: Final = 1 << 12
"""Pairs up to which all pairs of more candidates are compared at once: their keys are 2.5 MB."""
_FAR: Final = 6
"""Where a missing candidate is, in units of 2^(n - 4)."""
_SET_BACK: Final = 4
"""By what who does not count is set back from all candidates but the first, in these units."""
MOST_WINS: Final = 255
"""Wins are counted mod 256 unless comparisons are by `boolean`."""


def nearest(
    sqdist_enc_NC: SharedTensor,
    groups: Sequence[int],
    kept_N: Masked,
    *,
    minimize_rounds: bool = False,
) -> SharedTensor:
    """Return shares of who is nearest to whom, times who counts, (N, C).

    Parameters
    ----------
    dist_enc_NC : SharedTensor, (N, C)
        Distances to the K_1 + K_2 + ... = C centres of one or more groups, of `COMPARED_BITS` bits.
    groups : sequence of int
        How many columns each group has; every point has one nearest centre in each group.
    kept_N : Masked, (N,)
        1 for points that count, 0 for others, whose numbers lie between -1/8 and 3 5/8.
    at_once : bool
        Save rounds, never bytes.

    Returns
    -------
    SharedTensor, (N, C)
        Integers 0 or 1.

    Notes
    -----
    Where all pairs are compared at once, a group's first column is what its other columns leave
    over, so that it takes no look-up. Of a point that does not count all other columns are set
    back, so that the first wins, of whom nothing is left over.

    Cost with groups of at most 16: R_lt and one round; N K (K - 1) / 2 comparisons of
    `COMPARED_BITS` bits and N (K - 1) look-ups of as many bits as K - 1 has, a group. Larger groups
    run a tournament. Leakage: none.
    """
    if max(groups) > GROUP:
        return _by_tournament(sqdist_enc_NC, groups, kept_N)
    if max(groups) == 1:
        return _with_first_columns(sqdist_enc_NC.share[:, :0], groups, kept_N)
    bits, first = (max(groups) - 1).bit_length(), _first_columns(groups)
    set_back_C = torch.full((sum(groups),), _SET_BACK << (COMPARED_BITS - 4))
    set_back_C[first] = 0
    left_out_N = local(kept_N.secret, lambda kept: -kept) + 1
    in_order_NC = sqdist_enc_NC.like(sqdist_enc_NC.share + left_out_N.share[:, None] * set_back_C)
    wins = compare_pairs(
        in_order_NC, tuple(groups), COMPARED_BITS, sum_bits=bits, minimize_rounds=minimize_rounds
    )
    others = sorted(set(range(sum(groups))) - set(first))
    losses = _losses(kept_N.party, wins, tuple(groups))[:, others]
    won_enc = open_now(equals_zero(sqdist_enc_NC.like(losses), bits))
    return _with_first_columns(won_enc.share, groups, kept_N)


def one_hot_min(x_enc_BL: SharedTensor, num_bits: int) -> SharedTensor:
    """Return shares of the one-hot row of the smallest candidate.

    Parameters
    ----------
    x_enc_BL : SharedTensor, (B, L)
        Right mod 2^num_bits.
    num_bits : int
        n, 5 to 64.

    Returns
    -------
    SharedTensor, (B, L)
        Integers 0 or 1, one 1 in each row.

    Notes
    -----
    Cost, A_L: all pairs at once, while B L (L - 1) / 2 are few, take R_lt and one round. A
    tournament takes this for each level, and two products between levels, with groups of 16.
    Leakage: none.
    """
    batch, candidates = x_enc_BL.size()
    if candidates == 1:
        return x_enc_BL.like(torch.zeros(batch, 1, dtype=torch.int64)) + 1
    few = batch * candidates * (candidates - 1) // 2 <= PAIRS_MAX and candidates <= MOST_WINS
    if candidates > GROUP and not few:
        return _tournament(x_enc_BL, num_bits)
    bits = (candidates - 1).bit_length()
    wins = compare_pairs(x_enc_BL, (candidates,), num_bits, sum_bits=bits)
    losses = _losses(x_enc_BL.party, wins, (candidates,))
    return open_now(equals_zero(x_enc_BL.like(losses), bits))


def _losses(party: Party, high_wins: RingArray, groups: tuple[int, ...]) -> torch.Tensor:
    """Return shares of how many duels each candidate lost, (B, L), from who won them, (B, E)."""
    low, high = pairs_of(groups)
    lost = np.zeros((len(high_wins), sum(groups)), dtype=high_wins.dtype)
    for column in range(lost.shape[1]):
        lost[:, column] = high_wins[:, low == column].sum(1, dtype=lost.dtype)
        lost[:, column] -= high_wins[:, high == column].sum(1, dtype=lost.dtype)
    if party.rank == 0:  # the higher of each pair lost, but for its wins
        lost += np.bincount(high, minlength=lost.shape[1]).astype(lost.dtype)
    return torch.from_numpy(lost.astype(np.int64))


def _first_columns(groups: Sequence[int]) -> list[int]:
    return [0, *accumulate(groups[:-1])]


def _with_first_columns(
    others: torch.Tensor, groups: Sequence[int], kept_N: Masked
) -> SharedTensor:
    """Put each group's first column, what the others leave of who counts, before them."""
    columns, done = [], 0
    for size in groups:
        rest = others[:, done : done + size - 1]
        columns += [kept_N.share[:, None] - rest.sum(1, keepdim=True), rest]
        done += size - 1
    return kept_N.party.holds(torch.cat(columns, dim=1))


def _by_tournament(
    sqdist_enc_NC: SharedTensor, groups: Sequence[int], kept_N: Masked
) -> SharedTensor:
    parts = torch.split(sqdist_enc_NC.share, list(groups), dim=1)
    onehot = [
        one_hot_min(sqdist_enc_NC.like(part.contiguous()), COMPARED_BITS).share for part in parts
    ]
    return sqdist_enc_NC.like(torch.cat(onehot, dim=1)) * local(kept_N.secret, lambda b: b[:, None])


def _tournament(x_enc_BL: SharedTensor, num_bits: int) -> SharedTensor:
    batch, candidates = x_enc_BL.size()
    groups = math.ceil(candidates / GROUP)
    missing = groups * GROUP - candidates
    padded = torch.nn.functional.pad(x_enc_BL.share, (0, missing))
    far = torch.zeros(groups * GROUP, dtype=torch.int64)
    far[candidates:] = _FAR << (num_bits - 4)
    x_enc = x_enc_BL.like(padded) + far
    x_enc = local(x_enc, lambda x: x.reshape(batch * groups, GROUP))
    inside_enc = one_hot_min(x_enc, num_bits)
    best_enc = local((inside_enc * x_enc).sum(1), lambda x: x.reshape(batch, groups))
    group_enc = local(one_hot_min(best_enc, num_bits), lambda x: x.reshape(batch * groups, 1))
    winner_enc = inside_enc * group_enc
    return local(winner_enc, lambda x: x.reshape(batch, groups * GROUP)[:, :candidates].clone())
