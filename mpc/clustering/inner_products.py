"""Secret points and their inner products; the data is opened under a mask once and reused.

A point whose norm or payload norm is over the public bound is rejected: it is moved to the origin
under sharing, and stays in no cluster. Which points are rejected stays secret. All norms are then
at most 1 up to rounding.

Inner products with weighted sums of points, U = Y (Y^T S), have three sources, of which a job uses
the cheapest: the Gram matrix opened under a mask; the rows opened under a mask; or, if assignments
S are public, each party's own share of the Gram matrix.

Shape letters: N points, D dimensions, C columns.
"""

from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import torch

from mpc.clustering.centring import cut, mean_of
from mpc.clustering.norms import all_within, coarse, excess, excess_of_coarse
from mpc.clustering.standardizing import standardized
from mpc.engine.context import Matmul, SharedTensor
from mpc.engine.openings import (
    DeferredOpening,
    Masked,
    masked,
    multiply,
    open_batch,
    open_now,
    resolved,
)
from mpc.jobs.encoding import (
    norm_limit,
    payload_width,
    point_width,
    points_shift,
    squared_norm_limit,
    squared_payload_limit,
)
from mpc.jobs.job import ClusterJob
from mpc.protocols.comparison import local
from mpc.protocols.division import Split, split


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Points:
    """Points within the bound, and their validity."""

    rows: Masked
    """(N, D), `POINT_BITS` fractional bits; rejected points are at the origin."""
    sqnorms_enc_N: SharedTensor = field(repr=False)
    """Squared norms, (N,), `GRAM_BITS` fractional bits."""
    valid: Masked
    """(N,): 1 for valid points, 0 for rejected ones."""
    payload: Masked
    """(N, M); those of rejected points are unchanged, but their rows of an assignment are zero."""
    origin_enc_D: SharedTensor | None = field(default=None, repr=False)
    """What was subtracted from the points, (D,); None if they are not centred."""

    @property
    def num_points(self) -> int:
        """N."""
        return self.rows.share.shape[0]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Measured:
    """Points and payloads as owners sent them, cut to their width, and tests of their bounds."""

    given: Masked
    """(N, D); points may be over the bound."""
    payload: Masked
    """(N, M)"""
    sqnorms_enc_N: SharedTensor = field(repr=False)
    of_points: list[SharedTensor] = field(repr=False)
    """Excesses that are negative if a point is within its bound, (N,) each."""
    of_payload: SharedTensor = field(repr=False)
    fitting: list[SharedTensor] = field(repr=False)
    """Finished tests of points: 1 if passed, else 0."""
    origin_enc_D: SharedTensor | None = field(repr=False)
    """What was subtracted from the points, (D,)."""


def measured(
    points_enc_ND: SharedTensor,
    payload_enc_NM: SharedTensor,
    job: ClusterJob,
    origin_enc_D: SharedTensor | None = None,
) -> Measured:
    """Open points and payloads under masks, and measure them; see `points_within_bounds`.

    Notes
    -----
    Cost: 2 rounds, one more where points are centred, one more where a coarse norm is needed, and
    those of `mpc.clustering.standardizing`. Leakage: none.
    """
    dim, num_payload = points_enc_ND.size(1), payload_enc_NM.size(1)
    values_enc_ND, payload_enc_NM = open_batch(
        cut(points_enc_ND, point_width(job)),
        cut(payload_enc_NM, payload_width(num_payload)),
    )
    shift, fitting = points_shift(job, dim), []
    if job.centre:
        origin_enc_D = mean_of(values_enc_ND) if origin_enc_D is None else origin_enc_D
        values_enc_ND = values_enc_ND - origin_enc_D
    if job.standardize:
        values_enc_ND, fits_enc_N = standardized(values_enc_ND, job)
        shift, fitting = 0, [fits_enc_N]
    given, payload, dropped = open_batch(
        masked(values_enc_ND),
        masked(payload_enc_NM),
        coarse(values_enc_ND, shift),
    )
    sqnorms_enc_N = multiply("id,id->i", given, given)
    of_payload = multiply("id,id->i", payload, payload)
    return Measured(
        given=given,
        payload=payload,
        sqnorms_enc_N=sqnorms_enc_N,
        of_points=[
            excess(sqnorms_enc_N, squared_norm_limit(job, dim)),
            *excess_of_coarse(dropped, norm_limit(job, dim), shift),
        ],
        of_payload=excess(of_payload, squared_payload_limit(job, num_payload)),
        fitting=fitting,
        origin_enc_D=origin_enc_D,
    )


