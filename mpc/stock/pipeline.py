"""The clustering of a job by CrypTen's own operations.

Shape letters: N points, K clusters, D dimensions of a point, M of a payload.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from mpc.clustering.cluster_sums import num_owners_and_most
from mpc.clustering.lloyd import labels_of
from mpc.clustering.pipeline import Clustering
from mpc.engine._crypten import fixed_point, plugged
from mpc.engine.context import Party, SharedTensor
from mpc.engine.openings import open_now
from mpc.engine.reveal import EVALUATION, LABELS, OWN_MEAN, Revealer
from mpc.engine.steps import Steps
from mpc.jobs.encoding import bounds_of
from mpc.jobs.job import ClusterJob
from mpc.jobs.result import TOO_SMALL
from mpc.ring.fixedpoint import binary_scale
from mpc.ring.public_draws import first_rows
from mpc.ring.randomness import AesCtrStream, new_key
from mpc.stock.kmeans import (
    centred,
    farthest_first,
    means,
    nearest,
    owners_in,
    rows_as_centres,
    within,
)
from mpc.stock.tensor import FRACTION_BITS, StockTensor, fixed


def cluster_by_crypten(
    job: ClusterJob,
    points_enc_ND: SharedTensor,
    payload_enc_NM: SharedTensor,
    *,
    revealer: Revealer,
    meter: Steps,
    owner_of_N: Sequence[int] | None = None,
) -> Clustering:
    """Cluster the valid points, and open to each owner its own cluster's mean and size.

    Parameters
    ----------
    job : ClusterJob
        With `protocol="crypten"`; see `mpc.jobs.protocol` for what such a job may ask.
    points_enc_ND : SharedTensor, (N, D)
        16 fractional bits below `mpc.jobs.encoding.point_scale`.
    payload_enc_NM : SharedTensor, (N, M)
        16 fractional bits below the power of two at or above `payload_bound`.
    revealer : Revealer
    meter : Steps
    owner_of_N : sequence of int, optional
        The owner of each point, 0 .. W - 1; None: each point has its own.

    Returns
    -------
    Clustering

    Notes
    -----
    A point over a bound is rejected, if its owner follows the protocol: see
    `mpc.stock.kmeans.within`. All iterations are done, so no bit says when to stop.

    Cost: counted in a dry run, as for our own protocols. Leakage: what the ledger says. CrypTen
    truncates by its probabilistic protocol, whose errors depend on shares and values: of the about
    2^-16 in a mean that is opened, some is a little information on more than the mean.
    """
    party = points_enc_ND.party
    with _crypten_under(party):
        with meter.step("norms"):
            rows = _checked(job, fixed(points_enc_ND.share), fixed(payload_enc_NM.share))
        with meter.step("start"):
            centres_KD = _first_centres(job, rows)
        assignment_NK = _iterated(job, rows, centres_KD, meter)
        assignment_enc_NK = party.holds(assignment_NK.share)
        labels = _opened_labels(job, assignment_enc_NK, revealer, meter)
        with meter.step("means"):
            result_enc = party.holds(_handed_back(job, rows.payload_NM, assignment_NK, owner_of_N))
    revealer.reveal(result_enc, OWN_MEAN, why="own mean, one row each")
    return Clustering(
        k=job.k or 1,
        iterations=job.iterations,
        labels=labels,
        assignment_enc_NK=assignment_enc_NK,
    )


@contextmanager
def _crypten_under(party: Party) -> Iterator[None]:
    """Put a party's links and randomness under CrypTen, and let it compute in fixed point."""
    with (
        plugged(
            party.communicator,
            party.provider,
            local=AesCtrStream(new_key()),
            previous=party.previous,
            following=party.following,
        ),
        fixed_point(FRACTION_BITS),
    ):
        yield


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Rows:
    """What is clustered and averaged; all is zero where a row is over a bound."""

    points_ND: StockTensor = field(repr=False)
    sqnorms_N: StockTensor = field(repr=False)
    payload_NM: StockTensor = field(repr=False)
    valid_N: StockTensor = field(repr=False)


