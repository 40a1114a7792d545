"""Five crops of an image, the whole and four overlapping quadrants, each read as an image.

Averaging over shifted crops is a common augmentation at test time. Here training images have it,
too, so that every method learns and classifies with the same features.
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from secfpp.clip.model import BATCH_SIZE, FrozenClip
from secfpp.data.images import Images

# Legend: N images, H height, W width, R crops, E embedding.

__all__ = ["CROP_FRACTION", "NUM_CROPS", "crop_boxes", "encode_crops", "mean_of_crops"]

NUM_CROPS: Final = 5
CROP_FRACTION: Final = 0.875
"""Side of a quadrant by the side of the image."""


def crop_boxes(height: int, width: int) -> tuple[tuple[slice, slice], ...]:
    """Return rows and columns of the whole image and of four overlapping quadrants."""
    tall = max(1, round(height * CROP_FRACTION))
    wide = max(1, round(width * CROP_FRACTION))
    quadrants = [
        (slice(top, top + tall), slice(left, left + wide))
        for top in (0, height - tall)
        for left in (0, width - wide)
    ]
    return ((slice(0, height), slice(0, width)), *quadrants)


def encode_crops(clip: FrozenClip, images_NHW3: NDArray[np.uint8]) -> torch.Tensor:
    """Return unit-norm features of the crops of some images, in the order of `crop_boxes`.

    Returns
    -------
    Tensor of float32, (N, R, E)
    """
    boxes = crop_boxes(images_NHW3.shape[1], images_NHW3.shape[2])
    return torch.stack([clip.encode_images(images_NHW3[:, *box]) for box in boxes], dim=1)


def mean_of_crops(clip: FrozenClip, images_NHW3: Images) -> NDArray[np.float32]:
    """Return the mean features of the crops of images, a batch at a time; unit norm, (N, E)."""
    features_NE = np.empty((len(images_NHW3), clip.embed_dim), dtype=np.float32)
    for start in range(0, len(images_NHW3), BATCH_SIZE):
        batch_NHW3 = np.asarray(images_NHW3[start : start + BATCH_SIZE])
        total_NE = encode_crops(clip, batch_NHW3).sum(dim=1)
        rows = slice(start, start + len(batch_NHW3))
        features_NE[rows] = functional.normalize(total_NE, dim=-1).cpu().numpy()
    return features_NE