def points_within_bounds(
    points_enc_ND: SharedTensor,
    payload_enc_NM: SharedTensor,
    job: ClusterJob,
    origin_enc_D: SharedTensor | None = None,
) -> Points:
    """Move points over a bound to the origin, and open all points and payloads under masks.

    Parameters
    ----------
    points_enc_ND : SharedTensor, (N, D)
        As owners share them: integers of `mpc.jobs.encoding.point_width` bits.
    payload_enc_NM : SharedTensor, (N, M)
        Integers of `mpc.jobs.encoding.payload_width` bits.
    job : ClusterJob
    origin_enc_D : SharedTensor, (D,), optional
        What centred points are measured from; None: their mean. Shards have one origin.

    Returns
    -------
    Points

    Notes
    -----
    b_i = [squared norms of point i and of its payload are within their limits] is computed and
    never opened. Products with 0 are exact mod 2^64, so nothing of a rejected point remains. No
    squared norm wraps around, whatever ring elements an owner shares. Inputs are first cut to their
    width. If squares of that width might wrap, a coarse norm, of numbers with their last bits
    dropped, must also be within its own limit.

    Cost: 5 + R_lt(64) rounds, one more where points are centred, one more where a coarse norm is
    needed, and those of `mpc.clustering.standardizing`; 2 or 3 N comparisons; 8 (3 N D + 2 N M + 5
    N) bytes from each party to each other, and what `mpc.costs.job_cost` counts besides.
    Leakage: none.
    """
    of = measured(points_enc_ND, payload_enc_NM, job, origin_enc_D)
    valid_enc_N = all_within([*of.of_points, of.of_payload], of.fitting)
    valid, sqnorms = open_batch(masked(valid_enc_N), masked(of.sqnorms_enc_N))
    rows = open_now(masked(multiply("i,id->id", valid, of.given)))
    return Points(
        rows=rows,
        sqnorms_enc_N=multiply("k,k->k", valid, sqnorms),
        valid=valid,
        payload=of.payload,
        origin_enc_D=of.origin_enc_D,
    )


WeightsT = TypeVar("WeightsT", contravariant=True)


class InnerProducts(Protocol[WeightsT]):
    """A source of inner products between all points and weighted sums of points."""

    def with_sums(self, weights: WeightsT) -> SharedTensor:
        """Return shares of U = Y (Y^T S), (N, C)."""

    def with_sums_and_sqnorms(
        self, weights: WeightsT
    ) -> DeferredOpening[tuple[SharedTensor | Split, SharedTensor]]:
        """Return U, split if it has been opened, and shares of diag(S^T U), (C,).

        The latter are the squared norms of the sums.
        """

    def between_sums(self, weights: WeightsT) -> DeferredOpening[SharedTensor]:
        """Return shares of S^T U, (C, C): inner products of the sums with one another."""

    def with_rows(self, rows: tuple[int, ...]) -> SharedTensor:
        """Return shares of the inner products of all points with the given rows, (N, K)."""


