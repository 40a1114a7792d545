"""What a differentially private method guarantees, in full: no bare epsilon."""

from dataclasses import dataclass

__all__ = ["PrivacyStatement"]


@dataclass(frozen=True, kw_only=True)
class PrivacyStatement:
    """A guarantee with everything that it depends on."""

    epsilon_target: float
    """The budget that was asked for."""
    epsilon_pld: float
    """Epsilon of the noise actually used, by privacy loss distributions (tight)."""
    epsilon_rdp: float
    """The same by Renyi differential privacy (an upper bound that is easier to check)."""
    delta: float
    """Probability with which the loss may exceed epsilon."""
    noise_multiplier: float
    """Standard deviation of the noise over the sensitivity of the sum."""
    clip_norm: float
    """Bound on the L2 norm of one client's update in one round."""
    compositions: int
    """Releases of a noised sum."""
    unit: str = "client: all images and all rounds of one client"
    """Whose change is hidden."""
    neighbours: str = "one client's updates are replaced by zero in every round; N is public"
    """Which data sets are told apart at most by epsilon."""
    sampling: str = "none credited: a client is charged for every round, drawn or not"
    """Amplification by client sampling."""
    trust: str = "a central server sees every clipped update and adds the noise"
    """Who must be trusted."""

    @property
    def in_words(self) -> str:
        """One sentence to stand wherever the epsilon does."""
        return (
            f"epsilon {self.epsilon_pld:.2f} at delta {self.delta:g} (by Renyi DP "
            f"{self.epsilon_rdp:.2f}), {self.compositions} releases; unit: {self.unit}; "
            f"neighbours: {self.neighbours}; trust: {self.trust}"
        )
