"""Argmin of secret numbers as secret one-hot rows; ties go to the lowest index.

Numbers of n bits lie between -1 and 5, in units of 2^(n - 4), so any two of them, or of them and
the padding of a missing candidate, differ by less than half the range of n bits. If pairs are few,
all are compared at once: each candidate's losses are counted, and a look-up finds the one without
losses. Many candidates run a tournament.

Shape letters: B batch, L candidates, N points, C columns of all blocks, K clusters of a block.
"""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import numpy as np
import torch

from mpc.engine.context import Party, SharedTensor
from mpc.engine.openings import open_batch, open_now
from mpc.gates.lut_comparison import RingArray
from mpc.gates.pairs import pairs_of
from mpc.protocols.comparison import Candidates, compare_pairs, compare_together, local
from mpc.protocols.lookup import equals_zero
from mpc.ring.fixedpoint import COMPARED_BITS

BRACKET: Final = 16
"""Candidates whose pairs are all compared at once, however many rows there are."""
PAIRS_MAX: Final = 1 << 12
"""Most pairs of more candidates that are compared at once: their keys are 2.5 MB."""
_FAR: Final = 6
"""Value of a missing candidate, in units of 2^(n - 4)."""
_PENALTY: Final = 4
"""Added to all distances of a rejected point except the first of each block, in these units."""
MOST_WINS: Final = 255
"""Most wins: they are counted mod 256, except by `boolean`."""


def nearest(
    sqdist_enc_NC: SharedTensor,
    blocks: Sequence[int],
    valid_enc_N: SharedTensor,
    *,
    minimize_rounds: bool = False,
) -> SharedTensor:
    """Return shares of the assignment of points to their nearest centres, (N, C).

    Parameters
    ----------
    sqdist_enc_NC : SharedTensor, (N, C)
        Distances to the K_1 + K_2 + ... = C centres of one or more blocks, of `COMPARED_BITS` bits.
    blocks : sequence of int
        Columns of each block; every point has one nearest centre in each block.
    valid_enc_N : SharedTensor, (N,)
        1 for valid points, 0 for rejected ones; distances of the latter lie between -1/8 and 3 5/8.
    minimize_rounds : bool
        Save rounds rather than bytes.

    Returns
    -------
    SharedTensor, (N, C)
        Integers 0 or 1.

    Notes
    -----
    If all pairs are compared at once, the first column of a block is the validity bit minus the
    block's other columns, so it needs no look-up. A rejected point is assigned to the first column
    of each block, which is then zero, so it is in no cluster.

    Cost with blocks of at most 16: R_lt and one round; N K (K - 1) / 2 comparisons of
    `COMPARED_BITS` bits and N (K - 1) look-ups of as many bits as K - 1 has, a block. Larger blocks
    run a tournament. Leakage: none.
    """
    if max(blocks) > BRACKET:
        return _by_tournament(sqdist_enc_NC, blocks, valid_enc_N)
    if max(blocks) == 1:
        return _with_first_columns(sqdist_enc_NC.share[:, :0], blocks, valid_enc_N)
    distances = _penalised(sqdist_enc_NC, blocks, valid_enc_N)
    (wins,) = compare_together([distances], COMPARED_BITS, minimize_rounds=minimize_rounds)
    losses = _of_other_columns(valid_enc_N, wins, blocks)
    won_enc = open_now(equals_zero(losses, distances.sum_bits))
    return _with_first_columns(won_enc.share, blocks, valid_enc_N)


def nearest_and_least(
    sqdist_enc_NC: SharedTensor,
    blocks: Sequence[int],
    valid_enc_N: SharedTensor,
    x_enc_1L: SharedTensor,
    groups: Sequence[int],
) -> tuple[SharedTensor, SharedTensor]:
    """Return what `nearest` returns, and one-hot rows of the smallest of groups of others.

    Parameters
    ----------
    sqdist_enc_NC, blocks, valid_enc_N
        As `nearest` has them.
    x_enc_1L : SharedTensor, (1, L)
        Candidates, as `one_hot_min` has them, correct mod 2^`COMPARED_BITS`.
    groups : sequence of int
        L = L_1 + L_2 + ... candidates of each group, at most `MOST_WINS`; a single group with
        blocks of one column or of more than 16.

    Notes
    -----
    Cost: R_lt and one round, and L_g (L_g - 1) / 2 comparisons and L_g look-ups a group more than
    `nearest`. With blocks of one column or of more than 16, the rounds of `nearest` and of
    `one_hot_min`. Leakage: none.
    """
    if not 1 < max(blocks) <= BRACKET:
        assigned_enc_NC = nearest(sqdist_enc_NC, blocks, valid_enc_N)
        return assigned_enc_NC, one_hot_min(x_enc_1L, COMPARED_BITS)
    distances = _penalised(sqdist_enc_NC, blocks, valid_enc_N)
    bits = max((max(groups) - 1).bit_length(), 1)
    others = Candidates(x_enc_BL=x_enc_1L, blocks=tuple(groups), sum_bits=bits)
    wins, of_others = compare_together([distances, others], COMPARED_BITS)
    losses_1L = losses_of(valid_enc_N.party, of_others, tuple(groups))
    won_enc, least_enc_1L = open_batch(
        equals_zero(_of_other_columns(valid_enc_N, wins, blocks), distances.sum_bits),
        equals_zero(x_enc_1L.like(losses_1L), bits),
    )
    return _with_first_columns(won_enc.share, blocks, valid_enc_N), least_enc_1L


