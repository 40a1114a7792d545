"""Image files that are read when they are indexed, and a check for unreadable files.

A large data set does not fit in memory at the size of a model's images: 101,000 images of 224
pixels are 15 GB. Image features are cached on disk, so pixels are needed once, in batches.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, TypeAlias, TypeVar

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from secfpp.data.colours import as_seen
from secfpp.errors import DataError, reason

# Legend: N images, H height, W width, 3 colour channels.

_LOG = logging.getLogger(__name__)
_READING = 2  # increased when `decode` gives other pixels for the same bytes
_THREADS = 8  # Pillow and hashlib release the interpreter's lock
_AT_ONCE = 1024  # files given to the threads before their results are taken

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
RowIndex: TypeAlias = "slice | NDArray[np.integer] | NDArray[np.bool_] | Sequence[int]"


def decode(content: bytes, image_size: int) -> NDArray[np.uint8]:
    """Turn a file's bytes into pixels, uint8 (image_size, image_size, 3).

    Colours are those that a viewer shows on a white ground, see `secfpp.data.colours`. Images are
    turned by their EXIF tag, scaled to a shorter side of `image_size` pixels, and cropped to the
    centre square.
    """
    with Image.open(io.BytesIO(content)) as file:
        image = as_seen(ImageOps.exif_transpose(file))
    fitted = ImageOps.fit(image, (image_size, image_size), method=Image.Resampling.BICUBIC)
    return np.asarray(fitted, dtype=np.uint8)


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageFiles:
    """Images of one size in files; replaces an array (N, H, W, 3).

    Rows are decoded when they are indexed, by a slice, integers or a boolean mask, and not stored.
    A file that has changed since it was listed is an error, so that results from pixels belong to
    the checksum.

    Parameters
    ----------
    paths : tuple of Path, N
    sha256 : tuple of str, N
        Sha256 (hex) of each file's bytes.
    image_size : int
        H and W, in pixels.
    """

    paths: tuple[Path, ...] = field(repr=False)
    sha256: tuple[str, ...] = field(repr=False)
    image_size: int
    dtype: ClassVar[np.dtype[np.uint8]] = np.dtype(np.uint8)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the array that these rows make."""
        return (len(self.paths), self.image_size, self.image_size, 3)

    @property
    def identity(self) -> str:
        """Digest of bytes, size, the way of decoding and the release of Pillow."""
        return _identity(self.sha256, self.image_size)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: RowIndex) -> NDArray[np.uint8]:
        """Read some rows.

        Raises
        ------
        DataError
            A file is missing, cannot be read, or has changed since it was listed.
        """
        index = np.arange(len(self))[rows]
        if index.ndim != 1:
            raise TypeError("images in files are indexed by a slice or a row of numbers")
        images_NHW3 = np.empty((len(index), *self.shape[1:]), dtype=np.uint8)
        for place, image in enumerate(_in_threads(self._read, index.tolist())):
            images_NHW3[place] = image
        return images_NHW3

    def _read(self, row: int) -> NDArray[np.uint8]:
        path = self.paths[row]
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() == self.sha256[row]:
                return decode(content, self.image_size)
        except Exception as error:  # Pillow's plugins raise errors of many types
            raise DataError(
                f"{str(path)!r} could be read when the data were listed and no longer can "
                f"({reason(error)}); keep the folder as it is while it is used"
            ) from error
        raise DataError(
            f"{str(path)!r} has changed since the data were listed; keep the folder as it is "
            "while it is used, and run again"
        )


