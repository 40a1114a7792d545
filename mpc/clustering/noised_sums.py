"""Cluster sums and sizes with noise, of which owners receive their own cluster's.

Each party adds its own discrete Gaussian draw to its own share. The parties exchange nothing for
it, and P - 1 of them that pool what they know can subtract their own draws, but not the last one.
There is one draw a cluster, which all its members receive: they learn nothing by comparing. Sizes
have noise before they are compared with the minimum, so the answer is no more than a function of
what would have been released anyway.

Shape letters: N points, K clusters, M of a payload.
"""

import numpy as np
import torch

from mpc.clustering.cluster_sums import own_rows, withheld
from mpc.engine.context import SharedTensor
from mpc.engine.openings import Masked, masked, multiply, open_batch
from mpc.jobs.noise import Noise, drawn
from mpc.protocols.comparison import local
from mpc.protocols.lookup import look_up
from mpc.ring.fixedpoint import Int64Array


def noised_cluster_sums(
    assignment_enc_NK: SharedTensor,
    payload: Masked,
    min_cluster_size: int,
    noise: Noise,
    counted_enc_NK: SharedTensor | None = None,
) -> SharedTensor:
    """Return shares of each point's noised cluster sum and size side by side, (N, M + 1).

    Points of a cluster whose noised size is below the minimum, or below 1, have sum 0 and size
    `mpc.jobs.result.TOO_SMALL`. Rejected points have sum 0 and size 0. The minimum is one of
    points, whoever owns them: a count of owners would need noise of its own.

    Parameters
    ----------
    assignment_enc_NK : SharedTensor, (N, K)
        Rows one-hot, or zero for rejected points.
    payload : Masked, (N, M)
    min_cluster_size : int
    noise : Noise
        See `mpc.jobs.noise.noise_of_means`.
    counted_enc_NK : SharedTensor, (N, K), optional
        The assignment whose points are counted; None: the first one.

    Notes
    -----
    Cost: 3 rounds, whatever the minimum; bytes as `cluster_sums` without noise and with a minimum,
    but for indices of look-ups, which have the bits of noised sizes. Leakage: none.
    """
    counted = assignment_enc_NK if counted_enc_NK is None else counted_enc_NK
    party, num_points = payload.party, assignment_enc_NK.size(0)
    num_clusters, width = assignment_enc_NK.size(1), payload.share.shape[1]
    of_sizes_K, of_sums_KM = drawn(party.noise, noise, num_clusters, width)
    counts_enc_K = local(counted, lambda p: p.sum(0) + torch.from_numpy(of_sizes_K))
    assignment, (small_enc_K,) = open_batch(
        masked(assignment_enc_NK),
        look_up(counts_enc_K + noise.spread, [_too_small(noise, num_points, min_cluster_size)]),
    )
    sums_enc_KM = multiply("id,ik->dk", assignment, payload)
    noised_KM = sums_enc_KM.share + torch.from_numpy(of_sums_KM)
    sums_enc = sums_enc_KM.like(torch.cat([noised_KM, counts_enc_K.share[:, None]], dim=1))
    return own_rows(assignment, withheld(sums_enc, small_enc_K))


def _too_small(noise: Noise, num_points: int, min_cluster_size: int) -> Int64Array:
    """Return the public table of [too small] by a noised size plus its spread."""
    sizes = np.arange(1 << noise.index_bits(num_points)) - noise.spread
    return (sizes < min_cluster_size).astype(np.int64)
