"""Changes to the domains of a world, so that they conflict.

A drawing can be turned, mirrored or inverted. A domain can also name classes otherwise: pairs of
classes trade names, as when two organisations file the same things under different headings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secfpp.errors import ConfigError
from secfpp.seeds import Seeds


@dataclass(frozen=True, kw_only=True)
class Variant:
    """How a domain differs from its drawing style as it stands."""

    quarter_turns: int = 0
    """Counter-clockwise."""
    mirrored: bool = False
    """Left and right trade places."""
    inverted: bool = False
    """Light becomes dark, and each colour its complement."""
    naming: str = ""
    """Name of a way of naming classes; domains with the same one name them alike. Empty: as they
    are."""
    traded_pairs: int = 0
    """Pairs of classes that trade names."""

    def redraw(self, images_NHW3: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return changed drawings, uint8 (N, H, W, 3)."""
        turned = np.rot90(images_NHW3, self.quarter_turns, axes=(1, 2))
        mirrored = turned[:, :, ::-1] if self.mirrored else turned
        return np.ascontiguousarray(255 - mirrored if self.inverted else mirrored)

    def rename(self, class_names: Sequence[str], seed: int) -> dict[str, str]:
        """Return the name of each class in this domain.

        Raises
        ------
        ConfigError
            There are fewer classes than trade names.
        """
        if 2 * self.traded_pairs > len(class_names):
            raise ConfigError(
                f"{self.traded_pairs} pairs of classes cannot trade names: there are "
                f"{len(class_names)} classes"
            )
        order = Seeds(seed).numpy(f"naming {self.naming}").permutation(len(class_names)).tolist()
        names = dict(zip(class_names, class_names, strict=True))
        for pair in range(self.traded_pairs):
            one, other = (class_names[order[2 * pair + side]] for side in (0, 1))
            names[one], names[other] = other, one
        return names


AS_IT_IS = Variant()
