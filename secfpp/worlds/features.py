"""Features of the pre-training drawings by the image tower, before the projection; cached."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.model import CustomTextCLIP
from PIL import Image

from secfpp.clip.features import cached_array
from secfpp.worlds.recipe import ImageTower

# Legend: N drawings, D features of the image tower.

_BATCH_SIZE = 32  # larger batches leave the cache of a core


def trunk_features(
    model: CustomTextCLIP, tower: ImageTower, paths: Sequence[Path], cache: Path
) -> NDArray[np.float32]:
    """Return features of drawings in files, (N, D); from the file `cache` if it is there."""
    width = int(model.visual.trunk.num_features)
    return cached_array(cache, (len(paths), width), lambda: _compute(model, tower, paths))


def _compute(
    model: CustomTextCLIP, tower: ImageTower, paths: Sequence[Path]
) -> NDArray[np.float32]:
    trunk = model.visual.trunk.to(memory_format=torch.channels_last)
    features = []
    with torch.no_grad():
        for start in range(0, len(paths), _BATCH_SIZE):
            images_BHW3 = np.stack([_read(path) for path in paths[start : start + _BATCH_SIZE]])
            # Permuted, the pixels are in the order of channels_last.
            pixels = torch.from_numpy(images_BHW3).permute(0, 3, 1, 2).float() / 255
            features.append(trunk((pixels - tower.mean) / tower.std).numpy())
    return np.concatenate(features).astype(np.float32)


def _read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8)