@dataclass(frozen=True, slots=True, eq=False)
class GramInnerProducts:
    """From the Gram matrix, opened under a mask: U takes no round, norms one, 8 N C bytes."""

    gram: Masked

    def with_sums(self, weights: Masked) -> SharedTensor:
        """Return shares of U."""
        return multiply("ij,jk->ik", self.gram, weights)

    def with_sums_and_sqnorms(
        self, weights: Masked
    ) -> DeferredOpening[tuple[SharedTensor | Split, SharedTensor]]:
        """Return U, split, and squared norms of the sums."""
        inner = split(self.with_sums(weights), signed=True)
        return inner.then(lambda u: (u, multiply("ik,ik->k", weights, u.value)))

    def between_sums(self, weights: Masked) -> DeferredOpening[SharedTensor]:
        """Return inner products of the sums."""
        inner = masked(self.with_sums(weights))
        return inner.then(lambda u: multiply("ik,il->kl", weights, u))

    def with_rows(self, rows: tuple[int, ...]) -> SharedTensor:
        """Return columns of the Gram matrix."""
        return self.gram.party.holds(self.gram.share[:, list(rows)].contiguous())


@dataclass(frozen=True, slots=True, eq=False)
class RowInnerProducts:
    """From the rows, opened under a mask: one round, 8 D C bytes; no N x N matrix is formed."""

    rows: Masked
    weighted: Masked | None = None
    """Each row times its weight, (N, D), of which sums are formed; None: all weigh 1."""

    def with_sums(self, weights: Masked) -> SharedTensor:
        """Return shares of U."""
        return multiply("ij,jk->ik", self.rows, open_now(self._sums(weights)))

    def with_sums_and_sqnorms(
        self, weights: Masked
    ) -> DeferredOpening[tuple[SharedTensor | Split, SharedTensor]]:
        """Return U and squared norms, from the sums Y^T S themselves."""

        def finish(sums: Masked) -> tuple[SharedTensor | Split, SharedTensor]:
            return multiply("ij,jk->ik", self.rows, sums), multiply("ik,ik->k", sums, sums)

        return self._sums(weights).then(finish)

    def between_sums(self, weights: Masked) -> DeferredOpening[SharedTensor]:
        """Return inner products of the sums."""
        return self._sums(weights).then(lambda sums: multiply("ik,il->kl", sums, sums))

    def _sums(self, weights: Masked) -> DeferredOpening[Masked]:
        summed = self.rows if self.weighted is None else self.weighted
        return masked(multiply("id,ik->dk", summed, weights))

    def with_rows(self, rows: tuple[int, ...]) -> SharedTensor:
        """Return inner products of all rows with the given ones."""
        chosen = self.rows.share[list(rows)].t().contiguous()
        sums = open_now(masked(self.rows.party.holds(chosen)))
        return multiply("ij,jk->ik", self.rows, sums)


@dataclass(frozen=True, slots=True, eq=False)
class ShareInnerProducts:
    """From a party's own share of the Gram matrix, with public weights: no message."""

    gram_enc_NN: SharedTensor = field(repr=False)

    @property
    def _matmul(self) -> Matmul:
        return self.gram_enc_NN.party.matmul

    def with_sums(self, weights: torch.Tensor) -> SharedTensor:
        """Return shares of U."""
        return local(self.gram_enc_NN, lambda gram: self._matmul(gram, weights))

    def with_sums_and_sqnorms(
        self, weights: torch.Tensor
    ) -> DeferredOpening[tuple[SharedTensor | Split, SharedTensor]]:
        """Return U and squared norms of the sums."""
        inner_enc_NC = self.with_sums(weights)
        return resolved((inner_enc_NC, local(inner_enc_NC, lambda u: (weights * u).sum(0))))

    def between_sums(self, weights: torch.Tensor) -> DeferredOpening[SharedTensor]:
        """Return inner products of the sums."""
        inner_enc_NC = self.with_sums(weights)
        return resolved(local(inner_enc_NC, lambda u: self._matmul(weights.t(), u)))

    def with_rows(self, rows: tuple[int, ...]) -> SharedTensor:
        """Return columns of the Gram matrix."""
        return local(self.gram_enc_NN, lambda gram: gram[:, list(rows)].contiguous())


def gram_matrix(points: Points) -> SharedTensor:
    """Return shares of all inner products, (N, N), `GRAM_BITS` fractional bits: exact, no round."""
    return multiply("id,jd->ij", points.rows, points.rows)
