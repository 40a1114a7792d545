"""CFL: a cluster is split in two if the steps of its clients disagree.

All clients begin in one cluster. If the mean step of a cluster is short while some of its clients
still take long steps, their data need different prompts. The cluster is then split by the cosines
of the steps. Clients of a cluster get its mean.

A cluster c is split into 2 c + 1 and 2 c + 2, so that the number gives the place in the tree.

Shape letters: n participants, M numbers of a prompt.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from secfpp.config.checks import require_positive
from secfpp.learning.prompts import FloatArray, PromptState
from secfpp.methods.interface import (
    Card,
    ClientBatch,
    Contribution,
    ExchangeResult,
    IntArray,
    Method,
    MethodContext,
    MethodSettings,
)
from secfpp.methods.shared.averaging import bytes_of
from secfpp.methods.shared.one_prompt import LossName, one_prompt
from secfpp.methods.shared.trainers import TwoPhase
from secfpp.seeds import Seeds

__all__ = [
    "CflSettings",
    "METHOD",
    "Cfl",
    "SplitClusters",
    "bipartition",
    "cosines",
    "place_returning",
]

CLUSTER = "cfl-cluster"
"""Cluster of each client, (N,) int64."""
FEWEST_TO_SPLIT = 3
"""Clients that a cluster must have to be split, as in the authors' code."""
LAST_TO_SPLIT = 2**51
"""Clusters with larger numbers are not split, so that numbers stay exact as float64."""


@dataclass(frozen=True, kw_only=True)
class CflSettings:
    """CFL: a cluster is split in two if the steps of its clients disagree.

    The authors' thresholds, 0.4 and 1.6, are norms of steps of their networks; these are ratios.
    """

    cfl_stationary: float = 0.25
    """A cluster may be split if its mean step is shorter than this times its longest step. The
    authors' eps1 and eps2 give 0.4 / 1.6."""
    cfl_moving: float = 0.1
    """It must also have a step longer than this times the longest path of Adam."""
    cfl_lr: float = 0.003
    """Adam's learning rate."""
    cfl_loss: LossName = "aligned"
    """Loss of the local steps; plain is the paper's."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_positive("cfl_stationary", self.cfl_stationary, zero=True)
        require_positive("cfl_moving", self.cfl_moving, zero=True)
        require_positive("cfl_lr", self.cfl_lr)


@dataclass(frozen=True, kw_only=True, eq=False)
class Cfl(TwoPhase):
    """All steps on one prompt; each client carries the number of its cluster for the server."""

    def begin(self, batch: ClientBatch, state: PromptState) -> PromptState:
        """Put all clients into one cluster."""
        count, device = state.num_clients, state.shared_NTW.device
        return state.replace(extra={CLUSTER: torch.zeros(count, dtype=torch.int64, device=device)})

    def sent(self, state: PromptState) -> Mapping[str, FloatArray]:
        """Send the cluster's number, which the server knows."""
        return {"cluster": state.extra[CLUSTER].double().cpu().numpy()}


def cosines(step_nM: FloatArray) -> FloatArray:
    """Return the cosines of all pairs of steps, (n, n); 0 where a step is 0."""
    norm_n1 = np.linalg.norm(step_nM, axis=1, keepdims=True)
    unit_nM = step_nM / np.maximum(norm_n1, 1e-12)
    return np.asarray(unit_nM @ unit_nM.T, dtype=np.float64)


def bipartition(cosine_nn: FloatArray) -> IntArray:
    """Split clients in two by complete linkage on the cosines of their steps; 0 or 1 for each."""
    from sklearn.cluster import AgglomerativeClustering

    linkage = AgglomerativeClustering(n_clusters=2, metric="precomputed", linkage="complete")
    return np.asarray(linkage.fit_predict(1.0 - cosine_nn), dtype=np.int64)


