"""Features of images as the mean over five crops: the whole image and four overlapping quadrants.

Averaging over shifted crops is a common augmentation at test time. Here training images have it,
too, so that every method learns and classifies with the same features.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from secfpp.clip.features import cached_array, digest_of
from secfpp.clip.model import BATCH_SIZE, FrozenClip
from secfpp.clip.patches import CROP_FRACTION, crop_boxes
from secfpp.data.cache import default_cache_dir
from secfpp.data.domains import Domain, DomainSet

# Legend: N images, H height, W width, E embedding.

__all__ = ["encode_crops"]

_FORMAT = 1


def encode_crops(
    clip: FrozenClip, domain_set: DomainSet, cache_dir: Path | None = None
) -> tuple[NDArray[np.float32], ...]:
    """Return the mean features of the crops of every image of every domain.

    Parameters
    ----------
    clip : FrozenClip
    domain_set : DomainSet
    cache_dir : Path, optional
        None: the user's cache folder.

    Returns
    -------
    tuple of ndarray of float32, each of shape (N, E)
        Unit norm, in the order of the domains.
    """
    folder = (default_cache_dir() if cache_dir is None else cache_dir) / "features"
    return tuple(_features(clip, domain, folder) for domain in domain_set.domains)


def _features(clip: FrozenClip, domain: Domain, folder: Path) -> NDArray[np.float32]:
    """Return one domain's features, from the cache if it holds them."""
    return cached_array(
        folder / f"{digest_of(clip, domain, ('crops', _FORMAT, CROP_FRACTION))}.safetensors",
        (len(domain), clip.embed_dim),
        lambda: _compute(clip, domain),
    )


def _compute(clip: FrozenClip, domain: Domain) -> NDArray[np.float32]:
    """Read all images of a domain, a batch at a time."""
    features_NE = np.empty((len(domain), clip.embed_dim), dtype=np.float32)
    for start in range(0, len(domain), BATCH_SIZE):
        images_NHW3 = np.asarray(domain.images_NHW3[start : start + BATCH_SIZE])
        boxes = crop_boxes(images_NHW3.shape[1], images_NHW3.shape[2])
        total_NE = torch.stack([clip.encode_images(images_NHW3[:, *box]) for box in boxes]).sum(0)
        rows = slice(start, start + len(images_NHW3))
        features_NE[rows] = functional.normalize(total_NE, dim=-1).cpu().numpy()
    return features_NE
