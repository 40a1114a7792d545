"""The budget of differential privacy."""

from dataclasses import dataclass

from secfpp.config.checks import require, require_positive


@dataclass(frozen=True, kw_only=True)
class PrivacyConfig:
    """The budget of differentially private methods: each has the whole of it."""

    epsilon: float = 8.0
    """Budget of the whole run."""
    delta: float = 1e-5
    """Probability with which the budget may fail; below 1 over the number of units, that is of
    clients, or of images for dp-fpl."""
    clip_norm: float = 0.3
    """Bound on the L2 norm of one client's step in one round, for dp-promptfl."""
    clip_norm_local: float = 0.01
    """The same for ldp-promptfl, with as much noise in every client's step as in a sum."""
    clip_norm_clusters: float = 0.03
    """The same for dp-clusters, whose sums have fewer clients."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require(0 < self.epsilon <= 1e9, "privacy.epsilon", self.epsilon, "above 0, at most 1e9")
        require(0 < self.delta < 1, "privacy.delta", self.delta, "between 0 and 1")
        for name in ("clip_norm", "clip_norm_local", "clip_norm_clusters"):
            require_positive(f"privacy.{name}", getattr(self, name))