def place_returning(cluster_n: IntArray, step_nM: FloatArray) -> IntArray:
    """Assign clients that were away when their cluster was split.

    Each goes to the part of its old cluster whose mean step of this round is nearest to its own by
    cosine. If no client of any part is present, it keeps its cluster.
    """
    placed_n = cluster_n.copy()
    for old in np.unique(cluster_n):
        parts = [part for part in np.unique(cluster_n) if _lies_below(int(part), int(old))]
        if not parts:
            continue
        means = np.stack([step_nM[cluster_n == part].mean(axis=0) for part in parts])
        for i in np.flatnonzero(cluster_n == old):
            near = cosines(np.vstack([step_nM[i], means]))[0, 1:]
            placed_n[i] = parts[int(near.argmax())]
    return placed_n


def _lies_below(part: int, cluster: int) -> bool:
    """Tell whether one cluster is a part of another."""
    while part > cluster:
        part = (part - 1) // 2
        if part == cluster:
            return True
    return False


@dataclass(frozen=True, kw_only=True)
class SplitClusters:
    """Split stationary clusters whose clients still move; average inside clusters."""

    stationary: float
    """Split if |mean step| < this x the longest step ..."""
    moving: float
    """... and the longest step > this x `reach` x sqrt(M)."""
    reach: float
    """The longest path of one number under Adam in a round: rate x steps."""

    def __call__(self, contribution: Contribution) -> ExchangeResult:
        """Assign, split, and give each participant its cluster's mean."""
        step_nM = contribution.update_nM - contribution.before_nM
        cluster_n = place_returning(contribution.sent["cluster"].astype(np.int64), step_nM)
        for cluster in np.unique(cluster_n):
            (members,) = np.nonzero(cluster_n == cluster)
            if self.must_split(step_nM[members]) and cluster < LAST_TO_SPLIT:
                half = bipartition(cosines(step_nM[members]))
                cluster_n[members] = 2 * cluster + 1 + half
        update_nM = np.empty_like(contribution.update_nM)
        for cluster in np.unique(cluster_n):
            own = cluster_n == cluster
            update_nM[own] = contribution.update_nM[own].mean(axis=0)
        size = update_nM.shape[1]
        return ExchangeResult(
            clients_r=contribution.clients_n,
            update_rM=update_nM,
            given={CLUSTER: cluster_n.astype(np.float64)},
            bytes_client=bytes_of(size, size),
            k=len(np.unique(cluster_n)),
            labels_n=cluster_n,
        )

    def must_split(self, step_mM: FloatArray) -> bool:
        """Tell whether a cluster is stationary as a whole while its clients still move."""
        mean_norm = float(np.linalg.norm(step_mM.mean(axis=0)))
        longest = float(np.linalg.norm(step_mM, axis=1).max())
        farthest = self.reach * np.sqrt(step_mM.shape[1])
        return bool(
            len(step_mM) >= FEWEST_TO_SPLIT
            and mean_norm < self.stationary * longest
            and longest > self.moving * farthest
        )


def trainer(settings: MethodSettings[CflSettings], seeds: Seeds) -> Cfl:
    """Make the trainer of a run's settings."""
    own = settings.own
    return Cfl(plan=one_prompt(settings.training, lr=own.cfl_lr, loss=own.cfl_loss))


def begin(context: MethodContext[CflSettings]) -> SplitClusters:
    """Take the thresholds from the settings."""
    own = context.settings.own
    return SplitClusters(
        stationary=own.cfl_stationary,
        moving=own.cfl_moving,
        reach=own.cfl_lr * context.settings.training.local_steps,
    )


METHOD = Method(
    card=Card(
        name="cfl",
        title="CFL",
        sends="its prompt, in the clear, to the server",
        gets="the mean prompt of its cluster",
        keeps="its images",
        privacy="none: the server sees every prompt and forms the clusters",
        source="CFL (Sattler et al., IEEE TNNLS 2021) on prompts, thresholds relative",
    ),
    settings=CflSettings,
    trainer=trainer,
    begin=begin,
    prototypes="by label",
)
