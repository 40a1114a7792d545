"""Leaving out, under sharing, the points that are over the public norm bound.

Data owners encode their points so that the bound becomes norm 1. The parties compute, and never
open, b_i = [squared norm of point i is within the limit], and put in the place of every left-out
point a copy of the first kept one: G' = E G E^T with E_ij = b_i [i = j] + (1 - b_i) f_j, f the
one-hot row of the first kept point. Everything after works on N proper points. Copies count
nowhere (see `mpc.kmeans.members_of`), farthest-first takes none before every distinct kept point
is taken, and a copy's label is always that of the first kept point. So neither opened labels nor
the bit that ends the iteration show who was left out. Its own owner gets size 0. A first centre
named by `init_rows` is replaced like any other point.

What can be inferred all the same: under policy `distances` the server must know whom to leave out,
and sees it; nothing else of a left-out point. A group's size counts kept points only, so an owner
whose group is everybody learns how many, not who, were left out. Under `assignments`, with fewer
than K kept points, opened labels show that fewer than K points differ, and an owner who compares
its group's size with opened labels learns how many of its cluster were left out.

Parties follow the protocol, and data owners share what their library encodes, which refuses points
over the bound. The check catches every other point of norm below 2^13.5 (11585) times the bound.
Beyond, a squared norm is over 2^63 ring units and wraps, so that an owner who crafts ring elements
on purpose can pass; nothing here stops that one.

Shape letters: N points.
"""

from typing import Any

import torch

from mpc import lookup
from mpc._crypten import from_share
from mpc.compare import less_than_zero, local
from mpc.distance import squared_distances
from mpc.fixedpoint import squared_norm_limit


def kept_points(gram_enc_NN: Any, dim: int) -> Any:
    """Return shares of b, (N,): 1 for points within the bound, 0 for those to leave out.

    Parameters
    ----------
    gram_enc_NN : MPCTensor, (N, N)
        Exact inner products in ring units, `GRAM_BITS` fractional bits.
    dim : int
        D, which says how much rounding the limit must allow.

    Notes
    -----
    Cost: R_lt(64) rounds, N comparisons. Leakage: none.
    """
    limit = squared_norm_limit(dim)
    return less_than_zero(local(gram_enc_NN, lambda g: g.diagonal().clone()) - (limit + 1))


def first_kept(kept_enc_N: Any) -> Any:
    """Return shares of the one-hot row of the first kept point, (N,); zeros when there is none.

    Notes
    -----
    q_j says that none of the first j is kept, and f_j = q_(j-1) - q_j. It is a comparison of the
    running sum of b with 1, or a running product of 1 - b, each round reaching twice as far.

    Cost: one round while a look-up pays, up to N of a thousand; else ceil(log2 N) rounds, less than
    N products each. Leakage: none.
    """
    none_so_far = _none_so_far(kept_enc_N)
    first = from_share(-none_so_far.diff(prepend=none_so_far.new_zeros(1)))
    unit = torch.zeros(len(none_so_far), dtype=torch.int64)
    unit[0] = 1
    return first + unit


def _none_so_far(kept_enc_N: Any) -> torch.Tensor:
    num_points = kept_enc_N.size(0)
    bit_length = num_points.bit_length()
    if lookup.pays(num_points, bit_length):
        so_far_enc_N = local(kept_enc_N, lambda b: b.cumsum(0))
        none: torch.Tensor = lookup.equals_zero(so_far_enc_N, bit_length).share
        return none
    none = (1 - kept_enc_N).share
    reach = 1
    while reach < num_points:
        left, right = none[:-reach].contiguous(), none[reach:].contiguous()
        none = torch.cat([none[:reach], (from_share(left) * from_share(right)).share])
        reach *= 2
    return none


def replace_left_out(gram_enc_NN: Any, kept_enc_N: Any) -> Any:
    """Return shares of the Gram matrix with a copy of the first kept point for each left-out one.

    Notes
    -----
    Products with 0 are exact mod 2^64, so that nothing of a left-out point stays, wrapped or not.

    Cost: 4 rounds while look-ups pay, else ceil(log2 N) + 3. Leakage: none.
    """
    left_out_enc_N1 = local(1 - kept_enc_N, lambda x: x[:, None])
    first_enc_1N = local(first_kept(kept_enc_N), lambda f: f[None])
    stand_in_enc_NN = left_out_enc_N1.matmul(first_enc_1N) + local(kept_enc_N, torch.diag)
    half_enc_NN = stand_in_enc_NN.matmul(gram_enc_NN)
    return half_enc_NN.matmul(local(stand_in_enc_NN, lambda e: e.t().contiguous()))


def distances_of_kept(gram_enc_NN: Any, kept_enc_N: Any) -> Any:
    """Return shares of squared distances, (N, N), with zeros in left-out rows and columns.

    Notes
    -----
    For policy `distances`, whose server must know whom to leave out, and by the zeros does; it
    learns nothing else of a left-out point. See `mpc.plain.cluster_distances`.

    Cost: 2 rounds. Leakage: none here.
    """
    kept_enc_N1 = local(kept_enc_N, lambda b: b[:, None])
    both_enc_NN = kept_enc_N1.matmul(local(kept_enc_N, lambda b: b[None]))
    return both_enc_NN * squared_distances(gram_enc_NN)
