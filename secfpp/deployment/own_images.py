"""The images of one client, in folders of its own.

`train/CLASS/*` are for training; `validation/CLASS/*` for choices of its own and `test/CLASS/*` for
its accuracies, if there are any.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from secfpp.data.partition import ClientShard
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

__all__ = ["PARTS", "OwnImages", "read_own_images"]

PARTS: Final = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnImages:
    """The listed images of one client, as one domain, and which of them are for what."""

    listed: ListedSet
    shard: ClientShard


def read_own_images(
    root: Path, class_names: Sequence[str], options: ReadOptions, *, phrase: str
) -> OwnImages:
    """List a client's images.

    Parameters
    ----------
    root : Path
        With a folder `train`, and others of `PARTS`; in them a folder a class.
    class_names : sequence of str
        Of the federation. A client may lack some.
    options : ReadOptions
        Every image must be readable, whatever `max_unreadable` says.
    phrase : str
        As of `DomainSet`.

    Raises
    ------
    DataError
        There are no training images, or a folder is named as no class of the federation.
    """
    listings = [_list_part(root, part, class_names) for part in PARTS]
    counts = [len(listing.paths) for listing in listings]
    labels_N = np.concatenate([listing.labels_N for listing in listings])
    starts = np.cumsum([0, *counts])
    index = [np.arange(start, start + count) for start, count in zip(starts, counts, strict=False)]
    whole = Listing(
        name=root.resolve().name,
        paths=tuple(path for listing in listings for path in listing.paths),
        labels_N=labels_N,
    )
    mix_C = np.bincount(listings[0].labels_N, minlength=len(class_names)).astype(np.float64)
    return OwnImages(
        listed=list_files(
            [whole],
            replace(options, max_unreadable=0),
            name=root.resolve().name,
            class_names=tuple(class_names),
            phrase=phrase,
        ),
        shard=ClientShard(
            client=0,
            domain=0,
            train_index=index[0],
            validation_index=index[1],
            test_index=index[2],
            label_mix_C=mix_C / mix_C.sum(),
        ),
    )


def _list_part(root: Path, part: str, class_names: Sequence[str]) -> Listing:
    """List one part, which may be missing unless it is for training."""
    folder = root / part
    if not folder.is_dir():
        if part == "train":
            raise DataError(
                f"{str(folder)!r} does not exist; a client's images are laid out as "
                "train/CLASS/*.jpg|png, and likewise validation/ and test/"
            )
        return Listing(name=part, paths=(), labels_N=np.empty(0, dtype=np.int64))
    class_folders = list_subfolders(folder)
    names = [composed(each.name) for each in class_folders]
    known = {composed(name): label for label, name in enumerate(class_names)}
    unknown = sorted(set(names) - known.keys())
    if unknown:
        raise DataError(
            f"{str(folder / unknown[0])!r} is no class of the federation; its classes are "
            f"{', '.join(class_names)}"
        )
    listing = list_classes(part, class_folders, [known[name] for name in names])
    if part == "train" and not listing.paths:
        raise DataError(f"{str(folder)!r} holds no image; add some")
    return listing