def _penalised(
    sqdist_enc_NC: SharedTensor, blocks: Sequence[int], valid_enc_N: SharedTensor
) -> Candidates:
    """Add a penalty to all distances of rejected points but those to the first of each block."""
    penalty_C = torch.full((sum(blocks),), _PENALTY << (COMPARED_BITS - 4))
    penalty_C[_first_columns(blocks)] = 0
    rejected_N = -valid_enc_N + 1
    penalised_NC = sqdist_enc_NC.share + rejected_N.share[:, None] * penalty_C
    return Candidates(
        x_enc_BL=sqdist_enc_NC.like(penalised_NC),
        blocks=tuple(blocks),
        sum_bits=(max(blocks) - 1).bit_length(),
    )


def _of_other_columns(
    valid_enc_N: SharedTensor, wins: RingArray, blocks: Sequence[int]
) -> SharedTensor:
    """Return shares of the losses of all columns but the first of each block."""
    others = sorted(set(range(sum(blocks))) - set(_first_columns(blocks)))
    return valid_enc_N.like(losses_of(valid_enc_N.party, wins, tuple(blocks))[:, others])


def one_hot_min(x_enc_BL: SharedTensor, num_bits: int) -> SharedTensor:
    """Return shares of the one-hot row of the smallest candidate.

    Parameters
    ----------
    x_enc_BL : SharedTensor, (B, L)
        Correct mod 2^num_bits.
    num_bits : int
        n, 5 to 64.

    Returns
    -------
    SharedTensor, (B, L)
        Integers 0 or 1, with one 1 in each row.

    Notes
    -----
    Cost, A_L: all pairs at once, while B L (L - 1) / 2 are few, take R_lt and one round. A
    tournament takes this for each level, and two products between levels, with brackets of 16.
    Leakage: none.
    """
    batch, candidates = x_enc_BL.size()
    if candidates == 1:
        return x_enc_BL.like(torch.zeros(batch, 1, dtype=torch.int64)) + 1
    few = batch * candidates * (candidates - 1) // 2 <= PAIRS_MAX and candidates <= MOST_WINS
    if candidates > BRACKET and not few:
        return _tournament(x_enc_BL, num_bits)
    bits = (candidates - 1).bit_length()
    wins = compare_pairs(x_enc_BL, (candidates,), num_bits, sum_bits=bits)
    losses = losses_of(x_enc_BL.party, wins, (candidates,))
    return open_now(equals_zero(x_enc_BL.like(losses), bits))


def losses_of(party: Party, high_wins: RingArray, blocks: tuple[int, ...]) -> torch.Tensor:
    """Return shares of each candidate's number of losses, (B, L), from [higher wins], (B, E)."""
    low, high = pairs_of(blocks)
    lost = np.zeros((len(high_wins), sum(blocks)), dtype=high_wins.dtype)
    for column in range(lost.shape[1]):
        lost[:, column] = high_wins[:, low == column].sum(1, dtype=lost.dtype)
        lost[:, column] -= high_wins[:, high == column].sum(1, dtype=lost.dtype)
    if party.rank == 0:  # the higher candidate loses the pairs that it does not win
        lost += np.bincount(high, minlength=lost.shape[1]).astype(lost.dtype)
    return torch.from_numpy(lost.astype(np.int64))


def _first_columns(blocks: Sequence[int]) -> list[int]:
    return [0, *accumulate(blocks[:-1])]


def _with_first_columns(
    others: torch.Tensor, blocks: Sequence[int], valid_enc_N: SharedTensor
) -> SharedTensor:
    """Insert the first column of each block: the validity bit minus the other columns."""
    columns, done = [], 0
    for size in blocks:
        rest = others[:, done : done + size - 1]
        columns += [valid_enc_N.share[:, None] - rest.sum(1, keepdim=True), rest]
        done += size - 1
    return valid_enc_N.like(torch.cat(columns, dim=1))


def _by_tournament(
    sqdist_enc_NC: SharedTensor, blocks: Sequence[int], valid_enc_N: SharedTensor
) -> SharedTensor:
    parts = torch.split(sqdist_enc_NC.share, list(blocks), dim=1)
    onehot = [
        one_hot_min(sqdist_enc_NC.like(part.contiguous()), COMPARED_BITS).share for part in parts
    ]
    return sqdist_enc_NC.like(torch.cat(onehot, dim=1)) * local(valid_enc_N, lambda b: b[:, None])


def _tournament(x_enc_BL: SharedTensor, num_bits: int) -> SharedTensor:
    batch, candidates = x_enc_BL.size()
    blocks = math.ceil(candidates / BRACKET)
    missing = blocks * BRACKET - candidates
    padded = torch.nn.functional.pad(x_enc_BL.share, (0, missing))
    far = torch.zeros(blocks * BRACKET, dtype=torch.int64)
    far[candidates:] = _FAR << (num_bits - 4)
    x_enc = x_enc_BL.like(padded) + far
    x_enc = local(x_enc, lambda x: x.reshape(batch * blocks, BRACKET))
    inside_enc = one_hot_min(x_enc, num_bits)
    best_enc = local((inside_enc * x_enc).sum(1), lambda x: x.reshape(batch, blocks))
    bracket_enc = local(one_hot_min(best_enc, num_bits), lambda x: x.reshape(batch * blocks, 1))
    winner_enc = inside_enc * bracket_enc
    return local(winner_enc, lambda x: x.reshape(batch, blocks * BRACKET)[:, :candidates].clone())
