"""From what a user calls the data to a `DomainSet`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from secfpp.data.cache import load_digits
from secfpp.data.domains import DomainSet
from secfpp.data.readers import coop, fedbn
from secfpp.data.readers.cifar import read_cifar
from secfpp.data.readers.folder import read_folder
from secfpp.data.readers.listing import ReadOptions, limit_domains
from secfpp.errors import ConfigError, DataError, reason
from secfpp.places import expand_home

EMBEDDED = "digits"
Reader = Callable[[str, Path, ReadOptions], DomainSet]
READERS: Mapping[str, Reader] = MappingProxyType(
    {
        **dict.fromkeys(coop.LAYOUTS, coop.read_coop),
        **dict.fromkeys(("cifar10", "cifar100"), read_cifar),
        **dict.fromkeys(fedbn.LAYOUTS, fedbn.read_tree),
    }
)
"""Data sets that are known by name, and what reads each."""


def load_domains(
    source: str,
    cache_dir: Path | None = None,
    *,
    image_size: int = 224,
    phrase: str | None = None,
    images_per_class: int | None = None,
    limit_seed: int = 0,
    max_unreadable: int | None = None,
    split_sha256: str | None = None,
) -> DomainSet:
    """Load the embedded digits, a known data set, or a folder of images. Nothing is downloaded.

    Parameters
    ----------
    source : str
        ``"digits"``; ``"NAME:PATH"`` with a name of `READERS` and the folder of that data set; or
        the path of a folder laid out as ``domain/class/*.jpg|png`` (one whose own name begins
        like a data set's: with ``./`` before it).
    cache_dir : Path, optional
        Where the embedded images are kept once built, and which images of a folder cannot be read.
    image_size : int
        Side in pixels to which images in files are resized: that of the model.
    phrase : str, optional
        Words from which prompts start; by default those of the data set.
    images_per_class : int, optional
        At most so many images of a class in a domain, in training and in test part each where the
        data set has its own split. None: all.
    limit_seed : int
        Decides which images `images_per_class` keeps.
    max_unreadable : int, optional
        How many images that cannot be read are passed over. None: one in a hundred.
    split_sha256 : str, optional
        Sha256 (hex) that CoOp's split file must have. None: any; it is recorded.

    Returns
    -------
    DomainSet

    Raises
    ------
    DataError
        The folder is missing or cannot be used.
    ConfigError
        A setting is out of range, or has no meaning for these data.
    """
    options = ReadOptions(
        image_size=image_size,
        images_per_class=images_per_class,
        limit_seed=limit_seed,
        max_unreadable=max_unreadable,
        split_sha256=split_sha256,
        cache_dir=cache_dir,
    )
    try:
        domain_set = _load(source, options)
    except OSError as error:
        place = f" {str(error.filename)!r}" if error.filename else ""
        raise DataError(f"data {source!r}: cannot read{place}: {reason(error)}") from error
    return domain_set if phrase is None else replace(domain_set, phrase=phrase)


def _load(source: str, options: ReadOptions) -> DomainSet:
    """Find out what `source` is, and read it."""
    name, colon, place = source.partition(":")
    if options.split_sha256 is not None and not (colon and name in coop.LAYOUTS):
        raise ConfigError(
            f"split_sha256 is given, but data {source!r} has no split file of CoOp's; leave it "
            f"out, or name the data set ({', '.join(coop.LAYOUTS)})"
        )
    if source == EMBEDDED:
        return limit_domains(load_digits(options.cache_dir), options)
    if not (colon and name in READERS):
        path = expand_home(source)
        if not path.is_dir() and (colon or name in READERS):
            raise DataError(
                f"data {source!r} is neither a folder nor NAME:PATH with NAME one of "
                f"{', '.join(READERS)}"
            )
        return read_folder(path, options)
    root = expand_home(place)
    if not place or not root.is_dir():
        raise DataError(
            f"data {source!r}: folder {place!r} does not exist; give the folder of {name} after "
            "the colon (nothing is downloaded)"
        )
    return READERS[name](name, root, options)
