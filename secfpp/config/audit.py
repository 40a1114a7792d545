"""What an audit of epsilon audits, and how much."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from secfpp.config.checks import require

__all__ = ["AUDITED", "FAULTS_OF", "QUICKLY_AUDITED", "AuditConfig", "AuditedName", "Fault"]

AuditedName = Literal[
    "dp-promptfl", "ldp-promptfl", "dp-clusters", "dp-secfpp-plain", "dp-secfpp", "dp-fpl"
]
AUDITED: Final[tuple[AuditedName, ...]] = get_args(AuditedName)
"""Methods that claim an epsilon."""
QUICKLY_AUDITED: Final[tuple[AuditedName, ...]] = (
    "dp-promptfl",
    "ldp-promptfl",
    "dp-clusters",
    "dp-secfpp-plain",
    "dp-fpl",
)
"""Those that need no further processes."""
Fault = Literal[
    "no-clipping", "half-noise", "one-release", "reused-noise", "split-noise", "no-sampling"
]
"""A deliberate fault: contributions are not clipped; half the noise; noise of one release although
there are many; the noise of the first release in all; the noise of one party split among all
parties; every image in every sample."""
_OF_SUMS: Final[tuple[Fault, ...]] = ("no-clipping", "half-noise", "one-release", "reused-noise")
FAULTS_OF: Final[dict[str, tuple[Fault, ...]]] = {
    "dp-promptfl": _OF_SUMS,
    "ldp-promptfl": _OF_SUMS,
    "dp-clusters": _OF_SUMS,
    "dp-secfpp-plain": (*_OF_SUMS, "split-noise"),
    "dp-secfpp": (),
    "dp-fpl": ("no-clipping", "half-noise", "one-release", "no-sampling"),
}
"""Deliberate faults by method. Parties that run as processes of their own have none."""


@dataclass(frozen=True, kw_only=True)
class AuditConfig:
    """How much to audit."""

    canaries: int = 5000
    """Canaries of one audit, over all of its runs; rounded up to whole runs, at least two."""
    confidence: float = 0.95
    """Confidence of the lower bounds, of all of an audit together."""
    real_training: bool = False
    """Whether canaries are the clients of a simulation, which train on images. Otherwise they are
    contributions made for the purpose."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require(self.canaries >= 2, "canaries", self.canaries, "at least 2")
        require(0.5 <= self.confidence < 1, "confidence", self.confidence, "in 0.5..1")