Images: TypeAlias = NDArray[np.uint8] | ImageFiles
"""Images (N, H, W, 3) of uint8: in memory, or read when they are indexed by rows."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Readable:
    """The readable ones of some files.

    Parameters
    ----------
    images : ImageFiles
        The files that can be read.
    kept_N : ndarray of bool
        Over all files: whether each can be read.
    reasons : tuple of str
        Path and reason of each other file.
    """

    images: ImageFiles
    kept_N: NDArray[np.bool_]
    reasons: tuple[str, ...]


def open_images(paths: Sequence[Path], image_size: int, cache_dir: Path) -> Readable:
    """Hash all files and decode each once, to find those that cannot be read.

    The result is cached in `cache_dir` under a digest of the files' bytes. Decoding takes minutes
    for a hundred thousand images, and is done once.

    Parameters
    ----------
    paths : sequence of Path
    image_size : int
        In pixels.
    cache_dir : Path

    Raises
    ------
    DataError
        A file cannot be opened: its permissions or its disk are at fault, not its content.
    """
    sha256 = tuple(_in_threads(file_sha256, paths))
    unreadable = _find_unreadable(paths, sha256, image_size, cache_dir)
    kept_N = np.ones(len(paths), dtype=bool)
    kept_N[list(unreadable)] = False
    rows = np.flatnonzero(kept_N).tolist()
    return Readable(
        images=ImageFiles(
            paths=tuple(paths[row] for row in rows),
            sha256=tuple(sha256[row] for row in rows),
            image_size=image_size,
        ),
        kept_N=kept_N,
        reasons=tuple(f"{str(paths[row])!r} ({why})" for row, why in sorted(unreadable.items())),
    )


def _find_unreadable(
    paths: Sequence[Path], sha256: tuple[str, ...], image_size: int, cache_dir: Path
) -> dict[int, str]:
    """Return the rows that cannot be read and why, from the cache or by decoding all files."""
    cached = cache_dir / "readable" / f"{_identity(sha256, image_size)[:32]}.json"
    known = _read_known(cached, len(paths))
    if known is not None:
        return known
    _LOG.info("reading %d images once, to find those that cannot be read", len(paths))
    found = _in_threads(lambda path: _why_unreadable(path, image_size), paths)
    unreadable = {row: reason for row, reason in enumerate(found) if reason is not None}
    _keep(cached, unreadable)
    return unreadable


def file_sha256(path: Path) -> str:
    """Return the sha256 (hex) of a file's bytes.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"cannot read {str(path)!r}: {reason(error)}") from error


def _why_unreadable(path: Path, image_size: int) -> str | None:
    """Return the reason why a file is not an image, or None."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {str(path)!r}: {reason(error)}") from error
    try:
        decode(content, image_size)
    except UnidentifiedImageError:
        return "not an image"
    except Exception as error:  # Pillow's plugins raise errors of many types
        return reason(error)
    return None


def _identity(sha256: Iterable[str], image_size: int) -> str:
    head = f"reading {_READING}, Pillow {PIL.__version__}, {image_size} pixels"
    return hashlib.sha256("\n".join([head, *sha256]).encode()).hexdigest()


def _in_threads(work: Callable[[ItemT], ResultT], items: Sequence[ItemT]) -> Iterable[ResultT]:
    """Apply `work` to every item in several threads; results keep the order."""
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        for start in range(0, len(items), _AT_ONCE):
            yield from pool.map(work, items[start : start + _AT_ONCE])


def _read_known(path: Path, count: int) -> dict[int, str] | None:
    """Return the cached result for the same bytes; None if there is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        _LOG.warning("cannot read %s (%s); checking all images", path, error)
        return None
    try:
        known = {int(row): str(why) for row, why in json.loads(text).items()}
    except (ValueError, AttributeError, RecursionError) as error:
        _LOG.warning("%s is damaged (%s); checking all images", path, error)
        return None
    if any(not 0 <= row < count for row in known):
        _LOG.warning("%s is damaged (no such image); checking all images", path)
        return None
    return known


def _keep(path: Path, unreadable: dict[int, str]) -> None:
    """Write a draft and rename it, so that readers see all of it or nothing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(unreadable, file)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        _LOG.warning("cannot cache the list of unreadable images in %s: %s", path.parent, error)
