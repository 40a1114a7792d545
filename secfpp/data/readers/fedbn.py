"""DomainNet and Office-Caltech10 with the ten classes of FedBN: ``domain/class/*.jpg|png``.

FedBN's own lists of files are pickles, which run code when they are read, so they are not opened.
DomainNet's publishers have lists in plain text, which are used if they are present.

References
----------
Li et al., "FedBN: Federated Learning on Non-IID Features via Local Batch Normalization" (ICLR
2021); Peng et al., "Moment Matching for Multi-Source Domain Adaptation" (ICCV 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import numpy as np

from secfpp.data.images import file_sha256
from secfpp.data.readers.coop import read_lines
from secfpp.data.readers.listing import ListedSet, Listing, ReadOptions, list_classes, list_files
from secfpp.errors import DataError

PHRASE = "a photo of a"


@dataclass(frozen=True, kw_only=True)
class TreeLayout:
    """The folders of a data set."""

    folder: str
    """Its folder in FedBN's `data`."""
    domains: tuple[str, ...]
    """Folders of the domains, in the former."""
    class_names: tuple[str, ...]
    """Folders of the classes, in each of those; other folders are ignored."""
    has_lists: bool
    """Whether its publishers have lists `{domain}_train.txt` and `{domain}_test.txt`."""


LAYOUTS: Mapping[str, TreeLayout] = MappingProxyType(
    {
        "domainnet": TreeLayout(
            folder="DomainNet",
            domains=("clipart", "infograph", "painting", "quickdraw", "real", "sketch"),
            class_names=(
                "bird",
                "feather",
                "headphones",
                "ice_cream",
                "teapot",
                "tiger",
                "whale",
                "windmill",
                "wine_glass",
                "zebra",
            ),
            has_lists=True,
        ),
        "office-caltech10": TreeLayout(
            folder="office_caltech_10",
            domains=("amazon", "caltech", "dslr", "webcam"),
            class_names=(
                "back_pack",
                "bike",
                "calculator",
                "headphones",
                "keyboard",
                "laptop_computer",
                "monitor",
                "mouse",
                "mug",
                "projector",
            ),
            has_lists=False,
        ),
    }
)


def read_tree(name: str, root: Path, options: ReadOptions) -> ListedSet:
    """List one of the two data sets.

    Parameters
    ----------
    name : str
        A key of `LAYOUTS`.
    root : Path
        The data set's folder, or its parent, in which it has FedBN's name.
    options : ReadOptions

    Returns
    -------
    ListedSet
        Domains with their published splits if there are lists, without splits otherwise.

    Raises
    ------
    DataError
        A folder is missing, lists exist for some of the domains only, a list is malformed, or
        images are missing.
    """
    layout = LAYOUTS[name]
    base = root if (root / layout.domains[0]).is_dir() else root / layout.folder
    _check_tree(name, base if base.is_dir() else root, layout)
    lists = _find_lists(base, layout) if layout.has_lists else None
    if lists is None:
        listings = [_list_tree(base / domain, layout) for domain in layout.domains]
    else:
        listings = [_list_split(base, lists, domain, layout) for domain in layout.domains]
    return list_files(
        listings,
        options,
        name=name,
        class_names=layout.class_names,
        phrase=PHRASE,
        split_files=_checksums(lists, layout) if lists else {},
    )


def _checksums(lists: Path, layout: TreeLayout) -> dict[str, str]:
    """Return the sha256 of every list."""
    names = (file for domain in layout.domains for file in _list_names(domain))
    return {file: file_sha256(lists / file) for file in names}


def _check_tree(name: str, base: Path, layout: TreeLayout) -> None:
    """Refuse a tree that lacks one of the folders."""
    absent = [
        f"{domain}/{class_name}"
        for domain in layout.domains
        for class_name in layout.class_names
        if not (base / domain / class_name).is_dir()
    ]
    if absent:
        raise DataError(
            f"{name}: {len(absent)} folders are missing in {str(base)!r}, such as {absent[0]!r}; "
            f"expected DOMAIN/CLASS/*.jpg with the domains {', '.join(layout.domains)} and the "
            f"classes {', '.join(layout.class_names)}. For other domains or classes give the "
            "folder without a name"
        )


def _list_names(domain: str) -> tuple[str, str]:
    return f"{domain}_train.txt", f"{domain}_test.txt"


def _find_lists(base: Path, layout: TreeLayout) -> Path | None:
    """Return the folder of the publishers' lists: beside the domains, or `splits` as in Dassl."""
    names = [file for domain in layout.domains for file in _list_names(domain)]
    for folder in (base, base / "splits"):
        absent = [file for file in names if not (folder / file).is_file()]
        if not absent:
            return folder
        if len(absent) < len(names):
            raise DataError(
                f"{str(folder)!r} has lists of some domains but lacks {', '.join(absent)}; add "
                "these, or remove the others to have the split drawn"
            )
    return None


def _list_tree(folder: Path, layout: TreeLayout) -> Listing:
    """List a domain without a split."""
    folders = [folder / class_name for class_name in layout.class_names]
    return list_classes(folder.name, folders, range(len(folders)))


def _list_split(base: Path, lists: Path, domain: str, layout: TreeLayout) -> Listing:
    """List a domain by its two lists; lines of other classes are passed over."""
    is_test: dict[PurePosixPath, bool] = {}
    for file, test in zip(_list_names(domain), (False, True), strict=True):
        for line in read_lines(lists / file):
            path = PurePosixPath(line.rpartition(" ")[0])
            if len(path.parts) != 3 or path.parts[0] != domain or ".." in path.parts:
                raise DataError(
                    f"{str(lists / file)!r} has the line {line!r}; expected "
                    f"{domain}/CLASS/IMAGE and a number"
                )
            if path.parts[1] not in layout.class_names:
                continue
            if is_test.setdefault(path, test) != test:
                raise DataError(f"{str(path)!r} is in the training and the test list of {domain!r}")
    if not is_test:
        raise DataError(f"the lists of {domain!r} in {str(lists)!r} have none of the ten classes")
    labels = [layout.class_names.index(path.parts[1]) for path in is_test]
    return Listing(
        name=domain,
        paths=tuple(base.joinpath(*path.parts) for path in is_test),
        labels_N=np.array(labels, dtype=np.int64),
        is_test_N=np.array(list(is_test.values()), dtype=bool),
        is_listed=True,
    )
