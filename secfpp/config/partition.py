"""How images are partitioned among clients."""

from dataclasses import dataclass
from typing import Literal, get_args

from secfpp.errors import ConfigError

Scheme = Literal["domain-dirichlet", "domain", "dirichlet", "pathological"]
Domains = Literal["each", "mixed"]
ScoreOn = Literal["reporting", "validation"]


@dataclass(frozen=True, kw_only=True)
class PartitionConfig:
    """How images are partitioned among clients."""

    scheme: Scheme = "domain-dirichlet"
    """How a domain's training images go to its clients. domain-dirichlet: each client draws a label
    mix of its own. domain: evenly. dirichlet: each class is divided by shares of the clients.
    pathological: each class goes to one client."""
    domains: Domains = "each"
    """Whether a client belongs to one domain (each), or has images of all alike (mixed). If mixed,
    there are as many clients, and all are tested on the same images."""
    clients_per_domain: int = 4
    """Clients that share a domain."""
    images_per_client: int = 30
    """Training images of a client."""
    validation_images_per_client: int = 10
    """Images that a client holds out for choices of its own, drawn like its training images."""
    label_mix: float = 3.0
    """Concentration of the Dirichlet schemes; larger is nearer to uniform."""
    test_images_per_domain: int = 600
    """Test images of a domain, balanced over the classes as far as possible."""
    score_on: ScoreOn = "reporting"
    """Which images accuracies are measured on. reporting: images that no run trains or validates
    on. validation: images of the other part that no client of this run has; for every choice of
    settings, so that none sees a reporting image."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name, choices in (("scheme", Scheme), ("domains", Domains), ("score_on", ScoreOn)):
            if getattr(self, name) not in get_args(choices):
                raise ConfigError(
                    f"partition.{name}={getattr(self, name)!r} but it must be one of "
                    f"{', '.join(get_args(choices))}; change partition.{name}"
                )
        for name in ("clients_per_domain", "images_per_client", "test_images_per_domain"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"partition.{name}={getattr(self, name)} but it must be at least 1; "
                    f"change partition.{name}"
                )
        if self.validation_images_per_client < 0:
            raise ConfigError(
                f"partition.validation_images_per_client={self.validation_images_per_client} but "
                "it must be at least 0; change partition.validation_images_per_client"
            )
        if not 0 < self.label_mix <= 1e9:
            raise ConfigError(
                f"partition.label_mix={self.label_mix} but a Dirichlet concentration is above 0 "
                "and at most 1e9; change partition.label_mix"
            )
