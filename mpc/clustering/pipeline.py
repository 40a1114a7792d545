"""The clustering of a job: from secret-shared points to secret-shared cluster sums.

Shape letters: N points, K clusters, C columns of all blocks, D dimensions of a point, M of a
payload.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch

from mpc.clustering import restarts, seeding
from mpc.clustering.begin import Begun, begun_by_gram, beside_warm
from mpc.clustering.choose_k import chosen_k
from mpc.clustering.cluster_sums import cluster_sums
from mpc.clustering.distances import comparable
from mpc.clustering.given_assignment import sums_of_given
from mpc.clustering.gram_points import GramPoints, checked, opened_start
from mpc.clustering.inner_products import (
    GramInnerProducts,
    InnerProducts,
    Points,
    RowInnerProducts,
    ShareInnerProducts,
    gram_matrix,
    points_within_bounds,
)
from mpc.clustering.lloyd import (
    Found,
    WarmStart,
    labels_of,
    lloyd_public_labels,
    lloyd_secret_labels,
)
from mpc.clustering.noised_lloyd import noised_lloyd
from mpc.clustering.noised_sums import noised_cluster_sums
from mpc.clustering.shard_sums import ShardSums, shard_sums
from mpc.engine.context import SharedTensor
from mpc.engine.openings import Masked, masked, multiply, open_batch, open_now
from mpc.engine.reveal import DISTANCES, EVALUATION, LABELS, OWN_MEAN, Revealer
from mpc.engine.steps import Steps
from mpc.errors import FrameError
from mpc.jobs.job import ClusterJob
from mpc.jobs.noise import noise_of_means
from mpc.protocols.comparison import local
from mpc.reference.separation import largest_candidate
from mpc.ring.fixedpoint import GRAM_BITS
from mpc.ring.public_draws import first_rows, public_draws


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The server's choice from opened distances, under policy `distances`."""

    labels: tuple[int, ...]
    k: int
    iterations: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Clustering:
    """What a clustering makes public, and the assignment, which stays secret."""

    k: int
    iterations: int
    labels: tuple[int, ...] | None
    """None if the policy keeps them secret."""
    assignment_enc_NK: SharedTensor = field(repr=False)
    """Kept for a warm start; zero for rejected points."""
    sums: ShardSums | None = field(default=None, repr=False)
    """Kept for the second level; None unless the job is a shard."""


