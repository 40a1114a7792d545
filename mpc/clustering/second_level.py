"""The second level of a sharded clustering: k-means of the clusters of all shards, by weight.

Cluster j of all shards has a sum of points s_j and a size c_j, which are shares. Its point is x_j =
s_j / c_j, and its weight w_j is c_j, or a public multiple of c_j, rounded, if there are more points
than a job holds. Distances are those of a job on points x_j; sums and counts of clusters are
weighted. An empty cluster has weight 0 and is in no cluster, like a rejected point.

Shape letters: J clusters of all shards, K clusters of the second level, C columns of its starts, M
of a payload, k clusters of one shard.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from mpc.clustering import restarts, seeding
from mpc.clustering.distances import comparable
from mpc.clustering.inner_products import RowInnerProducts
from mpc.clustering.lloyd import Weights, lloyd_secret_labels
from mpc.clustering.reassignment import Centres, centres_of
from mpc.clustering.shard_results import results_of_clusters
from mpc.clustering.weighted_points import ShardShares, weighted_points
from mpc.engine.context import SharedTensor
from mpc.engine.openings import masked, multiply, open_now
from mpc.engine.reveal import Revealer
from mpc.engine.steps import Steps
from mpc.jobs.job import ClusterJob
from mpc.ring.fixedpoint import GRAM_BITS
from mpc.ring.public_draws import public_draws


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SecondLevel:
    """The result of the second level."""

    iterations: int
    results: tuple[SharedTensor, ...] = field(repr=False)
    """For each shard, what owners of each of its clusters receive, (k, M + 1): the sum and the size
    of its cluster of the second level, or zeros and `TOO_SMALL`. Empty if points are reassigned."""
    centres: Centres | None = None
    """The centres to which points are reassigned, if they are."""


def second_level(
    job: ClusterJob, shards: Sequence[ShardShares], *, revealer: Revealer, meter: Steps
) -> SecondLevel:
    """Cluster the clusters of all shards; add up payloads if points are not reassigned.

    Parameters
    ----------
    job : ClusterJob
        From `mpc.jobs.sharding.final_job`.
    shards : sequence of ShardShares
    revealer : Revealer
        Opens whether an iteration changed nothing.
    meter : Steps

    Notes
    -----
    Cost: see `mpc.costs.sharded_cost`. Leakage: one bit an iteration, from the third on.
    """
    k, blocks = job.k or 1, job.blocks(job.k or 1)
    with meter.step("norms"):
        points, weighted, weights = weighted_points(shards)
        inner = RowInnerProducts(points.rows, weighted)
    with meter.step("start"):
        draws_BK = public_draws(job.seed, points.num_points, job.restarts, k)
        sqdist_enc_JC = seeding.plus_plus(points, RowInnerProducts(points.rows), k, draws_BK)
        start = comparable(sqdist_enc_JC, GRAM_BITS, blocks, weights.most)
    found = lloyd_secret_labels(
        points.valid.secret,
        inner,
        start,
        blocks,
        job.iterations,
        revealer,
        meter,
        weights=weights,
    )
    with meter.step("choice"):
        best_enc_JK = _best(inner, found.assignment_enc_NK, weights, blocks)
    results: tuple[SharedTensor, ...] = ()
    centres = None
    with meter.step("means"):
        if job.point_reassignments:
            centres = centres_of(best_enc_JK, weighted, weights)
        else:
            results = _of_shards(
                results_of_clusters(best_enc_JK, shards, job.min_cluster_size), shards
            )
    return SecondLevel(iterations=found.iterations, results=results, centres=centres)


def _best(
    inner: RowInnerProducts,
    assignment_enc_JC: SharedTensor,
    weights: Weights,
    blocks: Sequence[int],
) -> SharedTensor:
    """Return the start with least inertia, (J, K)."""
    assignment = open_now(masked(assignment_enc_JC))
    if len(blocks) == 1:
        return assignment_enc_JC
    counts_enc_C = multiply("i,ik->k", weights.of, assignment)
    of_weights = open_now(restarts.look_up_for_between(counts_enc_C, weights.most))
    between_enc_B = restarts.between_squares(inner, assignment, of_weights, blocks)
    return restarts.best_of(between_enc_B, assignment, blocks[0])


def _of_shards(
    results_enc_JM: SharedTensor, shards: Sequence[ShardShares]
) -> tuple[SharedTensor, ...]:
    """Cut rows of all clusters into those of each shard."""
    parts = torch.split(results_enc_JM.share, [shard.points_enc_KD.size(0) for shard in shards])
    return tuple(results_enc_JM.like(part.clone()) for part in parts)
