"""Named random generators for experiments, all derived from one root seed.

Each stream is a `numpy.random.SeedSequence` of the root seed and a digest of the name. Two names
never share a stream, and a new name changes no other stream. Generators are for experiments only:
masks, shares and privacy noise come from the operating system.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from secfpp.errors import ConfigError

if TYPE_CHECKING:
    import torch

__all__ = ["Seeds"]


@dataclass(frozen=True)
class Seeds:
    """Generators of one run, by name.

    Parameters
    ----------
    root : int
        Root seed, at least 0; a run records it.
    """

    root: int

    def __post_init__(self) -> None:
        """Refuse a negative root."""
        if self.root < 0:
            raise ConfigError(f"seed {self.root} is below 0; give a seed of 0 or more")

    def sequence(self, name: str) -> np.random.SeedSequence:
        """Return the seed sequence of a name."""
        digest = hashlib.sha256(name.encode()).digest()
        words = np.frombuffer(digest[:16], dtype="<u4")
        return np.random.SeedSequence(self.root, spawn_key=tuple(int(word) for word in words))

    def numpy(self, name: str) -> np.random.Generator:
        """Return a fresh NumPy generator, the same at each call with the same name."""
        return np.random.default_rng(self.sequence(name))

    def torch(self, name: str, device: torch.device | str = "cpu") -> torch.Generator:
        """Return a fresh torch generator, the same at each call with the same name."""
        import torch  # the server draws, too, and needs none

        return torch.Generator(device=device).manual_seed(self.number(name))

    def number(self, name: str) -> int:
        """Return a number of 63 bits, the same at each call with the same name."""
        state = self.sequence(name).generate_state(1, dtype=np.uint64)
        return int(state[0] >> np.uint64(1))
