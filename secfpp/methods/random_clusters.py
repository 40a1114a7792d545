"""Random clusters: P_G + P_L with random clusters; the ablation of the right clusters."""

import numpy as np

from secfpp.methods.interface import Card, Method, MethodContext, NoSettings
from secfpp.methods.shared.fixed_clusters import FixedClusters
from secfpp.methods.shared.plans import two_level
from secfpp.methods.shared.trainers import two_phase

__all__ = ["METHOD"]


def draw_clusters(context: MethodContext[NoSettings]) -> FixedClusters:
    """Assign the clients to k random clusters of nearly equal size."""
    count = len(context.domain_N)
    k = min(context.settings.clustering.k or len(np.unique(context.domain_N)), count)
    even_N = np.arange(count, dtype=np.int64) % k
    cluster_N = context.seeds.numpy("random clusters").permutation(even_N)
    return FixedClusters(
        cluster_N=cluster_N, min_cluster_size=context.settings.clustering.min_cluster_size
    )


METHOD = Method(
    card=Card(
        name="random-clusters",
        title="P_G + P_L, random clusters",
        sends="its P_G, in the clear, to the server",
        gets="the mean P_G of a random cluster",
        keeps="P_L and its images",
        privacy="none: the server sees every P_G",
        source="ablation: k random clusters",
    ),
    settings=NoSettings,
    trainer=two_phase(two_level),
    begin=draw_clusters,
)
