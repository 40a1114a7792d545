"""How clients are clustered, and what is opened."""

from dataclasses import dataclass
from typing import Literal

from mpc.jobs.comparisons import Comparisons
from mpc.jobs.job import RevealPolicy
from secfpp.config.checks import require

DescriptorName = Literal[
    "text-shift",
    "text-features",
    "update",
    "prompt",
    "projected-update",
    "projected-prompt",
    "mean-image",
]


@dataclass(frozen=True, kw_only=True)
class ClusteringConfig:
    """How clients are clustered."""

    k: int | None = 5
    """Clusters. None (`none` on the command line): chosen under sharing from 1 to `k_max`;
    everybody learns the number."""
    k_max: int = 8
    """The most clusters to choose if k is None."""
    iterations: int = 20
    """Iterations of k-means."""
    warm: bool = True
    """Begin each round after the first at the clusters of the round before, which stay secret. It
    takes half the messages. A round begins fresh if too few of its clients were in the rounds
    before, after a resumption, or if distances are opened."""
    warm_iterations: int = 1
    """Iterations of a round that begins warm; those of the next round follow."""
    fresh_every: int = 5
    """Every so many rounds a fresh start runs beside the warm one, and the better one is kept. If k
    is None, it is chosen anew in these rounds."""
    reveal: RevealPolicy = "own-mean"
    """What is opened: each client its own cluster's mean; labels too; distances too."""
    min_cluster_size: int = 3
    """Nothing is opened of a smaller cluster, and its clients keep their own update. Baselines that
    average in the clear give them the mean of all clients."""
    comparisons: Comparisons = "auto"
    """How numbers are compared under sharing: by function secret sharing (fewest rounds), look-up
    tables (fewest bytes), Boolean circuits (most rounds), or whichever of the first two pays."""
    descriptor: DescriptorName = "text-shift"
    """The descriptor of a client that is clustered."""
    describe_once: bool = True
    """Keep the descriptor of a client's first round for all rounds. Later ones are made after
    averaging, which makes clients of a cluster alike, whether they belong together or not."""
    projection_dim: int = 64
    """Dimensions kept by the projected descriptors."""
    evaluate: bool = True
    """Open the labels to an evaluator, who knows the true domains, for the adjusted Rand index. It
    is for simulations, stands in the ledger, and is off with parties on other hosts."""

    def __post_init__(self) -> None:
        """Refuse values out of range or in contradiction."""
        require(self.k is None or self.k >= 1, "clustering.k", self.k, "at least 1")
        require(1 <= self.k_max <= 16, "clustering.k_max", self.k_max, "in 1..16")
        require(
            1 <= self.iterations <= 1000,
            "clustering.iterations",
            self.iterations,
            "in 1..1000",
        )
        require(
            1 <= self.warm_iterations <= 1000,
            "clustering.warm_iterations",
            self.warm_iterations,
            "in 1..1000",
        )
        require(self.fresh_every >= 1, "clustering.fresh_every", self.fresh_every, "at least 1")
        require(
            self.min_cluster_size >= 1,
            "clustering.min_cluster_size",
            self.min_cluster_size,
            "at least 1",
        )
        require(
            self.projection_dim >= 1, "clustering.projection_dim", self.projection_dim, "at least 1"
        )