def _checked(job: ClusterJob, points_ND: StockTensor, payload_NM: StockTensor) -> _Rows:
    """Centre the points if the job says so, and reject rows that are over a bound."""
    norm, _, payload = bounds_of(job)
    if job.centre:
        points_ND = centred(points_ND, len(points_ND.share))
    sqnorms_N, points_within_N = within(points_ND, _limit(norm, points_ND))
    _, payload_within_N = within(payload_NM, _limit(payload, payload_NM))
    valid_N = points_within_N * payload_within_N
    return _Rows(
        points_ND=points_ND * valid_N.unsqueeze(1),
        sqnorms_N=sqnorms_N * valid_N,
        payload_NM=payload_NM * valid_N.unsqueeze(1),
        valid_N=valid_N,
    )


def _limit(bound: float, rows_NX: StockTensor) -> float:
    """Return the largest squared norm of a valid row, in units of its scale.

    It has room for truncation of every square, and for rounding and centring of every number, so a
    row at the bound is valid.
    """
    numbers = rows_NX.share.shape[1]
    unit = 2.0**-FRACTION_BITS
    return (bound / binary_scale(bound) + 2.5 * math.sqrt(numbers) * unit) ** 2 + numbers * unit


def _first_centres(job: ClusterJob, rows: _Rows) -> StockTensor:
    """Return the first centres, (K, D)."""
    k = job.k or 1
    if job.init_rows is not None:
        return rows_as_centres(rows.points_ND, job.init_rows)
    if job.by_random_rows:
        drawn = first_rows(job.seed, len(rows.points_ND.share), (k,)).tolist()
        return rows_as_centres(rows.points_ND, drawn)
    return farthest_first(rows.points_ND, rows.sqnorms_N, rows.valid_N, k)


def _iterated(job: ClusterJob, rows: _Rows, centres_KD: StockTensor, meter: Steps) -> StockTensor:
    """Return the assignment after all iterations, (N, K): zero for rejected points."""
    num_points = len(rows.points_ND.share)
    valid_N1 = rows.valid_N.unsqueeze(1)
    with meter.step("iteration 1"):
        meter.go_on()
        assignment_NK = nearest(rows.points_ND, centres_KD, None) * valid_N1
    for iteration in range(2, job.iterations + 1):
        with meter.step(f"iteration {iteration}"):
            meter.go_on()
            centres_KD, counts_K = means(assignment_NK, rows.points_ND, num_points)
            assignment_NK = nearest(rows.points_ND, centres_KD, counts_K) * valid_N1
    return assignment_NK


def _opened_labels(
    job: ClusterJob, assignment_enc_NK: SharedTensor, revealer: Revealer, meter: Steps
) -> tuple[int, ...] | None:
    """Open labels to those whom the job says."""
    opened = None
    if job.reveal == "assignments":
        why = "policy assignments"
        with meter.step("choice"):
            opened = open_now(revealer.reveal(labels_of(assignment_enc_NK), LABELS, why=why))
    if job.evaluate:
        why = "simulation: compared with truth"
        open_now(revealer.reveal(labels_of(assignment_enc_NK), EVALUATION, why=why))
    return None if opened is None else tuple(opened.tolist())


def _handed_back(
    job: ClusterJob,
    payload_NM: StockTensor,
    assignment_NK: StockTensor,
    owner_of_N: Sequence[int] | None,
) -> torch.Tensor:
    """Return a share of each point's mean and size, (N, M + 1).

    A point of a cluster with fewer owners than the minimum has mean 0 and size `TOO_SMALL`; a
    rejected point has mean 0 and size 0.
    """
    means_KM, counts_K = means(assignment_NK, payload_NM, len(payload_NM.share))
    if job.min_cluster_size > 1:
        owners_K = _owners_in_each(assignment_NK, counts_K, owner_of_N)
        small_K = owners_K.lt(job.min_cluster_size)
        means_KM = means_KM - means_KM * small_K.unsqueeze(1)
        counts_K = counts_K - (counts_K - TOO_SMALL) * small_K
    own_NM = assignment_NK.matmul(means_KM)
    sizes_N1 = assignment_NK.matmul(counts_K.unsqueeze(1))
    return torch.cat([own_NM.share, sizes_N1.share], dim=1)


def _owners_in_each(
    assignment_NK: StockTensor, counts_K: StockTensor, owner_of_N: Sequence[int] | None
) -> StockTensor:
    """Return the number of owners with a point in each cluster, (K,); often that of points."""
    if owner_of_N is None or num_owners_and_most(owner_of_N)[1] == 1:
        return counts_K
    return owners_in(assignment_NK, owner_of_N)
