"""Exchanges in the clear, for methods that hide nothing from the server.

Shape letters: n participants, N clients, M numbers of a shared prompt.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from secfpp.learning.prompts import FloatArray
from secfpp.methods.interface import Contribution, ExchangeResult, IntArray

__all__ = ["average_all", "average_by_images", "average_clusters", "broadcast", "bytes_of", "keep"]

FLOAT32_BYTES: Final = 4


def keep(contribution: Contribution) -> ExchangeResult:
    """Return nothing: there is no exchange."""
    none = np.empty(0, dtype=np.int64)
    return ExchangeResult(
        clients_r=none, update_rM=np.empty((0, contribution.update_nM.shape[1]), dtype=np.float64)
    )


def broadcast(contribution: Contribution, update_M: FloatArray) -> ExchangeResult:
    """Give one update to all clients, also to those that were away."""
    everyone = np.arange(contribution.num_clients, dtype=np.int64)
    return ExchangeResult(
        clients_r=everyone,
        update_rM=np.tile(update_M, (contribution.num_clients, 1)),
        k=1,
        bytes_client=bytes_of(len(update_M), len(update_M)),
    )


def bytes_of(*numbers: int) -> int:
    """Return the bytes of float32 numbers that a client sends and receives."""
    return FLOAT32_BYTES * sum(numbers)


def average_all(contribution: Contribution) -> ExchangeResult:
    """Average all updates, unweighted, and give the mean to all clients."""
    return broadcast(contribution, contribution.update_nM.mean(axis=0))


def average_by_images(contribution: Contribution) -> ExchangeResult:
    """Average all updates by number of images and give the mean to all clients."""
    images_n = contribution.sent["images"]
    mean_M = np.average(contribution.update_nM, axis=0, weights=images_n)
    sent = bytes_of(len(mean_M) + 1, len(mean_M))
    return replace(broadcast(contribution, mean_M), bytes_client=sent)


def average_clusters(
    contribution: Contribution, cluster_n: IntArray, min_cluster_size: int
) -> ExchangeResult:
    """Average inside clusters; participants of a cluster below the minimum get the mean of all.

    Parameters
    ----------
    contribution : Contribution
    cluster_n : ndarray of int64, (n,)
        Group of each participant.
    min_cluster_size : int
        As in `mpc.jobs.job.ClusterJob`.

    Returns
    -------
    ExchangeResult
        For the participants only.
    """
    same_nn = cluster_n[:, None] == cluster_n[None, :]
    same_nn = same_nn | (same_nn.sum(axis=1) < min_cluster_size)[:, None]
    mean_nM = same_nn.astype(np.float64) @ contribution.update_nM / same_nn.sum(axis=1)[:, None]
    return ExchangeResult(
        clients_r=contribution.clients_n,
        update_rM=np.asarray(mean_nM, dtype=np.float64),
        k=len(np.unique(cluster_n)),
        bytes_client=bytes_of(*[contribution.update_nM.shape[1]] * 2),
    )
