"""The whole guarantee of a differentially private method, not its epsilon alone."""

from dataclasses import dataclass

__all__ = ["PrivacyStatement"]


@dataclass(frozen=True, kw_only=True)
class PrivacyStatement:
    """A guarantee with everything that it depends on."""

    epsilon_target: float
    """The budget of the run."""
    epsilon_pld: float
    """Epsilon of the noise actually used, by privacy loss distributions (tight)."""
    epsilon_rdp: float
    """The same by Renyi differential privacy: an upper bound that is easier to check."""
    delta: float
    """Probability with which the privacy loss may exceed epsilon."""
    noise_multiplier: float
    """Standard deviation of the noise over `sensitivity`."""
    clip_norm: float
    """Bound on the L2 norm of what one unit adds to one release."""
    sensitivity: float
    """How far one unit moves one release at most, in L2 norm."""
    compositions: int
    """Noised releases that one unit takes part in, or may take part in."""
    sample_rate: float = 1.0
    """Probability with which a unit is in a release, drawn in secret; 1 without amplification."""
    unit: str = "client: all images and all rounds of one client"
    """The unit whose change is hidden."""
    neighbours: str = "one client's updates are replaced by zero in every round; N is public"
    """The neighbouring relation."""
    sampling: str = "none credited: a client is charged for every round, drawn or not"
    """Amplification by client sampling."""
    trust: str = "a central server sees every clipped update and adds the noise"
    """Who must be trusted."""
    covers: str = "everything that clients get from the server"
    """Everything that is computed from the noised releases alone."""
    epsilon_paper: float | None = None
    """Epsilon of the same noise by the formula of the method's paper, if it has one. This is not a
    guarantee."""
    guarantee: str = ""
    """Name of the guarantee, if the method has several to choose from."""
    noise_multiplier_clustering: float | None = None
    """Standard deviation over sensitivity of the noise inside the clustering, if the clustering has
    a share of the budget."""
    compositions_clustering: int = 0
    """Noised releases of the clustering."""

    @property
    def in_words(self) -> str:
        """One sentence for every place that shows the epsilon."""
        paper = ""
        if self.epsilon_paper is not None:
            paper = f"; by its paper's formula {self.epsilon_paper:.2f}"
        guarantee = f"guarantee: {self.guarantee}; " if self.guarantee else ""
        clustering = ""
        if self.compositions_clustering:
            clustering = f" and {self.compositions_clustering} of the clustering"
        return (
            f"{guarantee}epsilon {self.epsilon_pld:.2f} at delta {self.delta:g} (by Renyi DP "
            f"{self.epsilon_rdp:.2f}{paper}), {self.compositions} releases{clustering}; "
            f"unit: {self.unit}; neighbours: {self.neighbours}; sampling: {self.sampling}; "
            f"covers: {self.covers}; trust: {self.trust}"
        )
