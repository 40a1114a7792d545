"""First centres that are found all at once: points far from all points before them.

In a public order, every point has a distance to the nearest point before it. The K points for which
it is greatest are first centres. All distances of a point are compared at once, so the number of
rounds does not depend on K. The plaintext twin is `mpc.reference.leaders`.

Shape letters: N points, K clusters, B starts, C = B K columns, E pairs of N points.
"""

from typing import Final, TypeVar

import numpy as np
import torch

from mpc.engine.context import SharedTensor
from mpc.engine.openings import DeferredOpening, masked, multiply, open_batch, open_now
from mpc.gates.lut_comparison import RingArray
from mpc.gates.pairs import pairs_of
from mpc.protocols.argmin import losses_of
from mpc.protocols.comparison import compare_pairs, local
from mpc.protocols.lookup import equals_zero, look_up
from mpc.ring.fixedpoint import EXACT_BITS, GRAM_BITS, Int64Array

_BITS: Final = EXACT_BITS + 1
"""Bits of a compared difference, which is below 16 in magnitude."""
_BEYOND: Final = 5 << GRAM_BITS
"""A distance above all others, which are at most 4."""
_LAST: Final = 6 << GRAM_BITS
"""What places a rejected point behind all valid ones."""

T = TypeVar("T")


def leaders(
    gram_enc_NN: SharedTensor,
    valid_enc_N: SharedTensor,
    k: int,
    orders_BN: Int64Array,
    beside: DeferredOpening[T],
) -> tuple[SharedTensor, T]:
    """Return shares of the leaders of every order as one-hot columns, (N, C).

    Parameters
    ----------
    gram_enc_NN : SharedTensor, (N, N)
        Inner products, `GRAM_BITS` fractional bits, with rows of zeros for points whose norm is
        over the bound.
    valid_enc_N : SharedTensor, (N,)
        1 for valid points, 0 for rejected ones.
    k : int
    orders_BN : ndarray of int64, (B, N)
        Rows in their order, public.
    beside : DeferredOpening
        Sent in one of the rounds.

    Returns
    -------
    SharedTensor, (N, C)
        A column of zeros where valid points are fewer than K. No rejected point is a leader.
    T
        What was opened beside.

    Notes
    -----
    Cost: 2 R_lt + 3 rounds; N^2 (N - 1) / 2 + B N (N - 1) / 2 comparisons of 41 bits, and B N (N +
    1) / 2 look-ups. Leakage: none.
    """
    if len(valid_enc_N.share) == 1:
        return local(valid_enc_N, lambda v: v[:, None]), open_now(beside)
    before_BNN = _before(orders_BN)
    nearest_enc = _nearest_before(gram_enc_NN, valid_enc_N, before_BNN)
    squared_enc_NN = local(gram_enc_NN, lambda g: g.diag()[:, None] + g.diag() - 2 * g)
    nearest, squared, opened = open_batch(masked(nearest_enc), masked(squared_enc_NN), beside)
    # 0 if there is a valid point before, which then is the nearest, else 1.
    alone_enc_BN = local(nearest_enc, lambda e: -e.sum(2)) + 1
    apart_enc_BN = multiply("bij,ij->bi", nearest, squared)
    apart_enc_BN = apart_enc_BN + local(alone_enc_BN, lambda a: a * _BEYOND)
    return _farthest(apart_enc_BN, valid_enc_N, k), opened


def _before(orders_BN: Int64Array) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Return whether j is before i in an order, (B, N, N)."""
    places_BN = np.argsort(orders_BN, axis=1)
    return np.asarray(places_BN[:, None, :] < places_BN[:, :, None])


def _nearest_before(
    gram_enc_NN: SharedTensor,
    valid_enc_N: SharedTensor,
    before_BNN: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
) -> SharedTensor:
    """Return shares of one-hot rows of the nearest valid point before each point, (B, N, N).

    Of the distance of points i and j, only |x_j|^2 - 2 <x_i, x_j> differs between points j.
    """
    num_points = gram_enc_NN.size(0)

    def nearness(gram: torch.Tensor) -> torch.Tensor:
        return gram.diag() - 2 * gram.t()

    rejected_enc_N = -valid_enc_N + 1
    last_enc_N = local(rejected_enc_N, lambda r: r * _BEYOND)
    nearness_enc_NN = local(gram_enc_NN, nearness)
    nearness_enc_NN = nearness_enc_NN.like(nearness_enc_NN.share + last_enc_N.share)
    bits = (num_points - 1).bit_length()
    wins = compare_pairs(nearness_enc_NN, (num_points,), _BITS, sum_bits=max(bits, 1))
    beaten_NNN = _beaten(wins, num_points, valid_enc_N.party.rank)
    indices, at = [], np.nonzero(before_BNN)
    for before_NN in before_BNN:
        losses_NN = (beaten_NNN * before_NN[:, None, :]).sum(2, dtype=beaten_NNN.dtype)
        indices.append(torch.from_numpy(losses_NN.astype(np.int64)) + rejected_enc_N.share)
    of_pairs = torch.stack(indices)[at]
    found = open_now(equals_zero(valid_enc_N.like(of_pairs), max(bits, 1))).share
    nearest_BNN = torch.zeros(before_BNN.shape, dtype=torch.int64)
    nearest_BNN[at] = found
    return valid_enc_N.like(nearest_BNN)


def _beaten(wins_NE: RingArray, num_points: int, rank: int) -> RingArray:
    """Return shares of [l is nearer to i than j] for i, j, l, (N, N, N), from [higher < lower]."""
    low, high = pairs_of((num_points,))
    beaten_NNN = np.zeros((num_points,) * 3, dtype=wins_NE.dtype)
    beaten_NNN[:, low, high] = wins_NE
    beaten_NNN[:, high, low] = -wins_NE if rank else 1 - wins_NE
    return beaten_NNN


def _farthest(apart_enc_BN: SharedTensor, valid_enc_N: SharedTensor, k: int) -> SharedTensor:
    """Return shares of one-hot columns of the k valid points that are farthest apart, (N, C)."""
    starts, num_points = apart_enc_BN.size()
    rejected_enc_N = -valid_enc_N + 1
    last_enc_N = local(rejected_enc_N, lambda r: r * _LAST)
    place_enc_BN = apart_enc_BN.like(last_enc_N.share - apart_enc_BN.share)
    bits = max((num_points - 1 + k).bit_length(), 1)
    wins = compare_pairs(place_enc_BN, (num_points,), _BITS, sum_bits=bits)
    ranks_BN = losses_of(valid_enc_N.party, wins, (num_points,)) + k * rejected_enc_N.share
    tables = np.eye(1 << bits, dtype=np.int64)[:k]
    columns = open_now(look_up(apart_enc_BN.like(ranks_BN), list(tables)))
    onehot_BNK = torch.stack([column.share for column in columns], dim=2)
    return apart_enc_BN.like(onehot_BNK.permute(1, 0, 2).reshape(num_points, starts * k))
