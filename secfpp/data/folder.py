"""A user's own images: a tree ``domain/class/*.jpg|png``."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from secfpp.data.domains import Domain, DomainSet
from secfpp.errors import DataError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
PHRASE = "a photo of a"
_UNREADABLE = (  # what Pillow raises on files that are not what they claim to be
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    struct.error,
    Image.DecompressionBombError,
)


def read_folder(root: Path, *, image_size: int) -> DomainSet:
    """Read every image below `root`.

    The folders in `root` are the domains, the folders in those the classes; a class that a domain
    lacks is fine, names that begin with a dot are passed over. Images are turned as their EXIF
    tag says, scaled so that the shorter side is `image_size`, and cropped to the centre square.

    Parameters
    ----------
    root : Path
    image_size : int
        In pixels.

    Returns
    -------
    DomainSet
        Domains and classes in alphabetical order.

    Raises
    ------
    DataError
        `root` is missing; there is no domain, or fewer than two classes; a domain or a class
        folder holds no image; a file cannot be read as an image. Names the path.
    """
    if not root.is_dir():
        raise DataError(
            f"data folder {str(root)!r} does not exist; give 'digits' or a folder laid out as "
            "domain/class/*.jpg|png"
        )
    domain_folders = _folders(root)
    if not domain_folders:
        raise DataError(
            f"data folder {str(root)!r} holds no folders; expected domain/class/*.jpg|png"
        )
    class_names = tuple(sorted({c.name for d in domain_folders for c in _folders(d)}))
    if len(class_names) < 2:
        raise DataError(
            f"data folder {str(root)!r} has {len(class_names)} class(es) {list(class_names)}; "
            "classification needs 2 at least, as folders domain/class/"
        )
    domains = tuple(_read_domain(d, class_names, image_size) for d in domain_folders)
    return DomainSet(
        name=root.resolve().name, class_names=class_names, domains=domains, phrase=PHRASE
    )


def _entries(folder: Path) -> list[Path]:
    """List a folder in alphabetical order, without hidden names."""
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except OSError as error:
        raise DataError(f"cannot list {str(folder)!r} ({error}); check its permissions") from error


def _folders(parent: Path) -> list[Path]:
    return [p for p in _entries(parent) if p.is_dir()]


def _read_domain(folder: Path, class_names: tuple[str, ...], image_size: int) -> Domain:
    """Read one domain's classes."""
    class_folders = _folders(folder)
    if not class_folders:
        raise DataError(
            f"domain folder {str(folder)!r} holds no class folders; "
            "expected domain/class/*.jpg|png, or remove it"
        )
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    for class_folder in class_folders:
        paths = [p for p in _entries(class_folder) if p.suffix.lower() in SUFFIXES]
        if not paths:
            raise DataError(
                f"class folder {str(class_folder)!r} holds no image "
                f"({', '.join(sorted(SUFFIXES))}); add some or remove it"
            )
        images += [_read_image(path, image_size) for path in paths]
        labels += [class_names.index(class_folder.name)] * len(paths)
    return Domain(
        name=folder.name, images_NHW3=np.stack(images), labels_N=np.array(labels, dtype=np.int64)
    )


def _read_image(path: Path, image_size: int) -> NDArray[np.uint8]:
    """Read one image as uint8 (image_size, image_size, 3)."""
    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file).convert("RGB")
    except _UNREADABLE as error:
        raise DataError(
            f"cannot read {str(path)!r} as an image ({error}); repair or remove it"
        ) from error
    fitted = ImageOps.fit(image, (image_size, image_size), method=Image.Resampling.BICUBIC)
    return np.asarray(fitted, dtype=np.uint8)
