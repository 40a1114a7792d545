"""Caltech101, OxfordPets, Flowers102 and Food101 in the layout of CoOp.

The images are in the folders of their publishers. CoOp's split file is beside them, if the user has
it: ``{"train": [[file, label, class name], ...], "val": [...], "test": [...]}``. Without it, the
publisher's own split is used if it names the classes.

References
----------
Zhou et al., "Learning to Prompt for Vision-Language Models" (IJCV 2022); its DATASETS.md and its
templates of prompts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import numpy as np

from secfpp.data.images import file_sha256
from secfpp.data.readers.listing import (
    ListedSet,
    Listing,
    ReadOptions,
    as_on_disk,
    composed,
    list_classes,
    list_files,
    list_subfolders,
)
from secfpp.errors import DataError
from secfpp.json_file import read_json

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CoopLayout:
    """The layout of a data set."""

    folder: str
    """Its folder in CoOp's `$DATA`."""
    images: str
    """The folder of its images, in the former."""
    split: str
    """CoOp's split file."""
    phrase: str
    """CoOp's template up to the class name."""


LAYOUTS: Mapping[str, CoopLayout] = MappingProxyType(
    {
        "caltech101": CoopLayout(
            folder="caltech-101",
            images="101_ObjectCategories",
            split="split_zhou_Caltech101.json",
            phrase="a photo of a",
        ),
        "oxfordpets": CoopLayout(
            folder="oxford_pets",
            images="images",
            split="split_zhou_OxfordPets.json",
            phrase="a photo of a",
        ),
        "flowers102": CoopLayout(
            folder="oxford_flowers",
            images="jpg",
            split="split_zhou_OxfordFlowers.json",
            phrase="a photo of a",
        ),
        "food101": CoopLayout(
            folder="food-101",
            images="images",
            split="split_zhou_Food101.json",
            phrase="a photo of",
        ),
    }
)
_NOT_A_CLASS = frozenset({"BACKGROUND_Google", "Faces_easy"})
_CALTECH_NAMES = {  # CoOp's names of folders that are not singular nouns
    "airplanes": "airplane",
    "Faces": "face",
    "Leopards": "leopard",
    "Motorbikes": "motorbike",
}


@dataclass(frozen=True, kw_only=True)
class _Item:
    """An image of a data set with a split of its own."""

    path: Path
    class_name: str
    is_test: bool


@dataclass(frozen=True, kw_only=True)
class _Found:
    """The content of a folder: its listing, its classes, the files of its split."""

    listing: Listing
    class_names: tuple[str, ...]
    split_files: Mapping[str, str]


def read_coop(name: str, root: Path, options: ReadOptions) -> ListedSet:
    """List one of the four data sets; it has one domain, of its name.

    Parameters
    ----------
    name : str
        A key of `LAYOUTS`.
    root : Path
        The data set's folder, or its parent, in which it has CoOp's name.
    options : ReadOptions

    Returns
    -------
    ListedSet
        With a split: training images from "train", test images from "test"; "val" is not used.

    Raises
    ------
    DataError
        Images are missing, or the split file is malformed or is not the one that
        `options.split_sha256` states.
    """
    layout = LAYOUTS[name]
    base = _find_base(name, root, layout)
    split = base / layout.split
    if split.is_file():
        found = _read_split(name, split, base / layout.images, options.split_sha256)
    else:
        _check_no_split_stated(split, options)
        found = _WITHOUT_SPLIT[name](name, base, layout)
    return list_files(
        [found.listing],
        options,
        name=name,
        class_names=found.class_names,
        phrase=layout.phrase,
        split_files=found.split_files,
    )


def _check_no_split_stated(split: Path, options: ReadOptions) -> None:
    """Refuse a stated checksum of a split file that does not exist."""
    if options.split_sha256 is not None:
        raise DataError(
            f"split_sha256 is given but {str(split)!r} does not exist; put CoOp's split file "
            "there, or leave split_sha256 out"
        )


def _find_base(name: str, root: Path, layout: CoopLayout) -> Path:
    """Return the folder that holds the images' folder."""
    for base in (root, root / layout.folder):
        if (base / layout.images).is_dir():
            return base
    raise DataError(
        f"{name}: no folder {layout.images!r} in {str(root)!r} nor in "
        f"{str(root / layout.folder)!r}; expected {layout.images}/ with the published images and, "
        f"beside it, {layout.split}"
    )


def _read_split(name: str, split: Path, images: Path, stated: str | None) -> _Found:
    """Read CoOp's split file."""
    sha256 = file_sha256(split)
    if stated is not None and sha256 != stated.lower():
        raise DataError(
            f"{str(split)!r} has sha256 {sha256}, not {stated.lower()} as split_sha256 states; "
            "put the right file there or change split_sha256"
        )
    try:
        content = read_json(split)
    except ValueError as error:
        raise DataError(f"{str(split)!r} is not valid JSON: {error}") from error
    items: list[_Item] = []
    names: dict[int, str] = {}
    for part in ("train", "test"):
        lines = content.get(part) if isinstance(content, dict) else None
        if not isinstance(lines, list) or not lines:
            raise DataError(f"{str(split)!r} has no list {part!r} of images; is it CoOp's file?")
        for line in lines:
            file, label, class_name = _check_line(line, split)
            if names.setdefault(label, class_name) != class_name:
                raise DataError(
                    f"{str(split)!r} calls label {label} both {names[label]!r} and {class_name!r}"
                )
            path = images.joinpath(*_check_relative(file, split).parts)
            items.append(_Item(path=path, class_name=class_name, is_test=part == "test"))
    class_names = tuple(names[label] for label in sorted(names))
    if sorted(names) != list(range(len(names))) or len(set(class_names)) != len(names):
        raise DataError(
            f"{str(split)!r} has labels {min(names)}..{max(names)} for {len(set(class_names))} "
            "class names; expected 0, 1, ... and a name of its own for each"
        )
    return _gather(name, items, class_names, {split.name: sha256})


