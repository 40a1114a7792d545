"""Secret-shared tests whether norms are within their limits, without wrap-around.

Numbers that may be too wide to be squared are tested twice: coarsely, with their last bits dropped,
and exactly. A vector that passes the coarse test is short enough for the exact one; see
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
    """Return shares of numbers with `shift` bits dropped, error below 1; None if shift is 0.

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
    """Return shares that are negative if a squared norm is within the limit, (N,); no message."""
    return sqnorms_enc_N - (limit + 1)


def excess_of_coarse(
    dropped_enc_ND: SharedTensor | None, length: float, shift: int
) -> list[SharedTensor]:
    """Return the coarse excess in a list, which is empty if no bits were dropped.

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
    """Return shares of [all T tests pass], (N,).

    Parameters
    ----------
    excesses : sequence of SharedTensor, (N,)
        Negative if the test passes.
    passed : sequence of SharedTensor, (N,)
        Results of finished tests: 1 if passed, else 0.

    Notes
    -----
    Cost: R_lt(64) + 1 rounds, N comparisons a test that is not done yet. Leakage: none.
    """
    return open_now(all_passed([*within(excesses), *passed]))


def within(excesses: Sequence[SharedTensor]) -> list[SharedTensor]:
    """Return shares of [the test passes] for every test, (N,) each; R_lt(64) rounds."""
    flat = torch.cat([each.share for each in excesses])
    negative = less_than_zero(excesses[0].like(flat), _NORM_BITS)
    return [negative.like(part) for part in negative.share.reshape(len(excesses), -1)]


def all_passed(passed: Sequence[SharedTensor]) -> DeferredOpening[SharedTensor]:
    """Look up whether all tests passed, (N,); one round."""
    total = torch.stack([each.share for each in passed]).sum(0)
    return equals_zero(passed[0].like(-total) + len(passed), len(passed).bit_length())
