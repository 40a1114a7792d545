"""Features divided by their standard deviations, which stay secret.

The sum of squares Q of a centred feature is secret. It is compared with all powers of 4, which
gives shares of the highest power that is at most Q. Multiplied by a power of 4, Q lies between 2^58
and 2^60; its 14 highest bits are an index into a table of inverse square roots. A row over the
feature bounds is rejected, and is in no sum.

A constant feature, or one whose deviation is so small that it may be rounding, becomes 0.

Shape letters: N points, D dimensions, J powers of 4.
"""

import math

import torch

from mpc.clustering.centring import high_part
from mpc.clustering.norms import all_within, coarse, excess, excess_of_coarse
from mpc.engine.context import SharedTensor
from mpc.engine.openings import masked, multiply, open_batch, open_now
from mpc.jobs.encoding import bounds_of, features_limit, points_shift
from mpc.jobs.job import ClusterJob
from mpc.protocols.comparison import less_than_zero, local
from mpc.protocols.division import split
from mpc.protocols.lookup import look_up
from mpc.ring.deviation_tables import INDEX_SHIFT, SUM_BITS, TOP, factors, least_power, result_shift


def standardized(values_enc_ND: SharedTensor, job: ClusterJob) -> tuple[SharedTensor, SharedTensor]:
    """Return shares of standardised points, and of the validity of rows within feature bounds.

    Parameters
    ----------
    values_enc_ND : SharedTensor, (N, D)
        Centred, in units of 2^-18 of the scales of the job's `feature_bounds`.
    job : ClusterJob

    Returns
    -------
    SharedTensor, (N, D)
        In units of 2^-18 of the scale of the norm bound, with an error below 1; zeros for rows over
        a bound.
    SharedTensor, (N,)
        1 or 0.

    Notes
    -----
    Cost: 10 + R_lt(64) + R_lt(62) + R_lt(47) rounds, one more where a coarse norm is needed; N or 2
    N comparisons and (J + 1) D. Leakage: none.
    """
    n, dim = values_enc_ND.size()
    shift, length = points_shift(job, dim), features_limit(dim)
    given, dropped = open_batch(masked(values_enc_ND), coarse(values_enc_ND, shift))
    excesses = [
        excess(multiply("id,id->i", given, given), math.ceil(length**2)),
        *excess_of_coarse(dropped, length, shift),
    ]
    fits_enc_N = all_within(excesses)
    fits = open_now(masked(fits_enc_N))
    rows = open_now(masked(multiply("i,id->id", fits, given)))
    factors_enc_D = _factors_of(multiply("ik,ik->k", rows, rows), n)
    products_enc_ND = multiply("ik,k->ik", rows, open_now(masked(factors_enc_D)))
    bits = result_shift(bounds_of(job)[0], n)
    done = open_now(split(products_enc_ND, signed=True, shift=bits))
    return high_part(done), fits_enc_N


def _factors_of(squares_enc_D: SharedTensor, num_points: int) -> SharedTensor:
    """Return shares of sqrt(N / Q), scaled, for sums of squares Q, (D,).

    `result_shift` undoes the scaling.
    """
    powers = range(least_power(num_points), TOP + 1)
    highest_enc_JD = _highest_power(squares_enc_D, powers)
    weights_J = torch.tensor([1 << (TOP - power) for power in powers])
    half_enc_D = local(highest_enc_JD, lambda h: (h * weights_J[:, None]).sum(0))
    whole_enc_D = local(highest_enc_JD, lambda h: (h * weights_J[:, None] ** 2).sum(0))
    squares, half, whole = open_batch(
        masked(squares_enc_D),
        masked(half_enc_D),
        masked(whole_enc_D),
    )
    normal_enc_D = multiply("k,k->k", squares, whole)
    (entries_enc_D,) = open_now(look_up(_index(normal_enc_D), [factors(num_points)]))
    return multiply("k,k->k", half, open_now(masked(entries_enc_D)))


def _highest_power(squares_enc_D: SharedTensor, powers: range) -> SharedTensor:
    """Return shares of [4^j is the highest power at most Q], (J, D)."""
    levels_J1 = torch.tensor([1 << (2 * power) for power in powers])[:, None]
    repeated = squares_enc_D.share.expand(len(powers), -1).contiguous()
    below_enc_JD = less_than_zero(squares_enc_D.like(repeated) - levels_J1, SUM_BITS)
    below = below_enc_JD.share
    not_reached = torch.cat([below[1:], torch.zeros_like(below[:1])])
    highest = not_reached - below
    return squares_enc_D.like(highest) + _last_row(len(powers))


def _last_row(num_powers: int) -> torch.Tensor:
    """Return a public 1 in the last row, (J, 1): the power above all is never reached."""
    return torch.eye(num_powers, dtype=torch.int64)[:, -1:]


def _index(normal_enc_D: SharedTensor) -> SharedTensor:
    """Return shares of the highest bits, exactly rounded down."""
    high_enc_D = high_part(open_now(split(normal_enc_D, shift=INDEX_SHIFT)))
    rest_enc_D = normal_enc_D.like(normal_enc_D.share - (high_enc_D.share << INDEX_SHIFT))
    return high_enc_D - less_than_zero(rest_enc_D, INDEX_SHIFT + 1)
