"""The clustering itself, from secret-shared points to each point's secret-shared group sum.

Shape letters: N points, K clusters, C columns of all groups, D dimensions of a point, M of a
payload.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from mpc.clustering import restarts, seeding
from mpc.clustering.choose_k import chosen_k
from mpc.clustering.distances import comparable
from mpc.clustering.group_means import group_sums
from mpc.clustering.inner_products import (
    GramInnerProducts,
    InnerProducts,
    Points,
    RowInnerProducts,
    ShareInnerProducts,
    gram_matrix,
    points_within_bounds,
)
from mpc.clustering.lloyd import Found, labels_of, lloyd_public_labels, lloyd_secret_labels
from mpc.engine.context import SharedTensor
from mpc.engine.openings import Masked, masked, multiply, open_batch, open_now
from mpc.engine.reveal import DISTANCES, EVALUATION, LABELS, OWN_MEAN, Revealer
from mpc.engine.steps import Steps
from mpc.errors import FrameError
from mpc.jobs.job import ClusterJob
from mpc.protocols.comparison import local
from mpc.reference.separation import largest_candidate
from mpc.ring.fixedpoint import GRAM_BITS
from mpc.ring.public_draws import public_draws


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What the server chose from opened distances, under policy `distances`."""

    labels: tuple[int, ...]
    k: int
    iterations: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Clustering:
    """What a job's clustering makes public."""

    k: int
    iterations: int
    labels: tuple[int, ...] | None
    """None when the policy keeps them secret."""


def cluster_shares(
    job: ClusterJob,
    points_enc_ND: SharedTensor,
    payload_enc_NM: SharedTensor,
    *,
    door: Revealer,
    meter: Steps,
    decide: Callable[[], Decision],
    owner_of_N: Sequence[int] | None = None,
) -> Clustering:
    """Cluster the points within the bound, and open to each owner its own group's sum and size.

    Parameters
    ----------
    job : ClusterJob
    points_enc_ND : SharedTensor, (N, D)
        As owners share them; see `mpc.jobs.encoding`.
    payload_enc_NM : SharedTensor, (N, M)
    door : Opener
        Opens what the job's policy allows.
    meter : Steps
        Surrounds each step.
    decide : callable
        Waits for the server's decision; called under policy `distances` only.
    owner_of_N : sequence of int, optional
        Which owner, 0 .. W - 1, holds each point; None: each point has its own.

    Returns
    -------
    Clustering

    Notes
    -----
    A point over the bound counts nowhere, and its owner gets sum 0 and size 0; see
    `mpc.clustering.inner_products`.

    Cost: see `mpc.costs.job_cost`, which counts rounds and bytes of every step. Leakage:
    what the ledger says. Rounds and bytes depend on the job, N, D, M and the number of iterations,
    never on who is left out; see `mpc.clustering.inner_products` for what can be inferred.
    """
    with meter.step("norms"):
        points, payload = points_within_bounds(points_enc_ND, payload_enc_NM, job)
    if job.reveal == "distances":
        found = _decided_by_server(job, points, door, meter, decide)
    else:
        found = _found_by_parties(job, points, door, meter)
    if job.evaluate:
        open_now(
            door.reveal(
                labels_of(found.members_enc_NK), EVALUATION, why="simulation: compared with truth"
            )
        )
    with meter.step("means"):
        sums_enc = group_sums(found.members_enc_NK, payload, job.min_cluster_size, owner_of_N)
    door.reveal(sums_enc, OWN_MEAN, why="own mean, one row each")
    return Clustering(k=found.k, iterations=found.iterations, labels=found.labels)


def _found_by_parties(job: ClusterJob, points: Points, door: Revealer, meter: Steps) -> Found:
    """Start, iterate and choose under sharing."""
    in_sight = job.reveal == "assignments" and not job.is_batch
    with meter.step("distances"):
        inner = _source(points, in_sight=in_sight)
    k_max = job.k or largest_candidate(points.num_points, job.k_max)
    groups = (k_max,) * job.restarts if job.k else tuple(range(1, k_max + 1))
    with meter.step("start"):
        sqdist_enc_NC = _start(job, points, inner, k_max, groups)
    if isinstance(inner, ShareInnerProducts):
        return lloyd_public_labels(points, inner, sqdist_enc_NC, job.iterations, door, meter)
    found = lloyd_secret_labels(points, inner, sqdist_enc_NC, groups, job.iterations, door, meter)
    if not job.is_batch:
        return found
    with meter.step("choice"):
        if job.k is None:
            found = _with_chosen_k(points, inner, found, k_max, door)
        else:
            found = _best(points, inner, found, groups)
        if job.reveal == "assignments":
            labels_enc_N = labels_of(found.members_enc_NK)
            labels = open_now(door.reveal(labels_enc_N, LABELS, why="policy assignments"))
            found = found.labelled(labels)
    return found


