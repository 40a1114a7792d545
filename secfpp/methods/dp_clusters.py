"""P_G + P_L in the true domains, P_G under central, client-level differential privacy.

This is the cost of a private mean inside clusters. The clusters are public side information, as for
the oracle. A private clustering would need a budget of its own.

Shape letters: n participants, N clients, r receivers, K clusters, M numbers of a shared prompt.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from secfpp.config.checks import require_positive
from secfpp.config.privacy import PrivacyConfig
from secfpp.methods.interface import (
    Card,
    Contribution,
    ExchangeResult,
    IntArray,
    Method,
    MethodContext,
    MethodSettings,
)
from secfpp.methods.shared.averaging import bytes_of
from secfpp.methods.shared.plans import two_level
from secfpp.methods.shared.trainers import two_phase
from secfpp.privacy.accounting import calibrate_gaussian
from secfpp.privacy.noise import clip_rows, gaussian_noise
from secfpp.privacy.statement import PrivacyStatement

__all__ = ["METHOD", "DpClustersSettings", "NoisedClusters"]


@dataclass(frozen=True, kw_only=True)
class DpClustersSettings:
    """P_G + P_L in the true domains under central differential privacy."""

    clip_norm_clusters: float = 0.03
    """Bound on the L2 norm of one client's step in one round, for dp-clusters, whose sums have
    fewer clients than those of dp-promptfl."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_positive("clip_norm_clusters", self.clip_norm_clusters)


@dataclass(frozen=True, kw_only=True, eq=False)
class NoisedClusters:
    """Clip the steps, add noise to every cluster's sum, move each cluster by its noised mean.

    A client is in one cluster, so it moves one sum. A cluster with fewer participants than
    the minimum moves by the mean of all, which is the sum of the noised sums over n: nothing more
    is released. A cluster without participants keeps its P_G.
    """

    cluster_N: IntArray
    """Public cluster of every client."""
    min_cluster_size: int
    clip_norm: float
    noise_multiplier: float

    def __call__(self, contribution: Contribution) -> ExchangeResult:
        """Give the new P_G of a cluster with participants to all its clients, present or not."""
        cluster_n = self.cluster_N[contribution.clients_n]
        clusters_K, first_K, place_n, size_K = np.unique(
            cluster_n, return_index=True, return_inverse=True, return_counts=True
        )
        step_nM = contribution.update_nM - contribution.before_nM
        sum_KM = gaussian_noise(
            len(clusters_K) * step_nM.shape[1], self.noise_multiplier * self.clip_norm
        ).reshape(len(clusters_K), -1)
        np.add.at(sum_KM, place_n, clip_rows(step_nM, self.clip_norm))
        mean_KM = sum_KM / size_K[:, None]
        mean_KM[size_K < self.min_cluster_size] = sum_KM.sum(axis=0) / len(cluster_n)
        moved_KM = contribution.before_nM[first_K] + mean_KM
        clients_r = np.flatnonzero(np.isin(self.cluster_N, clusters_K))
        return ExchangeResult(
            clients_r=clients_r.astype(np.int64),
            update_rM=moved_KM[np.searchsorted(clusters_K, self.cluster_N[clients_r])],
            k=len(clusters_K),
            labels_n=cluster_n,
            bytes_client=bytes_of(*[step_nM.shape[1]] * 2),
        )


@lru_cache(maxsize=8)
def calibrate(privacy: PrivacyConfig, rounds: int, clip_norm: float) -> PrivacyStatement:
    """State the guarantee of a run; calibrated once for each budget."""
    return replace(
        calibrate_gaussian(privacy, rounds, clip_norm=clip_norm),
        neighbours="one client's updates are replaced by zero in every round; the clusters are "
        "public",
        covers="P_G of every cluster; P_L, which never leaves its client, has no noise",
        trust="a central server sees every clipped update and adds the noise to each cluster's sum",
    )


def statement(settings: MethodSettings[DpClustersSettings]) -> PrivacyStatement:
    """State the guarantee of a run."""
    return calibrate(settings.privacy, settings.training.rounds, settings.own.clip_norm_clusters)


def begin(context: MethodContext[DpClustersSettings]) -> NoisedClusters:
    """Take the clusters from the true domains, and calibrate the noise to the budget."""
    said = statement(context.settings)
    return NoisedClusters(
        cluster_N=context.domain_N,
        min_cluster_size=context.settings.clustering.min_cluster_size,
        clip_norm=said.clip_norm,
        noise_multiplier=said.noise_multiplier,
    )


METHOD = Method(
    card=Card(
        name="dp-clusters",
        title="P_G + P_L, true domains + central DP",
        sends="its P_G's step and its domain, in the clear, to a trusted server",
        gets="its domain's P_G, moved by the noised mean step",
        keeps="P_L and its images",
        privacy="client-level differential privacy of every P_G that is released; none against the "
        "server, and none for the domains, which are public",
        source="cost of noise inside clusters; uses the true domains, cannot be deployed",
    ),
    settings=DpClustersSettings,
    trainer=two_phase(two_level),
    begin=begin,
    statement=statement,
    prototypes="none",
)
