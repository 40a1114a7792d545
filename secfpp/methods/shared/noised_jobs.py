"""The jobs of SecFPP with noise inside the secure sum: those that find clusters, those that move.

It works without torch, for a server that has none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from mpc.jobs.job import ClusterJob
from secfpp.config.clustering import ClusteringConfig
from secfpp.config.inside import InsideConfig
from secfpp.config.privacy import PrivacyConfig
from secfpp.methods.shared.round_job import job_of
from secfpp.privacy.inside import InsideNoise, Release, calibrate_inside

__all__ = ["CLUSTERS_OF", "NoisedJobs"]

CLUSTERS_OF: Final = "clusters, "
"""What the label of a job that finds clusters begins with."""
_FINGERPRINT_ITERATIONS: Final = 2


@dataclass(frozen=True, kw_only=True)
class NoisedJobs:
    """Makes the jobs of a run."""

    clustering: ClusteringConfig
    inside: InsideConfig
    privacy: PrivacyConfig
    rounds: int
    seed: int = 0
    """Of the public draws of first centres."""

    @property
    def noise(self) -> InsideNoise:
        """The noise of all rounds."""
        if self.inside.dp_guarantee != "pipeline":
            return calibrate_inside(self.privacy, self.rounds)
        return calibrate_inside(
            self.privacy,
            self.rounds,
            size_share=self.inside.dp_size_share,
            clustering_share=self.inside.dp_clustering_share,
            centre_updates=self.inside.dp_iterations - 1,
        )

    def clusters(self, num_clients: int, label: str) -> ClusterJob:
        """Find clusters of descriptors, without noise, and open nothing."""
        return self._opening_nothing(num_clients, label)

    def given_clusters(self, num_clients: int, first_rows: Sequence[int], label: str) -> ClusterJob:
        """Take public clusters, one-hot points, of which these rows are the first; open nothing."""
        return replace(
            self._opening_nothing(num_clients, label),
            k=len(first_rows),
            init="farthest-first",
            init_rows=tuple(first_rows),
            restarts=1,
            iterations=1,
        )

    def former_clusters(self, num_clients: int, label: str) -> ClusterJob:
        """Find clusters of equal points, which stand for prompts received before; open nothing."""
        return replace(
            self._opening_nothing(num_clients, label),
            init="farthest-first",
            restarts=1,
            iterations=_FINGERPRINT_ITERATIONS,
        )

    def move(self, num_clients: int, k: int, round_index: int, label: str) -> ClusterJob:
        """Average noised steps in the clusters that the parties keep; points are not looked at."""
        return self._noised(min(k, num_clients), self.noise.of_round(round_index), label)

    def cluster_and_move(self, num_clients: int, label: str) -> ClusterJob:
        """Cluster with noised centres, and average noised steps: the first round of a pipeline."""
        release = self.noise.first
        return replace(
            self._noised(min(self.clustering.k or 1, num_clients), release, label),
            guarantee="pipeline",
            start="fresh",
            init="directions",
            iterations=self.inside.dp_iterations,
            centre_share=release.centre_share,
            evaluate=self.clustering.evaluate,
        )

    def _opening_nothing(self, num_clients: int, label: str) -> ClusterJob:
        """Return a job whose clusters are all below the minimum size."""
        job = job_of(self.clustering, num_clients, seed=self.seed, label=f"{CLUSTERS_OF}{label}")
        return replace(job, reveal="own-mean", min_cluster_size=num_clients + 1, payload_bound=1.0)

    def _noised(self, k: int, release: Release, label: str) -> ClusterJob:
        """Return the job of a round's noised means."""
        return ClusterJob(
            k=k,
            comparisons=self.clustering.comparisons,
            iterations=1,
            start="warm",
            seed=self.seed,
            min_cluster_size=self.clustering.min_cluster_size,
            evaluate=False,  # labels were opened, if at all, when the clusters were found
            centre=False,
            norm_bound=1.0,
            payload_bound=self.inside.dp_clip_norm,
            label=label,
            guarantee="known-assignment",
            noise_multiplier=release.noise_multiplier,
            delta=self.privacy.delta,
            releases=1 if release.centre_updates else self.rounds,
            size_share=release.size_share,
        )