def _check_line(line: object, split: Path) -> tuple[str, int, str]:
    """Return file, label and class name of a line of a split."""
    if isinstance(line, list) and len(line) == 3:
        file, label, class_name = line
        if isinstance(file, str) and type(label) is int and isinstance(class_name, str):
            return file, label, composed(class_name)
    raise DataError(f"{str(split)!r} has the line {line!r}; expected [file, label, class name]")


def _check_relative(file: str, split: Path) -> PurePosixPath:
    """Refuse a file outside the images' folder."""
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts:
        raise DataError(f"{str(split)!r} names {file!r}, outside the folder of images")
    return path


def _gather(
    name: str, items: Iterable[_Item], class_names: tuple[str, ...], split_files: Mapping[str, str]
) -> _Found:
    """Make a listing; an image listed twice is used once, for testing if one line says so."""
    by_path: dict[Path, _Item] = {}
    repeated = 0
    for given in items:
        item = replace(given, path=as_on_disk(given.path), class_name=composed(given.class_name))
        before = by_path.get(item.path)
        if before is not None and before.class_name != item.class_name:
            raise DataError(
                f"{name}: {str(item.path)!r} is listed both as {before.class_name!r} and as "
                f"{item.class_name!r}; correct the list"
            )
        repeated += before is not None
        if before is None or item.is_test:
            by_path[item.path] = item
    if repeated:
        _LOG.warning(
            "%s: %d images are listed more than once; each is used once, for testing if one of "
            "its lines says so",
            name,
            repeated,
        )
    label = {class_name: number for number, class_name in enumerate(class_names)}
    kept = list(by_path.values())
    listing = Listing(
        name=name,
        paths=tuple(item.path for item in kept),
        labels_N=np.array([label[item.class_name] for item in kept], dtype=np.int64),
        is_test_N=np.array([item.is_test for item in kept], dtype=bool),
        is_listed=True,
    )
    return _Found(listing=listing, class_names=class_names, split_files=split_files)


def _caltech101(name: str, base: Path, layout: CoopLayout) -> _Found:
    """Use the folders as classes; Caltech101 has no split of its own."""
    folders = {
        _CALTECH_NAMES.get(folder.name, folder.name): folder
        for folder in list_subfolders(base / layout.images)
        if folder.name not in _NOT_A_CLASS
    }
    class_names = tuple(sorted(folders))
    listing = list_classes(name, [folders[c] for c in class_names], range(len(class_names)))
    return _Found(listing=listing, class_names=class_names, split_files={})


def _oxfordpets(name: str, base: Path, layout: CoopLayout) -> _Found:
    """Read the publisher's lists: a line is image, class, species, number; classes from names."""

    def item(line: str, is_test: bool) -> _Item:
        image = line.split()[0]
        return _Item(
            path=base / layout.images / f"{image}.jpg",
            class_name=image.rpartition("_")[0].lower(),
            is_test=is_test,
        )

    return _from_lists(
        name, base, layout, ("annotations/trainval.txt", "annotations/test.txt"), item
    )


def _food101(name: str, base: Path, layout: CoopLayout) -> _Found:
    """Read the publisher's lists: a line is class/image."""

    def item(line: str, is_test: bool) -> _Item:
        class_name, _, image = line.partition("/")
        path = base / layout.images / class_name / f"{image}.jpg"
        return _Item(path=path, class_name=class_name, is_test=is_test)

    return _from_lists(name, base, layout, ("meta/train.txt", "meta/test.txt"), item)


def _from_lists(
    name: str,
    base: Path,
    layout: CoopLayout,
    lists: tuple[str, str],
    item: Callable[[str, bool], _Item],
) -> _Found:
    """Read a publisher's lists of training and test images."""
    absent = [file for file in lists if not (base / file).is_file()]
    if absent:
        raise DataError(
            f"{name}: neither {layout.split} nor {' and '.join(lists)} in {str(base)!r} (missing: "
            f"{', '.join(absent)}); put CoOp's split file or the publisher's lists there"
        )
    items: list[_Item] = []
    for file, is_test in zip(lists, (False, True), strict=True):
        for line in read_lines(base / file):
            _check_relative(line, base / file)
            items.append(item(line, is_test))
    class_names = tuple(sorted({composed(one.class_name) for one in items}))
    if "" in class_names:
        raise DataError(f"{name}: {' or '.join(lists)} in {str(base)!r} has a line without a class")
    return _gather(name, items, class_names, {file: file_sha256(base / file) for file in lists})


def read_lines(path: Path) -> list[str]:
    """Return a text file's lines, without blank ones and those that begin with ``#``.

    Raises
    ------
    DataError
        The file cannot be read, or holds no such line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {str(path)!r} as text: {error}") from error
    kept = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not kept:
        raise DataError(f"{str(path)!r} lists no image")
    return kept


def _flowers102(name: str, base: Path, layout: CoopLayout) -> _Found:
    """Refuse: the names of the images do not show their classes."""
    raise DataError(
        f"{name}: {layout.split} is not in {str(base)!r}, and the images' own names do not tell "
        "their classes; put CoOp's split file there"
    )


_WITHOUT_SPLIT: Mapping[str, Callable[[str, Path, CoopLayout], _Found]] = MappingProxyType(
    {
        "caltech101": _caltech101,
        "oxfordpets": _oxfordpets,
        "flowers102": _flowers102,
        "food101": _food101,
    }
)
