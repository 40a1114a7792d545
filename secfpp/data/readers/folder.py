"""A user's own images: a tree ``domain/class/*.jpg|png``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from secfpp.data.images import file_sha256
from secfpp.data.readers.coop import read_lines
from secfpp.data.readers.listing import (
    ListedSet,
    Listing,
    ReadOptions,
    composed,
    list_classes,
    list_files,
    list_subfolders,
)
from secfpp.errors import DataError

_LOG = logging.getLogger(__name__)
PHRASE = "a photo of a"
TEST_LIST = "test_images.txt"
"""Optional file in the root that names the test images: a line ``domain/class/file`` each."""


def read_folder(root: Path, options: ReadOptions) -> ListedSet:
    """List every image below `root`; domains and classes come in alphabetical order.

    The folders in `root` are the domains, and the folders in those are the classes. A domain may
    lack a class. Names that begin with a dot are ignored, and so are folders that operating systems
    make. Names are compared in Unicode's composed form, for macOS decomposes accented letters. A
    file `TEST_LIST` in `root` divides each domain into test images and others.

    Parameters
    ----------
    root : Path
    options : ReadOptions

    Raises
    ------
    DataError
        `root` is missing; there is no domain, or fewer than two classes; a domain or a class
        folder holds no image; the list of test images names one that is not there. Names the path.
    """
    domain_folders = _list_domain_folders(root)
    class_folders = (c for folder in domain_folders for c in list_subfolders(folder))
    class_names = tuple(sorted({composed(folder.name) for folder in class_folders}))
    if len(class_names) < 2:
        raise DataError(
            f"data folder {str(root)!r} has {len(class_names)} class(es) {list(class_names)}; "
            "classification needs 2 at least, as folders domain/class/"
        )
    _warn_of_lookalikes(class_names)
    domains: dict[str, list[Path]] = {}
    for folder in domain_folders:
        domains.setdefault(composed(folder.name), []).append(folder)
    listings = [
        _list_domain(name, folders, class_names) for name, folders in sorted(domains.items())
    ]
    split_files = {}
    if (root / TEST_LIST).is_file():
        listings = _split(root, listings)
        split_files = {TEST_LIST: file_sha256(root / TEST_LIST)}
    return list_files(
        listings,
        options,
        name=root.resolve().name,
        class_names=class_names,
        phrase=PHRASE,
        split_files=split_files,
    )


def _split(root: Path, listings: Sequence[Listing]) -> list[Listing]:
    """Mark the test images that the file `TEST_LIST` names."""
    named = {composed(line) for line in read_lines(root / TEST_LIST)}
    found = [
        [composed(path.relative_to(root).as_posix()) for path in listing.paths]
        for listing in listings
    ]
    if unknown := sorted(named.difference(*found)):
        raise DataError(
            f"{str(root / TEST_LIST)!r} names {len(unknown)} image(s) that are not there, such as "
            f"{unknown[0]!r}; write domain/class/file on each line, or remove the list"
        )
    return [
        replace(listing, is_test_N=np.array([path in named for path in paths], dtype=np.bool_))
        for listing, paths in zip(listings, found, strict=True)
    ]


def _list_domain_folders(root: Path) -> list[Path]:
    """Return the folders of the domains, at least one."""
    if not root.is_dir():
        raise DataError(
            f"data folder {str(root)!r} does not exist; give 'digits', a folder laid out as "
            "domain/class/*.jpg|png, or NAME:PATH of a known data set"
        )
    folders = list_subfolders(root)
    if not folders:
        raise DataError(
            f"data folder {str(root)!r} holds no folders; expected domain/class/*.jpg|png"
        )
    return folders


def _list_domain(name: str, folders: Sequence[Path], class_names: tuple[str, ...]) -> Listing:
    """List one domain's classes."""
    class_folders = []
    for folder in folders:
        found = list_subfolders(folder)
        if not found:
            raise DataError(
                f"domain folder {str(folder)!r} holds no class folders; "
                "expected domain/class/*.jpg|png, or remove it"
            )
        class_folders += found
    labels = [class_names.index(composed(folder.name)) for folder in class_folders]
    return list_classes(name, class_folders, labels)


def _warn_of_lookalikes(class_names: tuple[str, ...]) -> None:
    """Say which classes differ by so little that they may be meant to be one."""
    alike: dict[str, list[str]] = {}
    for name in class_names:
        alike.setdefault("".join(filter(str.isalnum, name)).casefold(), []).append(name)
    for names in alike.values():
        if len(names) > 1:
            _LOG.warning(
                "classes %s differ in case, spaces or signs alone and are kept apart; rename the "
                "folders if they are one",
                ", ".join(map(repr, names)),
            )