def cluster_shares(
    job: ClusterJob,
    points_enc_ND: SharedTensor,
    payload_enc_NM: SharedTensor,
    *,
    revealer: Revealer,
    meter: Steps,
    decide: Callable[[], Decision],
    owner_of_N: Sequence[int] | None = None,
    kept_enc_NK: SharedTensor | None = None,
    origin_enc_D: SharedTensor | None = None,
) -> Clustering:
    """Cluster the valid points, and open to each owner its own cluster's sum and size.

    Parameters
    ----------
    job : ClusterJob
        With its start settled; see `mpc.jobs.kept`.
    points_enc_ND : SharedTensor, (N, D)
        As owners share them; see `mpc.jobs.encoding`.
    payload_enc_NM : SharedTensor, (N, M)
    revealer : Revealer
        Opens values that the job's policy allows.
    meter : Steps
        Measures each step.
    decide : callable
        Waits for the server's decision; called under policy `distances` only.
    owner_of_N : sequence of int, optional
        The owner of each point, 0 .. W - 1; None: each point has its own.
    kept_enc_NK : SharedTensor, (N, K), optional
        The kept assignment, with rows of zeros where nothing is kept; for a warm start.
    origin_enc_D : SharedTensor, (D,), optional
        For a shard: what points are measured from, if they are centred; None: their mean.

    Returns
    -------
    Clustering

    Notes
    -----
    A point over a bound is rejected: it is in no cluster, and its owner receives sum 0 and size 0;
    see `mpc.clustering.inner_products`.

    Cost: see `mpc.costs.job_cost`, which counts rounds and bytes of every step. Leakage: what the
    ledger says. Rounds and bytes depend on the job, N, D, M and the number of iterations, never on
    which points are rejected; see `mpc.clustering.inner_products` for what can be inferred.
    """
    if job.guarantee == "known-assignment" and kept_enc_NK is not None:
        sums_enc = sums_of_given(payload_enc_NM, kept_enc_NK, job, meter)
        revealer.reveal(sums_enc, OWN_MEAN, why=_why(job))
        return Clustering(
            k=kept_enc_NK.size(1), iterations=0, labels=None, assignment_enc_NK=kept_enc_NK
        )
    points: Points | GramPoints
    if by_gram_alone(job, *points_enc_ND.size()):
        with meter.step("norms"):
            points = checked(points_enc_ND, payload_enc_NM, job, kept_enc_NK)
        found = _found_from(job, begun_by_gram(job, points, meter), revealer, meter)
    else:
        with meter.step("norms"):
            points = points_within_bounds(points_enc_ND, payload_enc_NM, job, origin_enc_D)
        if job.guarantee == "pipeline":
            found = noised_lloyd(job, points, meter)
        elif job.reveal == "distances":
            found = _decided_by_server(job, points, revealer, meter, decide)
        else:
            found = _found_by_points(job, points, kept_enc_NK, revealer, meter)
    if job.evaluate:
        labels_enc_N = labels_of(found.assignment_enc_NK)
        why = "simulation: compared with truth"
        open_now(revealer.reveal(labels_enc_N, EVALUATION, why=why))
    sums = None
    if job.is_shard and isinstance(points, Points):
        with meter.step("means"):
            sums = shard_sums(found.assignment_enc_NK, points)
    else:
        with meter.step("means"):
            sums_enc = _sums(job, found.assignment_enc_NK, points.payload, owner_of_N)
        revealer.reveal(sums_enc, OWN_MEAN, why=_why(job))
    return Clustering(
        k=found.k,
        iterations=found.iterations,
        labels=found.labels,
        assignment_enc_NK=local(found.assignment_enc_NK, lambda p: p[:, : found.k].clone()),
        sums=sums,
    )


def _why(job: ClusterJob) -> str:
    """Return why owners receive something, for the ledger, with what its noise covers."""
    noise = f", with noise; guarantee: {job.guarantee}" if job.is_private else ""
    return f"own mean, one row each{noise}"


def _sums(
    job: ClusterJob,
    assignment_enc_NK: SharedTensor,
    payload: Masked,
    owner_of_N: Sequence[int] | None,
) -> SharedTensor:
    """Return shares of what each owner receives, (N, M + 1), with noise if the job says so."""
    if not job.is_private:
        return cluster_sums(assignment_enc_NK, payload, job.min_cluster_size, owner_of_N)
    num_points, width = payload.share.shape
    noise = noise_of_means(job, num_points, width, payload.party.num_parties)
    return noised_cluster_sums(assignment_enc_NK, payload, job.min_cluster_size, noise)


def by_gram_alone(job: ClusterJob, num_points: int, dim: int) -> bool:
    """Whether a job uses inner products alone, and never the points themselves.

    Warm starts, leaders and random rows do, unless the Gram matrix is larger than the points; fresh
    leaders do always. The choice of k needs more.
    """
    if job.reveal == "distances" or job.is_shard or job.guarantee == "pipeline":
        return False
    if job.start == "warm" or (job.by_random_rows and job.k is not None):
        return num_points <= 2 * dim
    return job.by_leaders


