"""Payloads whose assignment is given: that which the parties keep, whatever the points are now.

Shape letters: N points, K clusters, M of a payload.
"""

from mpc.clustering.centring import cut
from mpc.clustering.noised_sums import noised_cluster_sums
from mpc.clustering.norms import excess, within
from mpc.engine.context import SharedTensor
from mpc.engine.openings import masked, multiply, open_batch, open_now
from mpc.engine.steps import Steps
from mpc.jobs.encoding import payload_width, squared_payload_limit
from mpc.jobs.job import ClusterJob
from mpc.jobs.noise import noise_of_means


def sums_of_given(
    payload_enc_NM: SharedTensor, kept_enc_NK: SharedTensor, job: ClusterJob, meter: Steps
) -> SharedTensor:
    """Return shares of each point's noised cluster sum and size side by side, (N, M + 1).

    A payload over its bound counts as zero, and its owner receives sum 0 and size 0. It stays in
    the size: sizes depend on the given assignment alone.

    Parameters
    ----------
    payload_enc_NM : SharedTensor, (N, M)
        As owners share them.
    kept_enc_NK : SharedTensor, (N, K)
        One-hot rows, or zero where nothing is kept.
    job : ClusterJob
    meter : Steps

    Notes
    -----
    Cost: 6 + R_lt(64) rounds. Leakage: none.
    """
    num_points, width = payload_enc_NM.size()
    with meter.step("norms"):
        cut_enc_NM = open_now(cut(payload_enc_NM, payload_width(width)))
        payload, kept = open_batch(masked(cut_enc_NM), masked(kept_enc_NK))
        sqnorms_enc_N = multiply("id,id->i", payload, payload)
        (valid_enc_N,) = within([excess(sqnorms_enc_N, squared_payload_limit(job, width))])
        valid = open_now(masked(valid_enc_N))
    with meter.step("means"):
        noise = noise_of_means(job, num_points, width, payload_enc_NM.party.num_parties)
        assignment_enc_NK = multiply("i,id->id", valid, kept)
        return noised_cluster_sums(
            assignment_enc_NK, payload, job.min_cluster_size, noise, kept_enc_NK
        )
