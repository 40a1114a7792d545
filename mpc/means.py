"""Averaging inside clusters: each point's secret-shared group sum and size.

Shape letters: N points, K clusters, M of a payload.
"""

from typing import Any

import numpy as np
import torch

from mpc._crypten import from_share
from mpc.compare import local
from mpc.lookup import look_up
from mpc.masked import Pending, masked, multiply, now, together


def group_sums(members_enc_NK: Any, payload_enc_NM: Any, min_cluster_size: int) -> Any:
    """Return shares of each point's group sum and size side by side, (N, M + 1).

    A point's group is its own cluster, or all points that count when that is too small. A point
    that does not count has sum and size 0.

    Parameters
    ----------
    members_enc_NK : MPCTensor, (N, K)
        Rows one-hot, or zero for points that do not count.
    payload_enc_NM : MPCTensor, (N, M)
        Ring integers.
    min_cluster_size : int

    Notes
    -----
    With Z_k the sum and size of cluster k, and s_k the secret bit that says that it is too small,
    its members get Z_k + s_k (sum of all Z - Z_k).

    Cost: 2 rounds, or 3 with a minimum size above 1; 8 (N K + N M + K (M + 1)) bytes from each
    party to each other, and 8 K (M + 3) more. Leakage: none.
    """
    members, payload, small = _opened(members_enc_NK, payload_enc_NM, min_cluster_size)
    sums_enc_KM = multiply("id,ik->dk", members, payload)
    counts_enc_K1 = local(members_enc_NK, lambda p: p.sum(0)[:, None])
    sums_enc = from_share(torch.cat([sums_enc_KM.share, counts_enc_K1.share], dim=1))
    if small is not None:
        others_enc = local(sums_enc, lambda z: z.sum(0, keepdim=True) - z)
        chosen, others = together(masked("small", small), masked("others", others_enc))
        sums_enc = sums_enc + multiply("i,id->id", chosen, others)
    return multiply("ij,jk->ik", members, now(masked("sums", sums_enc)))


def _opened(members_enc_NK: Any, payload_enc_NM: Any, min_cluster_size: int) -> tuple[Any, ...]:
    """Open members and payload under masks, and find in the same round which clusters are small."""
    pending: list[Pending[Any]] = [
        masked("members of means", members_enc_NK),
        masked("payload", payload_enc_NM),
    ]
    if min_cluster_size == 1:
        return (*together(*pending), None)
    num_points = members_enc_NK.size(0)
    too_small = np.arange(1 << num_points.bit_length()) < min_cluster_size
    counts_enc_K = local(members_enc_NK, lambda p: p.sum(0))
    pending.append(look_up(counts_enc_K, [too_small.astype(np.int64)]))
    members, payload, (small,) = together(*pending)
    return members, payload, small
