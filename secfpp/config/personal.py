"""What a client adds to its prompt from its own images, whatever the method."""

import math
from dataclasses import dataclass

from secfpp.config.checks import LARGEST, require, require_positive


@dataclass(frozen=True, kw_only=True)
class PersonalConfig:
    """What a client adds to its prompt from its own images, whatever the method."""

    memory: bool = True
    """Let the client's own training images vote for their classes. They never leave the client."""
    prior: bool = True
    """Let the client prefer the classes of which it has many training images."""
    prototypes: bool = True
    """Average mean image features of classes together with the prompt, inside the same clusters and
    under the same sharing, and let them vote, too."""
    choose: bool = True
    """Let each client choose how much each part counts, by its own validation images. Nothing of
    the choice is sent. Otherwise the prompt counts as it was trained, and each other part by the
    mean of its weights."""
    memory_sharpness: float = 20.0
    """Sharpness of the memory: an image at cosine c votes with exp(-sharpness (1 - c))."""
    memory_weights: tuple[float, ...] = (0.0, 5.0, 10.0, 20.0, 40.0)
    """Weights of the memory to choose from."""
    prior_weights: tuple[float, ...] = (0.0, 0.5, 1.0)
    """Weights of the logarithm of the client's label mix to choose from."""
    prototype_weights: tuple[float, ...] = (0.0, 20.0, 40.0)
    """Weights of cosines with the prototypes to choose from."""

    @property
    def adds_anything(self) -> bool:
        """Whether any part is on."""
        return self.memory or self.prior or self.prototypes or self.choose

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_positive("personal.memory_sharpness", self.memory_sharpness, zero=True)
        for name in ("memory_weights", "prior_weights", "prototype_weights"):
            weights = getattr(self, name)
            require(
                bool(weights) and all(math.isfinite(w) and 0 <= w <= LARGEST for w in weights),
                f"personal.{name}",
                weights,
                f"at least one number, each at least 0 and at most {LARGEST:g}",
            )
