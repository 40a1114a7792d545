"""Image features of whole domains, cached on disk.

The image tower is frozen, so a model and an image always give the same feature. The key of a cached
file has the checksums of both, so that a stale file is never read.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from secfpp.clip.crops import CROP_FRACTION, mean_of_crops
from secfpp.clip.model import FrozenClip
from secfpp.config.workload import Views
from secfpp.data.cache import default_cache_dir
from secfpp.data.domains import Domain, DomainSet

# Legend: N images, E embedding.

_LOG = logging.getLogger(__name__)
_FORMAT = 1
_KEY = "features"


def encode_domains(
    clip: FrozenClip,
    domain_set: DomainSet,
    cache_dir: Path | None = None,
    *,
    views: Views = "whole",
) -> tuple[NDArray[np.float32], ...]:
    """Return the features of every image of every domain.

    Parameters
    ----------
    clip : FrozenClip
    domain_set : DomainSet
    cache_dir : Path, optional
        None: the user's cache folder.
    views : {"whole", "crops"}
        Whether a feature is of the whole image or the mean over its crops.

    Returns
    -------
    tuple of ndarray of float32, each of shape (N, E)
        Unit norm, in the order of the domains.
    """
    folder = (default_cache_dir() if cache_dir is None else cache_dir) / "features"
    return tuple(_features(clip, domain, folder, views) for domain in domain_set.domains)


def _features(clip: FrozenClip, domain: Domain, folder: Path, views: Views) -> NDArray[np.float32]:
    """Return one domain's features, from the cache if it holds them."""
    way: tuple[object, ...] = (_FORMAT,)
    if views == "crops":
        way = ("crops", _FORMAT, CROP_FRACTION)

    def compute() -> NDArray[np.float32]:
        if views == "crops":
            return mean_of_crops(clip, domain.images_NHW3)
        whole_NE: NDArray[np.float32] = clip.encode_images(domain.images_NHW3).cpu().numpy()
        return whole_NE

    path = folder / f"{digest_of(clip, domain, way)}.safetensors"
    return cached_array(path, (len(domain), clip.embed_dim), compute)


def cached_array(
    path: Path, shape: tuple[int, ...], compute: Callable[[], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return the array of a file; compute and cache it if the file cannot be used.

    A folder that cannot be written causes a warning; the array is then computed each time.
    """
    if path.is_file():
        try:
            cached: NDArray[np.float32] = load_file(path)[_KEY]
            if cached.shape == shape and cached.dtype == np.float32:
                return cached
            _LOG.warning("%s holds %s %s, not %s", path, cached.dtype, cached.shape, shape)
        except (OSError, KeyError, SafetensorError) as error:
            _LOG.warning("%s is damaged (%s); computing it again", path, error)
    computed = compute()
    try:
        _write(path, computed)
    except OSError as error:
        _LOG.warning("cannot cache image features in %s: %s", path.parent, error)
    return computed


def digest_of(clip: FrozenClip, domain: Domain, way: tuple[object, ...]) -> str:
    """Return the digest of everything that features depend on, the kind of device included.

    Parameters
    ----------
    clip : FrozenClip
    domain : Domain
    way : tuple
        The way in which features are made: numbers and strings.
    """
    preprocessing = sorted(clip.model.visual.preprocess_cfg.items())
    if clip.precision != "fp32":
        way = (*way, clip.precision)
    parts = (*way, clip.fingerprint, clip.device.type, preprocessing, domain.checksum)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _write(path: Path, features_NE: NDArray[np.float32]) -> None:
    """Write a draft and rename it, so that readers see all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    os.close(handle)
    try:
        save_file({_KEY: features_NE}, temporary)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
