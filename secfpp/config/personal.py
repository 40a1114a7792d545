"""What a client adds to its prompt from its own images, whatever the method."""

import math
from dataclasses import dataclass

from secfpp.config.checks import LARGEST, require, require_positive


@dataclass(frozen=True, kw_only=True)
class PersonalConfig:
    """What a client adds to its prompt from its own images, whatever the method."""

    memory: bool = True
    """Add a memory of the client's own training images to the logits of its prompt. It never leaves
    the client."""
    memory_sharpness: float = 20.0
    """Sharpness of the memory: an image at cosine c weighs exp(-sharpness (1 - c))."""
    memory_weight: float = 10.0
    """Weight of the memory where it is not chosen."""
    choose: bool = True
    """Let each client choose the weights of its memory and of the parts of its prompt, by its own
    validation images. Nothing of the choice is sent."""
    memory_weights: tuple[float, ...] = (0.0, 5.0, 10.0, 20.0, 40.0)
    """Weights of the memory to choose from."""
    prompt_weights: tuple[float, ...] = (0.0, 0.5, 1.0)
    """Weights of P_G (less the public start) and of P_L to choose from. P_L is weighed on top of
    the whole P_G. 1 is the prompt as trained."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_positive("personal.memory_sharpness", self.memory_sharpness, zero=True)
        require_positive("personal.memory_weight", self.memory_weight, zero=True)
        for name in ("memory_weights", "prompt_weights"):
            weights = getattr(self, name)
            require(
                bool(weights) and all(math.isfinite(w) and 0 <= w <= LARGEST for w in weights),
                f"personal.{name}",
                weights,
                f"at least one number, each at least 0 and at most {LARGEST:g}",
            )
        require(
            1.0 in self.prompt_weights,
            "personal.prompt_weights",
            self.prompt_weights,
            "a list with 1 in it, the prompt as trained",
        )