def _found_from(job: ClusterJob, begun: Begun, revealer: Revealer, meter: Steps) -> Found:
    """Iterate from a job's start, and choose the best of several."""
    several = len(begun.blocks) > 1
    early = several and job.at_once and job.iterations > 1
    found = lloyd_secret_labels(
        begun.valid_enc_N,
        begun.inner,
        begun.start,
        begun.blocks,
        job.iterations,
        revealer,
        meter,
        choose_early=early,
    )
    if early == several and job.reveal != "assignments":
        return found
    with meter.step("choice"):
        if several and not early:
            found = _best(begun.inner, found, begun.blocks)
        return _labelled(job, found, revealer)


def _found_by_points(
    job: ClusterJob,
    points: Points,
    kept_enc_NK: SharedTensor | None,
    revealer: Revealer,
    meter: Steps,
) -> Found:
    """Start, iterate and choose under sharing."""
    labels_public = job.reveal == "assignments" and not job.opens_labels_last
    with meter.step("distances"):
        inner = _source(points, labels_public=labels_public)
    k_max = job.k or largest_candidate(points.num_points, job.k_max)
    blocks = job.blocks(k_max)
    if isinstance(inner, ShareInnerProducts):
        with meter.step("start"):
            sqdist_enc_NC = _start(job, points, inner, k_max, blocks)
        valid_enc_N = points.valid.secret
        return lloyd_public_labels(
            valid_enc_N, inner, sqdist_enc_NC, job.iterations, revealer, meter
        )
    with meter.step("start"):
        start, blocks = _begun(job, points, inner, kept_enc_NK, k_max, blocks)
    begun = Begun(valid_enc_N=points.valid.secret, inner=inner, start=start, blocks=blocks)
    if job.k is not None:
        return _found_from(job, begun, revealer, meter)
    found = lloyd_secret_labels(
        points.valid.secret,
        inner,
        start,
        blocks,
        job.iterations,
        revealer,
        meter,
        choose_early=job.restarts > 1 and k_max > 1,
    )
    with meter.step("choice"):
        found = _with_chosen_k(points, inner, found, k_max, revealer)
        return _labelled(job, found, revealer)


def _labelled(job: ClusterJob, found: Found, revealer: Revealer) -> Found:
    """Open the labels if the policy does."""
    if job.reveal != "assignments":
        return found
    labels_enc_N = labels_of(found.assignment_enc_NK)
    labels = open_now(revealer.reveal(labels_enc_N, LABELS, why="policy assignments"))
    return found.labelled(labels)


def _begun(
    job: ClusterJob,
    points: Points,
    inner: InnerProducts[Masked],
    kept_enc_NK: SharedTensor | None,
    k_max: int,
    blocks: tuple[int, ...],
) -> tuple[SharedTensor | WarmStart, tuple[int, ...]]:
    """Find the first centres of every block, or begin at the kept assignment."""
    if kept_enc_NK is None:
        return _start(job, points, inner, k_max, blocks), blocks
    kept = open_now(masked(kept_enc_NK))
    warm = open_now(opened_start(multiply("i,id->id", points.valid, kept)))
    if job.start == "warm":
        return warm, (k_max,)
    return beside_warm(inner, warm, _start(job, points, inner, k_max, blocks), blocks)


def _source(
    points: Points, *, labels_public: bool
) -> ShareInnerProducts | GramInnerProducts | RowInnerProducts:
    """Choose the source of inner products; see `mpc.clustering.inner_products`."""
    num_points, dim = points.rows.share.shape
    if labels_public:
        return ShareInnerProducts(gram_matrix(points))
    if num_points <= 2 * dim:
        return GramInnerProducts(open_now(masked(gram_matrix(points))))
    return RowInnerProducts(points.rows)


