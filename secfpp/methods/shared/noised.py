"""The exchange of SecFPP with differential privacy inside the secure sum.

Clients are clustered once; afterwards the parties keep the assignment as shares. In every round
clients send clipped steps, and the parties add noise to the sums before anything is opened. What
a client receives is its cluster's noised sum over its size.

Shape letters: n participants, N clients, D dimensions of a descriptor, d kept ones, K clusters, M
numbers of a shared prompt.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.jobs.job import ClusterJob
from mpc.jobs.result import ClusterResult, Session
from mpc.traffic import combined
from secfpp.config.inside import GuaranteeName
from secfpp.learning.prompts import FloatArray
from secfpp.methods.interface import Contribution, ExchangeResult, IntArray
from secfpp.methods.shared.averaging import bytes_of
from secfpp.methods.shared.noised_jobs import NoisedJobs
from secfpp.methods.shared.sizes import SizeEstimates
from secfpp.privacy.inside import Release
from secfpp.privacy.noise import clip_rows

__all__ = ["NoisedExchange"]

FINGERPRINT_NUMBERS: Final = 16
"""Numbers of a fingerprint, which stands for a prompt that members of a cluster have in common."""


@dataclass(kw_only=True, eq=False)
class NoisedExchange:
    """Cluster clients once, then move each by its cluster's noised mean step.

    A client to whom nothing is opened goes back to its P_G of before the round, so that members of
    a cluster count their steps from the same point. A pipeline finds clusters in the first round,
    once: a client that is away then is in no cluster, and sends and receives nothing. With the
    other guarantees clusters are found anew when a new client takes part.
    """

    session: Session
    jobs: NoisedJobs
    num_draws: int
    """Draws of noise in a sum: the computing parties."""
    given_N: IntArray
    """Public cluster of every client; read with guarantee `known-assignment` alone."""
    axes: Callable[[], FloatArray]
    """Returns public axes of descriptors, (D, d); called with guarantee `pipeline` alone."""
    label: str
    """Name of the run, copied to every ledger line with the round."""
    _found: "_Found | None" = field(default=None, init=False)
    _sizes: SizeEstimates | None = field(default=None, init=False)

    @property
    def _guarantee(self) -> GuaranteeName:
        return self.jobs.inside.dp_guarantee

    def __call__(self, contribution: Contribution) -> ExchangeResult:
        """Give clipped steps to the session; each participant gets its cluster's noised mean."""
        step_nM = clip_rows(
            contribution.update_nM - contribution.before_nM, self.jobs.inside.dp_clip_norm
        )
        if self._clusters_with_noise(contribution):
            result = self._cluster_and_move(contribution, step_nM)
            self._found = _Found.by(result, contribution.clients_n)
            self._sizes, everybody = None, contribution.clients_n
            return self._received(contribution, (result,), everybody, self.jobs.noise.first)
        results: tuple[ClusterResult, ...] = ()
        if self._has_news(contribution):
            results = (self._assign(contribution),)
            self._found = _Found.by(results[0], contribution.clients_n)
        return self._move_all(contribution, step_nM, results)

    def _clusters_with_noise(self, contribution: Contribution) -> bool:
        """Whether this round's job finds clusters, and has noise."""
        if self._guarantee == "pipeline":
            return contribution.round_index == 0
        return self._guarantee == "means" and self._has_news(contribution)

    def _has_news(self, contribution: Contribution) -> bool:
        """Whether the parties keep no clusters, or not those of all that take part.

        A pipeline has a budget for one clustering: whoever was away stays alone.
        """
        if self._found is None or self._guarantee == "pipeline":
            return self._found is None
        return not np.isin(contribution.clients_n, self._found.clients_m).all()

    def _cluster_and_move(self, contribution: Contribution, step_nM: FloatArray) -> ClusterResult:
        """Do a round whose job finds clusters and moves."""
        points_nX = contribution.descriptor_nD
        if self._guarantee == "pipeline":
            projected_nd = points_nX @ self.axes()
            norm_n1 = np.linalg.norm(projected_nd, axis=1, keepdims=True)
            points_nX = projected_nd / np.where(norm_n1 > 0, norm_n1, 1.0)
        job = self.jobs.cluster_and_move(len(step_nM), self._label(contribution))
        return self._run(contribution, job, points_nX, step_nM)

    def _move_all(
        self, contribution: Contribution, step_nM: FloatArray, results: tuple[ClusterResult, ...]
    ) -> ExchangeResult:
        """Do a round in the clusters that the parties keep."""
        found = self._found
        if found is None:
            raise ValueError("the parties keep no clusters")
        present_n = np.isin(contribution.clients_n, found.clients_m)
        some = _rows_of(contribution, present_n)
        if len(some.clients_n) < found.k:
            return _nothing(contribution)
        job = self.jobs.move(len(some.clients_n), found.k, self._label(contribution))
        points_n1 = np.zeros((len(some.clients_n), 1))
        results = (*results, self._run(some, job, points_n1, step_nM[present_n]))
        return self._received(some, results, contribution.clients_n, self.jobs.noise.later)

    def _assign(self, contribution: Contribution) -> ClusterResult:
        """Let the parties find clusters, and open nothing."""
        job, points_nD = self._assignment(contribution)
        return self._run(contribution, job, points_nD, np.zeros((len(points_nD), 1)))

    def _assignment(self, contribution: Contribution) -> tuple[ClusterJob, FloatArray]:
        """Return the job that finds clusters, and its points."""
        count, label = len(contribution.clients_n), self._label(contribution)
        if self._guarantee == "known-assignment":
            of_n = self.given_N[contribution.clients_n]
            clusters, rows, place_n = np.unique(of_n, return_index=True, return_inverse=True)
            one_hot_nK = np.eye(len(clusters))[place_n]
            return self.jobs.given_clusters(count, rows.tolist(), label), one_hot_nK
        return self.jobs.former_clusters(count, label), _fingerprints(contribution.before_nM)

    def _label(self, contribution: Contribution) -> str:
        return f"{self.label}, round {contribution.round_index + 1}"

    def _run(
        self,
        contribution: Contribution,
        job: ClusterJob,
        points_nD: FloatArray,
        payload_nM: FloatArray,
    ) -> ClusterResult:
        """Do one job of this round's participants."""
        owners = contribution.clients_n.tolist()
        return self.session.cluster(job, points_nD, payload_nM, owners=owners)

    def _received(
        self,
        contribution: Contribution,
        results: tuple[ClusterResult, ...],
        everybody: IntArray,
        release: Release,
    ) -> ExchangeResult:
        """Move every participant to which a mean was opened."""
        last = results[-1]
        opened_n1 = (last.sizes_N > 0)[:, None]
        mean_nM = np.where(opened_n1, last.means_NM, 0.0)
        if release.size_share:
            mean_nM = mean_nM * self._over_estimated_sizes(contribution, last, release)[:, None]
        return ExchangeResult(
            clients_r=contribution.clients_n,
            update_rM=contribution.before_nM + mean_nM,
            k=last.k,
            clusters_descriptors=self._guarantee != "known-assignment",
            labels_n=self._labels(everybody),
            ledger=tuple(entry for result in results for entry in result.ledger),
            traffic=combined([result.traffic for result in results]),
            bytes_client=bytes_of(*[mean_nM.shape[1]] * 2),
        )

    def _labels(self, clients_n: IntArray) -> IntArray | None:
        """Return the labels of participants, if they were opened, and if all are in a cluster."""
        if self._found is None or not np.isin(clients_n, self._found.clients_m).all():
            return None
        return self._found.labels_of(clients_n)

    def _over_estimated_sizes(
        self, contribution: Contribution, last: ClusterResult, release: Release
    ) -> FloatArray:
        """Return released sizes over what all releases so far say of them, (n,)."""
        if self._sizes is None:
            self._sizes = SizeEstimates(
                num_clients=contribution.num_clients,
                num_clusters=last.k,
                variance=self.num_draws * release.size_variance,
            )
        return self._sizes.corrections(contribution.clients_n, last.sizes_N)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Found:
    """The clusters that the parties keep."""

    clients_m: IntArray
    """Clients that are in one, ascending."""
    k: int
    labels_m: IntArray | None
    """Opened when the clusters were found, to an evaluator; None if they were not."""

    @classmethod
    def by(cls, result: ClusterResult, clients_n: IntArray) -> "_Found":
        """Return the clusters that a job of some clients has found."""
        return cls(clients_m=clients_n, k=result.k, labels_m=result.labels_N)

    def labels_of(self, clients_n: IntArray) -> IntArray | None:
        """Return the labels of some of the clients."""
        if self.labels_m is None:
            return None
        return np.asarray(self.labels_m[np.searchsorted(self.clients_m, clients_n)])


