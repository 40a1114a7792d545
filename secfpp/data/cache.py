"""The embedded domains on disk: built once, checked at every reading."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np

from secfpp.data.digits import (
    CLASS_NAMES,
    PHRASE,
    RECIPE,
    build_digits,
    differs_from_reference,
)
from secfpp.data.domains import Domain, DomainSet
from secfpp.data.sources import changed, checksum, federation_sources
from secfpp.errors import DataError, reason
from secfpp.places import cache_home

_LOG = logging.getLogger(__name__)
_DRAWING_PACKAGES = ("numpy", "pillow")


def default_cache_dir() -> Path:
    """Return the folder ``secfpp`` in the user's cache, see `cache_home`."""
    return cache_home() / "secfpp"


def load_digits(cache_dir: Path | None = None) -> DomainSet:
    """Return the embedded domains, from the cache if it holds them.

    A cache that cannot be read, or whose content differs from its checksum, is built again. A cache
    that cannot be written causes a warning only.

    Parameters
    ----------
    cache_dir : Path, optional
        None: `default_cache_dir`.

    Returns
    -------
    DomainSet
    """
    path = (default_cache_dir() if cache_dir is None else cache_dir) / f"digits-{_key()}.npz"
    domain_set = _read_or_build(path)
    if different := differs_from_reference(domain_set):
        _LOG.warning(
            "domains %s are not byte for byte the recorded ones (changed files: %s; another "
            "Pillow draws a little differently): results will be close to the published, not equal",
            ", ".join(different),
            ", ".join(changed(federation_sources())) or "none",
        )
    return domain_set


def _read_or_build(path: Path) -> DomainSet:
    """Read the cache file, or build the domains and write it."""
    if path.is_file():
        try:
            return _read(path)
        except Exception as error:  # zipfile, zlib and numpy each raise their own
            _LOG.warning("%s is damaged (%s); building it again", path, reason(error))
    domain_set = build_digits()
    try:
        _write(path, domain_set)
    except OSError as error:
        _LOG.warning("cannot cache the built images in %s: %s", path.parent, error)
    return domain_set


def _key() -> str:
    """Return the digest of recipe, source files and drawing packages."""
    parts = [
        f"recipe {RECIPE}",
        *(f"{name} {version(name)}" for name in _DRAWING_PACKAGES),
        *(f"{source.label} {checksum(source)}" for source in federation_sources()),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _read(path: Path) -> DomainSet:
    """Read a cache file and compare its content with its checksums."""
    with np.load(path, allow_pickle=False) as file:
        names, expected = file["names"].tolist(), file["checksums"].tolist()
        domains = tuple(
            Domain(name=name, images_NHW3=file[f"{name}_images"], labels_N=file[f"{name}_labels"])
            for name in names
        )
    for domain, value in zip(domains, expected, strict=True):
        if domain.checksum != value:
            raise DataError(f"domain {domain.name!r} has checksum {domain.checksum}, not {value}")
    return DomainSet(name="digits", class_names=CLASS_NAMES, domains=domains, phrase=PHRASE)


def _write(path: Path, domain_set: DomainSet) -> None:
    """Write a draft and rename it, so that readers see all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        "names": np.array(list(domain_set.checksums)),
        "checksums": np.array(list(domain_set.checksums.values())),
        **{f"{d.name}_images": d.images_NHW3 for d in domain_set.domains},
        **{f"{d.name}_labels": d.labels_N for d in domain_set.domains},
    }
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
