"""A user's own images: a tree ``domain/class/*.jpg|png``."""

from __future__ import annotations

from pathlib import Path

from secfpp.data.domains import DomainSet
from secfpp.data.listing import (
    Listing,
    ReadOptions,
    list_classes,
    list_subfolders,
    open_listings,
)
from secfpp.errors import DataError

PHRASE = "a photo of a"


def read_folder(root: Path, options: ReadOptions) -> DomainSet:
    """Read every image below `root`.

    The folders in `root` are the domains, the folders in those the classes; a class that a domain
    lacks is fine, names that begin with a dot are passed over.

    Parameters
    ----------
    root : Path
    options : ReadOptions

    Returns
    -------
    DomainSet
        Domains and classes in alphabetical order.

    Raises
    ------
    DataError
        `root` is missing; there is no domain, or fewer than two classes; a domain or a class
        folder holds no image; more files than allowed cannot be read as images. Names the path.
    """
    if not root.is_dir():
        raise DataError(
            f"data folder {str(root)!r} does not exist; give 'digits', a folder laid out as "
            "domain/class/*.jpg|png, or NAME:PATH of a known data set"
        )
    domain_folders = list_subfolders(root)
    if not domain_folders:
        raise DataError(
            f"data folder {str(root)!r} holds no folders; expected domain/class/*.jpg|png"
        )
    class_names = tuple(sorted({c.name for d in domain_folders for c in list_subfolders(d)}))
    if len(class_names) < 2:
        raise DataError(
            f"data folder {str(root)!r} has {len(class_names)} class(es) {list(class_names)}; "
            "classification needs 2 at least, as folders domain/class/"
        )
    return open_listings(
        [_list_domain(folder, class_names) for folder in domain_folders],
        options,
        name=root.resolve().name,
        class_names=class_names,
        phrase=PHRASE,
    )


def _list_domain(folder: Path, class_names: tuple[str, ...]) -> Listing:
    """List one domain's classes."""
    class_folders = list_subfolders(folder)
    if not class_folders:
        raise DataError(
            f"domain folder {str(folder)!r} holds no class folders; "
            "expected domain/class/*.jpg|png, or remove it"
        )
    labels = [class_names.index(class_folder.name) for class_folder in class_folders]
    return list_classes(folder.name, class_folders, labels)
