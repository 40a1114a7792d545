"""Whether norms are within their limits, under sharing, so that no sum of squares wraps around.

Numbers that may be too wide to be squared are measured twice: coarsely, with their last bits
dropped, and exactly. What passes the coarse measure is short enough for the exact one; see
`mpc.jobs.encoding.coarse_shift`.

Shape letters: N points, D dimensions, T tests.
"""

from collections.abc import Sequence

import torch

from mpc.clustering.centring import high_part
from mpc.engine.context import SharedTensor
from mpc.engine.openings import DeferredOpening, masked, multiply, open_now, resolved
from mpc.jobs.encoding import coarse_limit
from mpc.protocols.comparison import less_than_zero
from mpc.protocols.division import split
from mpc.protocols.lookup import equals_zero

_NORM_BITS = 64


def coarse(values_enc_ND: SharedTensor, shift: int) -> DeferredOpening[SharedTensor | None]:
    """Return shares of numbers with so many bits dropped, off by less than 1; None if shift is 0.

    Notes
    -----
    Cost: one round, 8 N D bytes from each party to each other, 16 from the dealer to party 0; none
    if shift is 0. Leakage: none.
    """
    if shift == 0:
        return resolved(None)
    pending = split(values_enc_ND, signed=True, shift=shift)
    return pending.then(lambda of: high_part(of))


def excess(sqnorms_enc_N: SharedTensor, limit: int) -> SharedTensor:
    """Return what is negative where a squared length is within the limit, (N,); no message."""
    return sqnorms_enc_N - (limit + 1)


def excess_of_coarse(
    dropped_enc_ND: SharedTensor | None, length: float, shift: int
) -> list[SharedTensor]:
    """Return the same of numbers with bits dropped, in a list; an empty one if there are none.

    Notes
    -----
    Cost: one round, 8 N D bytes from each party to each other, unless there are none. Leakage:
    none.
    """
    if dropped_enc_ND is None:
        return []
    dropped = open_now(masked(dropped_enc_ND))
    limit = coarse_limit(length, dropped_enc_ND.size(1), shift)
    return [excess(multiply("id,id->i", dropped, dropped), limit)]


def all_within(
    excesses: Sequence[SharedTensor], passed: Sequence[SharedTensor] = ()
) -> SharedTensor:
    """Return shares of [all T tests are passed], (N,).

    Parameters
    ----------
    excesses : sequence of SharedTensor, (N,)
        Negative where the test is passed.
    passed : sequence of SharedTensor, (N,)
        1 where a test has been passed, else 0.

    Notes
    -----
    Cost: R_lt(64) + 1 rounds, N comparisons a test that is not done yet. Leakage: none.
    """
    flat = torch.cat([each.share for each in excesses])
    negative = less_than_zero(excesses[0].like(flat), _NORM_BITS).share.reshape(len(excesses), -1)
    done = sum((each.share for each in passed), start=negative.sum(0))
    tests = len(excesses) + len(passed)
    failed_enc_N = excesses[0].like(-done) + tests
    return open_now(equals_zero(failed_enc_N, tests.bit_length()))
