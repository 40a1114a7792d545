"""Differential privacy inside the secure sum: what is covered, and how the budget is divided."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from secfpp.config.checks import require, require_positive

__all__ = ["GUARANTEES", "GuaranteeName", "InsideConfig"]

GuaranteeName = Literal["pipeline", "known-assignment", "means"]
GUARANTEES: Final[tuple[GuaranteeName, ...]] = get_args(GuaranteeName)


@dataclass(frozen=True, kw_only=True)
class InsideConfig:
    """Noise that computing parties add to cluster sums under sharing, for dp-secfpp.

    The budget is `privacy.epsilon` and `privacy.delta`.
    """

    dp_guarantee: GuaranteeName = "pipeline"
    """What the noise covers. pipeline: descriptors and steps; the first round clusters with noised
    centres, which are never opened, and its clusters stay. known-assignment: steps; the clusters
    are public, here the true domains. means: steps; the clusters of the first round come from
    descriptors without noise, and are not covered."""
    dp_clip_norm: float = 0.12
    """Bound on the L2 norm of one client's step in one round, for dp-secfpp; parties check it."""
    dp_clustering_share: float = 0.25
    """Part of a pipeline's budget that the noised centres have; the rest is for steps."""
    dp_iterations: int = 4
    """Reassignments of a pipeline's clustering. The first goes by public directions, each further
    one by centres with noise of their own."""
    dp_dims: int = 8
    """Dimensions that a pipeline keeps of a descriptor: fewer take less noise, and tell less. The
    axes are public: those along which descriptors of random prompts vary most."""
    dp_size_share: float = 0.05
    """Part of each release's budget that sizes of clusters have, in every round of a pipeline, and
    in the rounds of `means` that find clusters. Otherwise sizes follow from the clusters and have
    no noise."""
    dp_plain_draws: int | None = None
    """Draws of noise of dp-secfpp-plain. None: one for each computing party, as dp-secfpp has. 1:
    the noise that a trusted server would add."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require(
            self.dp_guarantee in GUARANTEES,
            "inside.dp_guarantee",
            self.dp_guarantee,
            f"one of {', '.join(GUARANTEES)}",
        )
        require_positive("inside.dp_clip_norm", self.dp_clip_norm)
        for name in ("dp_clustering_share", "dp_size_share"):
            share = getattr(self, name)
            require(0 < share < 1, f"inside.{name}", share, "above 0 and below 1")
        require(
            2 <= self.dp_iterations <= 64, "inside.dp_iterations", self.dp_iterations, "in 2..64"
        )
        require(self.dp_dims >= 1, "inside.dp_dims", self.dp_dims, "at least 1")
        draws = self.dp_plain_draws
        require(draws is None or 1 <= draws <= 5, "inside.dp_plain_draws", draws, "in 1..5")
