"""The exchange of SecFPP: one clustering job for each round, on a secure or a plain session."""

from dataclasses import dataclass

import numpy as np

from mpc.jobs.job import ClusterJob
from mpc.jobs.protocol import ProtocolName
from mpc.jobs.result import ClusterResult, Session
from secfpp.config.clustering import ClusteringConfig
from secfpp.learning.prompts import FloatArray
from secfpp.methods.interface import Contribution, ExchangeResult
from secfpp.methods.shared.averaging import bytes_of
from secfpp.methods.shared.round_job import job_of

__all__ = ["ClusteredExchange"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ClusteredExchange:
    """Cluster clients by their descriptors, and average P_G inside clusters."""

    session: Session
    clustering: ClusteringConfig
    label: str
    """Name of the run, copied to every ledger line with the round."""
    seed: int = 0
    """Of the public draws of first centres, which the round's number is added to. Each run has its
    own, so that draws that are bad by chance are not those of all runs."""
    protocol: ProtocolName = "additive"
    """What computes the clustering."""

    def __call__(self, contribution: Contribution) -> ExchangeResult:
        """Give descriptors and updates to the session; each participant gets its cluster's mean."""
        result = self.session.cluster(
            self._job(contribution),
            contribution.descriptor_nD,
            contribution.update_nM,
            owners=contribution.clients_n.tolist(),
        )
        return ExchangeResult(
            clients_r=contribution.clients_n,
            update_rM=_own_where_none_opened(result, contribution),
            k=result.k,
            clusters_descriptors=True,
            labels_n=result.labels_N,
            ledger=result.ledger,
            traffic=result.traffic,
            bytes_client=bytes_of(
                contribution.descriptor_nD.shape[1], *[contribution.update_nM.shape[1]] * 2
            ),
        )

    def _job(self, contribution: Contribution) -> ClusterJob:
        """Describe the round's job."""
        return job_of(
            self.clustering,
            len(contribution.clients_n),
            contribution.round_index,
            seed=self.seed,
            label=f"{self.label}, round {contribution.round_index + 1}",
            protocol=self.protocol,
        )


def _own_where_none_opened(result: ClusterResult, contribution: Contribution) -> FloatArray:
    """Return each participant's mean, or its own update if no mean was opened to it.

    That happens to a descriptor over the bound, and in a cluster below the minimum size.
    """
    without_n1 = (result.sizes_N <= 0)[:, None]
    update_nM: FloatArray = np.where(without_n1, contribution.update_nM, result.means_NM)
    return update_nM
