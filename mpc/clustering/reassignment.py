"""Points of all shards, reassigned to the centres of all shards.

After the second level, each point goes to the nearest of K centres, shard by shard. Centres then
become the means of their points in all shards, as far as points with weights tell them: the K
clusters of each shard are points of the second level again. After the last reassignment, payloads
of all points are added up. All of it stays shares.

Shape letters: K clusters of all shards, J clusters of the second level, D dimensions of a point, M
of a payload, N points of one shard.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from mpc.clustering.distances import centre_distances, look_up_counts
from mpc.clustering.lloyd import Weights
from mpc.clustering.shard_results import joined_results
from mpc.clustering.shard_sums import ShardRows
from mpc.clustering.weighted_points import ShardShares, weighted_points
from mpc.engine.context import SharedTensor
from mpc.engine.openings import Masked, masked, multiply, open_batch, open_now
from mpc.engine.steps import Steps
from mpc.protocols.argmin import nearest
from mpc.protocols.comparison import local


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Centres:
    """Centres of all shards: weighted sums of points, and what distances need of their weights."""

    sums_enc_KD: SharedTensor = field(repr=False)
    of_weights: tuple[SharedTensor, ...] = field(repr=False)
    """From `mpc.clustering.distances.look_up_counts`, (K,) each."""
    most: int
    """A public bound on the sum of all weights."""


def centres_of(assignment_enc_JK: SharedTensor, weighted: Masked, weights: Weights) -> Centres:
    """Return the centres of the second level.

    Parameters
    ----------
    assignment_enc_JK : SharedTensor, (J, K)
    weighted : Masked, (J, D)
        Points times their weights.
    weights : Weights

    Notes
    -----
    Cost: 2 rounds, K look-ups; 8 J K bytes from each party to each other. Leakage: none.
    """
    assignment = open_now(masked(assignment_enc_JK))
    weights_enc_K = multiply("i,ik->k", weights.of, assignment)
    return Centres(
        sums_enc_KD=multiply("id,ik->dk", assignment, weighted),
        of_weights=tuple(open_now(look_up_counts(weights_enc_K, weights.most))),
        most=weights.most,
    )


def reassigned(
    rows: ShardRows, owner_of_N: Sequence[int], centres: Centres, *, last: bool, meter: Steps
) -> ShardShares:
    """Assign a shard's points to the nearest centres, and add them up.

    Parameters
    ----------
    rows : ShardRows
    owner_of_N : sequence of int
    centres : Centres
    last : bool
        Whether payloads are added up, and not points.
    meter : Steps

    Returns
    -------
    ShardShares
        Of K clusters. Sums of points have no columns after the last reassignment, and those of
        payloads none but the number of points before it. A centre without weight has no points.

    Notes
    -----
    Cost: 3 rounds and those of `mpc.protocols.argmin.nearest`; 8 (N D + K D + 5 K + 2 N K) bytes
    from each party to each other, 8 N M more in the last reassignment and 8 N D in any other, and
    what `nearest` takes. Leakage: none.
    """
    k = centres.sums_enc_KD.size(0)
    with meter.step("distances"):
        points, sums = open_batch(
            masked(rows.points_enc_ND), masked(local(centres.sums_enc_KD, torch.t))
        )
        products_enc_NK = multiply("ij,jk->ik", points, sums)
        sqnorms_enc_K = multiply("ik,ik->k", sums, sums)
        sqdist_enc_NK = open_now(
            centre_distances(products_enc_NK, sqnorms_enc_K, centres.of_weights, (k,), centres.most)
        )
    with meter.step("assignments"):
        assignment_enc_NK = nearest(sqdist_enc_NK, (k,), rows.valid_enc_N)
    with meter.step("means"):
        summed_enc = rows.payload_enc_NM if last else rows.points_enc_ND
        assignment, summed = open_batch(masked(assignment_enc_NK), masked(summed_enc))
        sums_enc = multiply("id,ik->dk", assignment, summed)
    counts_enc_K1 = local(assignment_enc_NK, lambda p: p.sum(0)[:, None])
    none_enc_K0 = local(counts_enc_K1, lambda c: c[:, :0].clone())
    with_counts = (sums_enc if last else none_enc_K0).share, counts_enc_K1.share
    return ShardShares(
        points_enc_KD=none_enc_K0 if last else sums_enc,
        payload_enc_KM=counts_enc_K1.like(torch.cat(with_counts, dim=1)),
        assignment_enc_NK=assignment_enc_NK,
        owner_of_N=owner_of_N,
    )


def join(
    shards: Sequence[ShardShares], min_cluster_size: int, *, last: bool, meter: Steps
) -> Centres | SharedTensor:
    """Return the next centres, or after the last reassignment what owners receive, (K, M + 1).

    Parameters
    ----------
    shards : sequence of ShardShares
        From `reassigned`.
    min_cluster_size : int
    last : bool
    meter : Steps

    Notes
    -----
    Cost: see `mpc.costs.sharded_cost`. Leakage: none.
    """
    if not last:
        return _joined_centres(shards, meter)
    with meter.step("means"):
        return joined_results(shards, min_cluster_size)


def _joined_centres(shards: Sequence[ShardShares], meter: Steps) -> Centres:
    """Return the means of the points of all shards in each cluster, from sums of each shard.

    Notes
    -----
    The means of a cluster in the shards are averaged by the weights of the second level, since a
    sum over more points than a job holds would have too large a square.

    Cost: 6 rounds; S K and K look-ups for S shards; 8 S K (4 D + 6) bytes from each party to each
    other, but for look-ups. Leakage: none.
    """
    with meter.step("norms"):
        _, weighted, weights = weighted_points(shards)
    k = shards[0].points_enc_KD.size(0)
    weights_enc_K = local(weights.of.secret, lambda w: w.reshape(-1, k).sum(0))
    with meter.step("means"):
        of_weights = open_now(look_up_counts(weights_enc_K, weights.most))
    return Centres(
        sums_enc_KD=local(weighted.secret, lambda x: x.reshape(len(shards), k, -1).sum(0)),
        of_weights=tuple(of_weights),
        most=weights.most,
    )
