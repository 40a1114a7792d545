"""A user's own images: a tree ``domain/class/*.jpg|png``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

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


def read_folder(root: Path, options: ReadOptions) -> ListedSet:
    """List every image below `root`; domains and classes come in alphabetical order.

    The folders in `root` are the domains, and the folders in those are the classes. A domain may
    lack a class. Names that begin with a dot are ignored, and so are folders that operating systems
    make. Names are compared in Unicode's composed form, for macOS decomposes accented letters.

    Parameters
    ----------
    root : Path
    options : ReadOptions

    Raises
    ------
    DataError
        `root` is missing; there is no domain, or fewer than two classes; a domain or a class
        folder holds no image. Names the path.
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
    return list_files(
        [_list_domain(name, folders, class_names) for name, folders in sorted(domains.items())],
        options,
        name=root.resolve().name,
        class_names=class_names,
        phrase=PHRASE,
    )


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
