"""The budget of differential privacy."""

from dataclasses import dataclass

from secfpp.config.checks import require


@dataclass(frozen=True, kw_only=True)
class PrivacyConfig:
    """The budget of differentially private methods: each has the whole of it."""

    epsilon: float = 8.0
    """Budget of the whole run."""
    delta: float = 1e-5
    """Probability with which the budget may fail; below 1 over the number of units, that is of
    clients, or of images for dp-fpl."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require(0 < self.epsilon <= 1e9, "privacy.epsilon", self.epsilon, "above 0, at most 1e9")
        require(0 < self.delta < 1, "privacy.delta", self.delta, "between 0 and 1")
