"""The computation of a job, by the protocol that its terms name."""

from collections.abc import Callable, Sequence

from mpc.clustering.pipeline import Clustering, Decision, cluster_shares
from mpc.engine.context import SharedTensor
from mpc.engine.reveal import Revealer
from mpc.engine.steps import Steps
from mpc.jobs.job import ClusterJob
from mpc.stock.pipeline import cluster_by_crypten


def cluster_by_protocol(
    job: ClusterJob,
    points_enc_ND: SharedTensor,
    payload_enc_NM: SharedTensor,
    *,
    revealer: Revealer,
    meter: Steps,
    decide: Callable[[], Decision],
    owner_of_N: Sequence[int] | None = None,
    kept_enc_NK: SharedTensor | None = None,
    origin_enc_D: SharedTensor | None = None,
) -> Clustering:
    """Cluster secret-shared points; see `mpc.clustering.pipeline.cluster_shares`."""
    if job.protocol == "crypten":
        return cluster_by_crypten(
            job,
            points_enc_ND,
            payload_enc_NM,
            revealer=revealer,
            meter=meter,
            owner_of_N=owner_of_N,
        )
    return cluster_shares(
        job,
        points_enc_ND,
        payload_enc_NM,
        revealer=revealer,
        meter=meter,
        decide=decide,
        owner_of_N=owner_of_N,
        kept_enc_NK=kept_enc_NK,
        origin_enc_D=origin_enc_D,
    )
