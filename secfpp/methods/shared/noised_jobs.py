"""The jobs of SecFPP with noise inside the secure sum: those that find clusters, those that move.

It works without torch, for a server that has none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from mpc.jobs.job import ClusterJob
from mpc.jobs.privacy import Guarantee
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
        """The noise of all rounds.

        With guarantee `means`, sizes have noise in rounds that find clusters, and are given in
        others. The budget is reckoned as if all rounds found clusters, which takes most.
        """
        guarantee, inside = self.inside.dp_guarantee, self.inside
        if guarantee == "known-assignment":
            return calibrate_inside(self.privacy, self.rounds)
        if guarantee == "means":
            noise = calibrate_inside(self.privacy, self.rounds, size_share=inside.dp_size_share)
            return replace(noise, later=replace(noise.later, size_share=0.0))
        return calibrate_inside(
            self.privacy,
            self.rounds,
            size_share=inside.dp_size_share,
            clustering_share=inside.dp_clustering_share,
            centre_updates=inside.dp_iterations - 1,
        )

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

    def move(self, num_clients: int, k: int, label: str) -> ClusterJob:
        """Average noised steps in the clusters that the parties keep; points are not looked at."""
        kept = ClusterJob(
            k=min(k, num_clients),
            comparisons=self.clustering.comparisons,
            iterations=1,
            start="warm",
            seed=self.seed,
            min_cluster_size=self.clustering.min_cluster_size,
            evaluate=False,  # labels were opened, if at all, when the clusters were found
            centre=False,
            norm_bound=1.0,
            label=label,
        )
        return self._noised(kept, "known-assignment", self.noise.later)

    def cluster_and_move(self, num_clients: int, label: str) -> ClusterJob:
        """Find clusters, and average noised steps in them.

        With guarantee `pipeline` centres have noise. With `means` they have none.
        """
        found = job_of(self.clustering, num_clients, seed=self.seed, label=label)
        if self.inside.dp_guarantee == "means":
            return self._noised(found, "means", self.noise.first)
        directions = replace(
            found,
            k=min(self.clustering.k or 1, num_clients),
            init="farthest-first",
            restarts=1,
            iterations=self.inside.dp_iterations,
        )
        return self._noised(directions, "pipeline", self.noise.first)

    def _opening_nothing(self, num_clients: int, label: str) -> ClusterJob:
        """Return a job whose clusters are all below the minimum size."""
        job = job_of(self.clustering, num_clients, seed=self.seed, label=f"{CLUSTERS_OF}{label}")
        return replace(job, reveal="own-mean", min_cluster_size=num_clients + 1, payload_bound=1.0)

    def _noised(self, job: ClusterJob, guarantee: Guarantee, release: Release) -> ClusterJob:
        """Return a job with a round's noise."""
        pipeline = guarantee == "pipeline"
        return replace(
            job,
            guarantee=guarantee,
            init="directions" if pipeline else job.init,
            payload_bound=self.inside.dp_clip_norm,
            noise_multiplier=release.noise_multiplier,
            delta=self.privacy.delta,
            releases=1 if pipeline else self.rounds,
            size_share=release.size_share,
            centre_share=release.centre_share if pipeline else job.centre_share,
        )