def _rows_of(contribution: Contribution, present_n: npt.NDArray[np.bool_]) -> Contribution:
    """Return the contributions of some participants."""
    return replace(
        contribution,
        clients_n=contribution.clients_n[present_n],
        descriptor_nD=contribution.descriptor_nD[present_n],
        before_nM=contribution.before_nM[present_n],
        update_nM=contribution.update_nM[present_n],
        sent={name: rows_n[present_n] for name, rows_n in contribution.sent.items()},
    )


def _nothing(contribution: Contribution) -> ExchangeResult:
    """Release nothing: fewer clients than clusters are there."""
    return ExchangeResult(
        clients_r=contribution.clients_n[:0], update_rM=contribution.update_nM[:0]
    )


def _fingerprints(before_nM: FloatArray) -> FloatArray:
    """Return a unit vector for each row, the same for equal rows alone, (n, 16).

    Members of a cluster have received the same prompt, and no others have. Their fingerprints
    therefore say which clients belong together, as the assignment does, and nothing else. The
    parties get them as shares.
    """
    words = [
        np.frombuffer(hashlib.sha256(row_M.tobytes()).digest(), dtype="<i2") for row_M in before_nM
    ]
    rows_nF = np.array(words, dtype=np.float64)[:, :FINGERPRINT_NUMBERS] + 0.5
    unit_nF: FloatArray = rows_nF / np.linalg.norm(rows_nF, axis=1, keepdims=True)
    return unit_nF
