"""The exchange of SecFPP: one clustering job a round, on a session that may be secure or plain."""

from dataclasses import dataclass

from mpc.jobs import ClusterJob, Session
from secfpp.config import ClusteringConfig
from secfpp.methods.interface import Contribution, Outcome

__all__ = ["ClusteredExchange"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ClusteredExchange:
    """Group clients by descriptor, average P_G inside groups."""

    session: Session
    clustering: ClusteringConfig
    label: str
    """Name of the run, copied to every ledger line with the round."""

    def __call__(self, contribution: Contribution) -> Outcome:
        """Hand descriptors and updates to the session; each participant gets its own mean."""
        result = self.session.cluster(
            self._job(contribution),
            contribution.descriptor_nD,
            contribution.update_nM,
            owners=contribution.clients_n.tolist(),
        )
        return Outcome(
            clients_r=contribution.clients_n,
            update_rM=result.means_NM,
            k=result.k,
            labels_n=result.labels_N,
            ledger=result.ledger,
            traffic=result.traffic,
        )

    def _job(self, contribution: Contribution) -> ClusterJob:
        """Describe the round's job; never more clusters than participants."""
        k = self.clustering.k
        return ClusterJob(
            k=None if k is None else min(k, len(contribution.clients_n)),
            iterations=self.clustering.iterations,
            reveal=self.clustering.reveal,
            min_cluster_size=self.clustering.min_cluster_size,
            evaluate=self.clustering.evaluate,
            label=f"{self.label}, round {contribution.round_index + 1}",
        )
