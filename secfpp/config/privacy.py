"""The budget of differential privacy."""

from dataclasses import dataclass

from secfpp.config.checks import require


@dataclass(frozen=True, kw_only=True)
class PrivacyConfig:
    """The budget of differentially private methods; each method has the whole budget."""

    epsilon: float = 8.0
    """Budget of the whole run."""
    delta: float = 1e-5
    """Probability with which the guarantee may fail. It should be below 1 over the number of units:
    clients, or images for dp-fpl."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require(0 < self.epsilon <= 1e9, "privacy.epsilon", self.epsilon, "above 0, at most 1e9")
        require(0 < self.delta < 1, "privacy.delta", self.delta, "between 0 and 1")
