"""Oracle: P_G + P_L with the true domains as clusters; an upper bound for clustering."""

from secfpp.methods.interface import Card, Method, MethodContext, NoSettings
from secfpp.methods.shared.fixed_clusters import FixedClusters
from secfpp.methods.shared.plans import two_level
from secfpp.methods.shared.trainers import two_phase

__all__ = ["METHOD"]


def true_domains(context: MethodContext[NoSettings]) -> FixedClusters:
    """Cluster clients by their domains, which only a simulation knows."""
    return FixedClusters(
        cluster_N=context.domain_N, min_cluster_size=context.settings.clustering.min_cluster_size
    )


METHOD = Method(
    card=Card(
        name="oracle",
        title="P_G + P_L, true domains",
        sends="its P_G and its domain, in the clear, to the server",
        gets="the mean P_G of its domain",
        keeps="P_L and its images",
        privacy="none: the server sees every P_G and is told every domain",
        source="upper bound for clustering; cannot be deployed",
    ),
    settings=NoSettings,
    trainer=two_phase(two_level),
    begin=true_domains,
)
