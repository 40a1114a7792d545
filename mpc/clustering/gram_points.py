"""Points that are known by their inner products alone, checked in fewer rounds.

A rejected point is not moved to the origin. Its row of inner products is made zero instead, which
is enough where every assignment has a row of zeros for it. The points themselves are opened under a
mask once, before they are checked, and not again after it.

Shape letters: N points, D dimensions, M of a payload, K clusters.
"""

from dataclasses import dataclass, field

from mpc.clustering.distances import look_up_counts
from mpc.clustering.inner_products import GramInnerProducts, measured
from mpc.clustering.lloyd import WarmStart
from mpc.clustering.norms import all_passed, within
from mpc.engine.context import SharedTensor
from mpc.engine.openings import (
    DeferredOpening,
    Masked,
    batch,
    masked,
    multiply,
    open_batch,
    open_now,
    resolved,
)
from mpc.errors import PartyError
from mpc.jobs.job import ClusterJob
from mpc.protocols.comparison import local


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class GramPoints:
    """Points with the result of their check, which has not been applied yet."""

    gram: Masked
    """All inner products, (N, N), `GRAM_BITS` fractional bits, also of rejected points."""
    valid_enc_N: SharedTensor = field(repr=False)
    """1 for valid points, 0 for rejected ones."""
    bounded: Masked | None
    """(N,): 1 for points whose norm is within the bound, whatever their payload."""
    payload: Masked
    """(N, M)"""
    kept: Masked | None
    """(N, K): the kept assignment, if any."""


def checked(
    points_enc_ND: SharedTensor,
    payload_enc_NM: SharedTensor,
    job: ClusterJob,
    kept_enc_NK: SharedTensor | None,
) -> GramPoints:
    """Check points and payloads, and open inner products under a mask.

    Parameters
    ----------
    points_enc_ND, payload_enc_NM, job
        As `mpc.clustering.inner_products.points_within_bounds` has them.
    kept_enc_NK : SharedTensor, (N, K), optional
        The kept assignment; it is opened under a mask, too.

    Notes
    -----
    No product of a rejected point is used: it is multiplied by 0, exactly mod 2^64, or by an
    assignment's row of zeros.

    Cost: 3 + R_lt(64) rounds, and as `points_within_bounds` where points are centred, standardised,
    or have a coarse norm; in the latter two cases one more for leaders. 8 N (D + M) bytes less from
    each party to each other than there, and 8 N^2 more. Leakage: none.
    """
    of = measured(points_enc_ND, payload_enc_NM, job)
    gram_enc_NN = multiply("id,jd->ij", of.given, of.given)
    passed = [*within([*of.of_points, of.of_payload]), *of.fitting]
    by_leaders = job.by_leaders and job.start != "warm"
    alone = by_leaders and len(of.of_points) == 1 and not of.fitting
    valid_enc_N, gram, kept, bounded = open_batch(
        all_passed(passed),
        masked(gram_enc_NN),
        _if_any(kept_enc_NK),
        _if_any(passed[0] if alone else None),
    )
    if by_leaders and not alone:
        bounded = open_now(masked(valid_enc_N))
    return GramPoints(
        gram=gram, valid_enc_N=valid_enc_N, bounded=bounded, payload=of.payload, kept=kept
    )


def _if_any(x_enc: SharedTensor | None) -> DeferredOpening[Masked | None]:
    return resolved(None) if x_enc is None else masked(x_enc).then(lambda opened: opened)


def warm_start(points: GramPoints) -> tuple[Masked, GramInnerProducts, WarmStart]:
    """Apply the check, and open inner products and the kept assignment for the first iteration.

    Returns
    -------
    Masked, (N,)
        Validity.
    GramInnerProducts
        With rows of zeros for rejected points.
    WarmStart

    Notes
    -----
    Cost: 2 rounds, 8 (N + N^2 + N K + K) bytes from each party to each other. Leakage: none.
    """
    valid = open_now(masked(points.valid_enc_N))
    gram, start = open_batch(masked(rows_of_valid(points, valid)), kept_of_valid(points, valid))
    return valid, GramInnerProducts(gram), start


def rows_of_valid(points: GramPoints, valid: Masked) -> SharedTensor:
    """Return shares of all inner products, with rows of zeros for rejected points; no round."""
    return multiply("i,id->id", valid, points.gram)


def kept_of_valid(points: GramPoints, valid: Masked) -> DeferredOpening[WarmStart]:
    """Open the kept assignment of valid points under a mask, and look up its counts."""
    return opened_start(multiply("i,id->id", valid, needed(points.kept)))


def opened_start(assignment_enc_NK: SharedTensor) -> DeferredOpening[WarmStart]:
    """Open an assignment under a mask, and look up its counts; one round."""
    counts_enc_K = local(assignment_enc_NK, lambda p: p.sum(0))
    return batch(
        masked(assignment_enc_NK), look_up_counts(counts_enc_K, assignment_enc_NK.size(0))
    ).then(lambda opened: WarmStart(assignment=opened[0], of_counts=opened[1]))


def needed(opened: Masked | None) -> Masked:
    """Return what the job's start needs.

    Raises
    ------
    PartyError
        It was not given.
    """
    if opened is None:
        raise PartyError("the job's start needs a value that was not opened")
    return opened
