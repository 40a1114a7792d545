"""Averaging inside clusters that are fixed before the first round, in the clear."""

from dataclasses import dataclass, replace

from secfpp.methods.interface import Contribution, ExchangeResult, IntArray
from secfpp.methods.shared.averaging import average_clusters

__all__ = ["FixedClusters"]


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedClusters:
    """Average inside clusters that are the same in all rounds."""

    cluster_N: IntArray
    """Group of every client."""
    min_cluster_size: int
    """Participants of a smaller cluster get the mean of all."""

    def __call__(self, contribution: Contribution) -> ExchangeResult:
        """Average the participants' updates inside their clusters; labels are known to all."""
        cluster_n = self.cluster_N[contribution.clients_n]
        exchanged = average_clusters(contribution, cluster_n, self.min_cluster_size)
        return replace(exchanged, labels_n=cluster_n)
