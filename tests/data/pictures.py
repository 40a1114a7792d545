"""Small images in the layouts that the readers expect."""

import json

import numpy as np
from PIL import Image

from secfpp.data.readers.coop import LAYOUTS


def save(path, colour=(200, 10, 10), size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def save_noise(path, seed, size=12):
    """Save an image that is like no other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def coop_split(base, name, parts):
    """Write a split file of CoOp's and the images it names; return its path."""
    layout = LAYOUTS[name]
    for lines in parts.values():
        for file, label, _ in lines:
            save(base / layout.images / file, colour=(10 * label, 0, 0), size=(9, 9))
    path = base / layout.split
    path.write_text(json.dumps(parts))
    return path
