"""What owners receive of a sharded clustering: sums and sizes of clusters of all shards.

Shape letters: J clusters of all shards, K clusters of the second level, M of a payload, N points
and W owners of one shard, k clusters of one shard.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from mpc.clustering.cluster_sums import by_owner, num_owners_and_most, own_rows, withheld
from mpc.clustering.weighted_points import ShardShares, joined
from mpc.engine.context import SharedTensor
from mpc.engine.openings import Masked, masked, multiply, open_batch, open_now
from mpc.protocols.comparison import less_than_zero, local
from mpc.protocols.lookup import equals_zero


def joined_results(shards: Sequence[ShardShares], min_cluster_size: int) -> SharedTensor:
    """Return what owners of each cluster receive, (K, M + 1): its sum and size, or `TOO_SMALL`.

    Parameters
    ----------
    shards : sequence of ShardShares
        After the last reassignment, so that all have the same K clusters.
    min_cluster_size : int

    Notes
    -----
    Cost: no round, or with a minimum size above 1 one and R_lt, and one more where an owner holds
    several points. Leakage: none.
    """
    sums_enc_KM = shards[0].payload_enc_KM
    for shard in shards[1:]:
        sums_enc_KM = sums_enc_KM + shard.payload_enc_KM
    if min_cluster_size == 1:
        return sums_enc_KM
    most = _most_of_one(shards)
    owners_enc_K = (
        _sizes(sums_enc_KM) if most == 1 else _owners_with_any(joined(_held_of(shards)), most)
    )
    return _without_small(sums_enc_KM, owners_enc_K, shards, min_cluster_size)


def results_of_clusters(
    assignment_enc_JK: SharedTensor, shards: Sequence[ShardShares], min_cluster_size: int
) -> SharedTensor:
    """Return what owners of each cluster of each shard receive, (J, M + 1).

    Parameters
    ----------
    assignment_enc_JK : SharedTensor, (J, K)
        Of the second level.
    shards : sequence of ShardShares
    min_cluster_size : int

    Notes
    -----
    Cost: 2 rounds, with a minimum size above 1 one more and R_lt, and one more where an owner holds
    several points. Leakage: none.
    """
    payload_enc_JM = joined([shard.payload_enc_KM for shard in shards])
    assignment, payload = open_batch(masked(assignment_enc_JK), masked(payload_enc_JM))
    sums_enc_KM = multiply("id,ik->dk", assignment, payload)
    if min_cluster_size > 1:
        owners_enc_K = _owners_in_clusters(assignment, sums_enc_KM, shards)
        sums_enc_KM = _without_small(sums_enc_KM, owners_enc_K, shards, min_cluster_size)
    return own_rows(assignment, sums_enc_KM)


def hand_back(assignment_enc_NK: SharedTensor, results_enc_KM: SharedTensor) -> SharedTensor:
    """Return shares of what each point's owner receives, (N, M + 1).

    Parameters
    ----------
    assignment_enc_NK : SharedTensor, (N, k)
        Of a shard; rows one-hot, or zero for rejected points.
    results_enc_KM : SharedTensor, (k, M + 1)
        From `second_level`.

    Notes
    -----
    Cost: one round, 8 (N k + k (M + 1)) bytes from each party to each other. Leakage: none.
    """
    assignment, results = open_batch(masked(assignment_enc_NK), masked(results_enc_KM))
    return multiply("ij,jk->ik", assignment, results)


def _without_small(
    sums_enc_KM: SharedTensor,
    owners_enc_K: SharedTensor,
    shards: Sequence[ShardShares],
    min_cluster_size: int,
) -> SharedTensor:
    """Withhold clusters with too few owners."""
    most = sum(shard.num_points for shard in shards)
    bits = max(most, min_cluster_size).bit_length() + 1
    small_enc_K = less_than_zero(owners_enc_K - min_cluster_size, bits)
    return withheld(sums_enc_KM, small_enc_K)


def _owners_in_clusters(
    assignment: Masked, sums_enc_KM: SharedTensor, shards: Sequence[ShardShares]
) -> SharedTensor:
    """Return shares of the number of owners with a point in each cluster, (K,)."""
    most = _most_of_one(shards)
    if most == 1:
        return _sizes(sums_enc_KM)
    sizes = [shard.points_enc_KD.size(0) for shard in shards]
    held = _held_of(shards)
    maps = [assignment.party.holds(part.clone()) for part in torch.split(assignment.share, sizes)]
    opened = open_batch(*map(masked, [*held, *maps]))
    pairs = zip(opened[: len(held)], opened[len(held) :], strict=True)
    return _owners_with_any(joined([multiply("ij,jk->ik", *pair) for pair in pairs]), most)


def _owners_with_any(held_enc_WK: SharedTensor, most: int) -> SharedTensor:
    """Return shares of the number of owners with a point in each cluster, (K,)."""
    absent_enc_WK = open_now(equals_zero(held_enc_WK, most.bit_length()))
    return local(absent_enc_WK, lambda absent: -absent.sum(0)) + held_enc_WK.size(0)


def _most_of_one(shards: Sequence[ShardShares]) -> int:
    """Return the largest number of points of one owner."""
    return max(num_owners_and_most(shard.owner_of_N)[1] for shard in shards)


def _sizes(sums_enc_KM: SharedTensor) -> SharedTensor:
    return local(sums_enc_KM, lambda z: z[:, -1].clone())


def _held_of(shards: Sequence[ShardShares]) -> list[SharedTensor]:
    """Return the number of each owner's points in each cluster of its shard, (W, k) a shard."""
    return [local(shard.assignment_enc_NK, partial(_held, shard.owner_of_N)) for shard in shards]


def _held(owner_of_N: Sequence[int], assignment_NK: torch.Tensor) -> torch.Tensor:  # noqa: N803
    owners = np.asarray(owner_of_N)
    return by_owner(assignment_NK, owners, num_owners_and_most(owners)[0])