def _start(
    job: ClusterJob,
    points: Points,
    inner: InnerProducts[Masked] | ShareInnerProducts,
    k_max: int,
    blocks: tuple[int, ...],
) -> SharedTensor:
    """Return shares of squared distances to the first centres of every block, (N, C)."""
    if job.init_rows is not None:
        sqdist_enc_NC = seeding.given_rows(points, inner, job.init_rows)
        return comparable(sqdist_enc_NC, GRAM_BITS, blocks)
    if job.by_random_rows:
        rows = tuple(first_rows(job.seed, points.num_points, blocks).tolist())
        return comparable(seeding.given_rows(points, inner, rows), GRAM_BITS, blocks)
    source = RowInnerProducts(points.rows) if isinstance(inner, ShareInnerProducts) else inner
    if job.init == "k-means++":
        draws_BK = public_draws(job.seed, points.num_points, job.restarts, k_max)
        sqdist_enc_NC = seeding.plus_plus(points, source, k_max, draws_BK)
    else:
        picked_enc_NK = seeding.farthest_first(points, source, k_max)
        sqdist_enc_NC = seeding.columns_of(picked_enc_NK, blocks)
    return comparable(sqdist_enc_NC, GRAM_BITS, blocks)


def _best(inner: InnerProducts[Masked], found: Found, blocks: tuple[int, ...]) -> Found:
    """Return the restart with least inertia."""
    counts_enc_C = local(found.assignment_enc_NK, lambda p: p.sum(0))
    assignment, of_counts = open_batch(
        masked(found.assignment_enc_NK),
        restarts.look_up_for_between(counts_enc_C, found.assignment_enc_NK.size(0)),
    )
    between_enc_B = restarts.between_squares(inner, assignment, of_counts, blocks)
    return replace(found, assignment_enc_NK=restarts.best_of(between_enc_B, assignment, blocks[0]))


def _with_chosen_k(
    points: Points, inner: InnerProducts[Masked], found: Found, k_max: int, revealer: Revealer
) -> Found:
    """Choose and open the number of clusters, and return that candidate.

    The result has columns for every possible k, so later steps need the same randomness for any k.
    """
    assignment = open_now(masked(found.assignment_enc_NK))
    k = chosen_k(points, inner, assignment, k_max, revealer)
    first = k * (k - 1) // 2
    missing = k_max - k
    assignment_enc_NK = local(
        found.assignment_enc_NK,
        lambda p: torch.nn.functional.pad(p[:, first : first + k], (0, missing)),
    )
    return replace(found, assignment_enc_NK=assignment_enc_NK, k=k)


def _decided_by_server(
    job: ClusterJob,
    points: Points,
    revealer: Revealer,
    meter: Steps,
    decide: Callable[[], Decision],
) -> Found:
    """Open distances to the server, and receive labels and k from it.

    If the server chooses k, the result has columns for every possible k, so later steps need the
    same randomness for any k.
    """
    with meter.step("distances"):
        sqdist_enc_NN = _distances_of_valid(points)
    with meter.step("assignments"):
        revealer.reveal(sqdist_enc_NN, DISTANCES, why="the server chooses k and the labels")
        decision = decide()
    columns = job.k or job.k_max
    if not all(0 <= label < columns for label in decision.labels):
        raise FrameError(f"the server sent a label outside 0 .. {columns - 1}")
    onehot_NK = torch.eye(columns, dtype=torch.int64)[torch.tensor(decision.labels)]
    return Found(
        assignment_enc_NK=local(points.valid.secret, lambda b: b[:, None] * onehot_NK),
        k=decision.k,
        iterations=decision.iterations,
        labels=decision.labels,
    )


def _distances_of_valid(points: Points) -> SharedTensor:
    """Return shares of squared distances, (N, N), with zeros in rejected rows and columns.

    Notes
    -----
    Policy `distances` opens these to the server, which recognises rejected points by the zeros and
    learns nothing else about them. Rejected rows of the Gram matrix are already zero; only the
    squared norms of other points must be zeroed.

    Cost: one round. Leakage: none here.
    """
    sqnorms = open_now(masked(points.sqnorms_enc_N))
    both_enc_NN = multiply("i,j->ij", points.valid, sqnorms)
    both = both_enc_NN.share
    return both_enc_NN.like(both + both.t() - 2 * gram_matrix(points).share)
