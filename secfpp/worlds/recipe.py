"""What a world is made from: drawing styles, names, the image tower, and all numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from secfpp.data.sources import Source
from secfpp.errors import ConfigError
from secfpp.worlds.packages import NpmPackage
from secfpp.worlds.variants import Variant


@dataclass(frozen=True, kw_only=True)
class Style:
    """One drawing style; a domain of the world.

    Parameters
    ----------
    name : str
        Name of the domain.
    words : str
        Words that captions of the pre-training images may use for the style.
    package : NpmPackage
        An icon set of Iconify: ``icons.json``, and ``chars.json`` if `codes_from` is None.
    author, licence, source : str
        Of the art, as the package states them.
    codes_from : NpmPackage, optional
        Icon set with the same icon names whose ``chars.json`` serves this one, too.
    """

    name: str
    words: str
    package: NpmPackage
    author: str
    licence: str
    source: str
    codes_from: NpmPackage | None = None


@dataclass(frozen=True, kw_only=True)
class ImageTower:
    """The image tower.

    Parameters
    ----------
    name : str
        Architecture of timm.
    weights : Source, optional
        File of an installed package with trained weights, in the order of timm's tensors. None:
        random weights, for tests.
    mean, std : float
        Of pixels in 0..1, as in its training.
    licence : str
    """

    name: str
    weights: Source | None
    mean: float
    std: float
    licence: str


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that the built files depend on, apart from library versions."""

    styles: tuple[Style, ...]
    """Drawing styles, at least two."""
    names: NpmPackage
    """Package with ``emoji.json``: code, name and subgroup of each character."""
    names_licence: str
    """Licence of that list."""
    tower: ImageTower
    """The image tower."""
    worlds: Mapping[str, Mapping[str, Variant]]
    """What is changed in each world, by world and style; other styles stay as they are."""
    seed: int = 0
    """Of the split, of ways of naming classes, of captions, their order, and first weights."""
    num_classes: int = 24
    """Subgroups with the most names are the classes."""
    train_per_class: int = 10
    """Names of a class for federated training."""
    test_per_class: int = 8
    """Names of a class for tests; the others are for pre-training."""
    image_size: int = 128
    """Side of the drawings in pixels."""
    embed_dim: int = 256
    """Dimensions of the common space."""
    text_width: int = 128
    """Width of the text tower."""
    text_layers: int = 4
    """Layers of the text tower."""
    steps: int = 800
    """Optimiser steps of the contrastive training."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        least = {"num_classes": 2, "train_per_class": 1, "test_per_class": 1, "image_size": 8}
        least |= {"seed": 0, "embed_dim": 1, "text_width": 32, "text_layers": 1, "steps": 1}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise ConfigError(
                    f"{name}={getattr(self, name)} but it must be at least {low}; change {name}"
                )
        if len({style.name for style in self.styles}) < max(2, len(self.styles)):
            raise ConfigError("a world needs two drawing styles at least, with different names")
