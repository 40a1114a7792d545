"""Small images in the layouts that the readers expect."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from secfpp.data.readers.coop import LAYOUTS


def save(
    path: Path, colour: tuple[int, int, int] = (200, 10, 10), size: tuple[int, int] = (40, 30)
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def save_noise(path: Path, seed: int, size: int = 12) -> Path:
    """Save an image that is like no other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def coop_split(base: Path, name: str, parts: Mapping[str, Sequence[Sequence[Any]]]) -> Path:
    """Write a split file of CoOp's and the images it names; return its path."""
    layout = LAYOUTS[name]
    for lines in parts.values():
        for file, label, _ in lines:
            save(base / layout.images / file, colour=(10 * label, 0, 0), size=(9, 9))
    path = base / layout.split
    path.write_text(json.dumps(parts))
    return path
