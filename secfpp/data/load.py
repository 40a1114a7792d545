"""Load a `DomainSet` by the name or folder of the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from secfpp.data.cache import load_digits
from secfpp.data.domains import DomainSet
from secfpp.data.readers import coop, fedbn
from secfpp.data.readers.cifar import read_cifar
from secfpp.data.readers.folder import read_folder
from secfpp.data.readers.listing import ListedSet, ReadOptions, limit_domains
from secfpp.errors import ConfigError, DataError, reason
from secfpp.places import expand_home

EMBEDDED = "digits"
Reader = Callable[[str, Path, ReadOptions], DomainSet | ListedSet]
READERS: Mapping[str, Reader] = MappingProxyType(
    {
        **dict.fromkeys(coop.LAYOUTS, coop.read_coop),
        **dict.fromkeys(("cifar10", "cifar100"), read_cifar),
        **dict.fromkeys(fedbn.LAYOUTS, fedbn.read_tree),
    }
)
"""Data sets that are known by name, with their readers."""


def list_domains(source: str, options: ReadOptions | None = None) -> DomainSet | ListedSet:
    """List the images of a folder without opening them; digits and CIFAR are loaded.

    Parameters and errors are those of `load_domains`, but for images that cannot be read.
    """
    with _naming_the_source(source):
        return _list(source, options or ReadOptions())


def load_domains(source: str, options: ReadOptions | None = None) -> DomainSet:
    """Load the embedded digits, a known data set, or a folder of images. Nothing is downloaded.

    Parameters
    ----------
    source : str
        ``"digits"``; ``"NAME:PATH"`` with a name of `READERS` and the folder of that data set; or
        the path of a folder laid out as ``domain/class/*.jpg|png``. A folder whose own name begins
        like a data set's needs ``./`` before it.
    options : ReadOptions, optional

    Returns
    -------
    DomainSet

    Raises
    ------
    DataError
        The folder is missing or cannot be used.
    ConfigError
        A setting has no meaning for these data.
    """
    listed = list_domains(source, options)
    with _naming_the_source(source):
        return listed.open() if isinstance(listed, ListedSet) else listed


@contextmanager
def _naming_the_source(source: str) -> Iterator[None]:
    """Raise DataError for a file that cannot be read."""
    try:
        yield
    except OSError as error:
        place = f" {str(error.filename)!r}" if error.filename else ""
        raise DataError(f"data {source!r}: cannot read{place}: {reason(error)}") from error


def _list(source: str, options: ReadOptions) -> DomainSet | ListedSet:
    """Tell the kinds of `source` apart, and read it."""
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