def _source(
    points: Points, *, in_sight: bool
) -> ShareInnerProducts | GramInnerProducts | RowInnerProducts:
    """Choose where inner products come from; see `mpc.clustering.inner_products`."""
    num_points, dim = points.rows.share.shape
    if in_sight:
        return ShareInnerProducts(gram_matrix(points))
    if num_points <= 2 * dim:
        return GramInnerProducts(open_now(masked(gram_matrix(points))))
    return RowInnerProducts(points.rows)


def _start(
    job: ClusterJob,
    points: Points,
    inner: InnerProducts[Masked] | ShareInnerProducts,
    k_max: int,
    groups: tuple[int, ...],
) -> SharedTensor:
    """Return shares of squared distances to the first centres of every group, (N, C)."""
    if job.init_rows is not None:
        sqdist_enc_NC = seeding.given_rows(points, inner, job.init_rows)
        return comparable(sqdist_enc_NC, GRAM_BITS, groups)
    of_secrets = RowInnerProducts(points.rows) if isinstance(inner, ShareInnerProducts) else inner
    if job.init == "k-means++":
        draws_BK = public_draws(job.seed, points.num_points, job.restarts, k_max)
        sqdist_enc_NC = seeding.plus_plus(points, of_secrets, k_max, draws_BK)
    else:
        picked_enc_NK = seeding.farthest_first(points, of_secrets, k_max)
        sqdist_enc_NC = seeding.columns_of(picked_enc_NK, groups)
    return comparable(sqdist_enc_NC, GRAM_BITS, groups)


def _best(
    points: Points, inner: InnerProducts[Masked], found: Found, groups: tuple[int, ...]
) -> Found:
    """Take the restart of least inertia."""
    counts_enc_C = local(found.members_enc_NK, lambda p: p.sum(0))
    members, of_counts = open_batch(
        masked(found.members_enc_NK),
        restarts.look_up_explained(counts_enc_C, points.num_points),
    )
    explained_enc_G = restarts.explained(inner, members, of_counts, groups)
    return replace(found, members_enc_NK=restarts.best_of(explained_enc_G, members, groups[0]))


def _with_chosen_k(
    points: Points, inner: InnerProducts[Masked], found: Found, k_max: int, door: Revealer
) -> Found:
    """Take the candidate of the number of clusters that is chosen, and opened.

    There are columns for all that may be chosen, so that what follows needs the same randomness
    whatever is.
    """
    members = open_now(masked(found.members_enc_NK))
    k = chosen_k(points, inner, members, k_max, door)
    first = k * (k - 1) // 2
    missing = k_max - k
    members_enc_NK = local(
        found.members_enc_NK,
        lambda p: torch.nn.functional.pad(p[:, first : first + k], (0, missing)),
    )
    return replace(found, members_enc_NK=members_enc_NK, k=k)


def _decided_by_server(
    job: ClusterJob,
    points: Points,
    door: Revealer,
    meter: Steps,
    decide: Callable[[], Decision],
) -> Found:
    """Open distances to the server and take labels and k from it.

    When the server chooses k there are columns for all that it may choose, so that what follows
    needs the same randomness whatever it chooses.
    """
    with meter.step("distances"):
        sqdist_enc_NN = _distances_of_kept(points)
    with meter.step("assignments"):
        door.reveal(sqdist_enc_NN, DISTANCES, why="the server chooses k and the labels")
        decision = decide()
    columns = job.k or job.k_max
    if not all(0 <= label < columns for label in decision.labels):
        raise FrameError(f"the server sent a label outside 0 .. {columns - 1}")
    onehot_NK = torch.eye(columns, dtype=torch.int64)[torch.tensor(decision.labels)]
    return Found(
        members_enc_NK=local(points.kept.secret, lambda b: b[:, None] * onehot_NK),
        k=decision.k,
        iterations=decision.iterations,
        labels=decision.labels,
    )


def _distances_of_kept(points: Points) -> SharedTensor:
    """Return shares of squared distances, (N, N), with zeros in left-out rows and columns.

    Notes
    -----
    For policy `distances`, whose server must know whom to leave out, and by the zeros does; it
    learns nothing else of a left-out point. Left-out rows of the Gram matrix are zero already, so
    that only the lengths of others must be.

    Cost: one round. Leakage: none here.
    """
    lengths = open_now(masked(points.sqnorms_enc_N))
    both_enc_NN = multiply("i,j->ij", points.kept, lengths)
    both = both_enc_NN.share
    return both_enc_NN.like(both + both.t() - 2 * gram_matrix(points).share)
