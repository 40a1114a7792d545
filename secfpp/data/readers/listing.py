"""Make a domain set of lists of image files: limits for classes, unreadable files, counts."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from secfpp.data.cache import default_cache_dir
from secfpp.data.domains import Domain, DomainSet
from secfpp.data.images import ImageFiles, Readable, open_images
from secfpp.errors import ConfigError, DataError, reason

# Legend: N images.

_LOG = logging.getLogger(__name__)
LEFT_BEHIND = frozenset(
    {
        "$RECYCLE.BIN",
        "@Recycle",
        "@eaDir",
        "#recycle",
        "#snapshot",
        "System Volume Information",
        "__MACOSX",
        "__pycache__",
        "lost+found",
    }
)
"""Folders that macOS archives, network disks and file systems add."""
SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
UNREADABLE_SHARE = 0.01
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """Options for reading a user's folder."""

    image_size: int = 224
    """Side in pixels to which images in files are resized: that of the model."""
    images_per_class: int | None = None
    """The most images of a class in a domain, drawn by `limit_seed`; separately in training and
    test part if the data set has these. None: all."""
    limit_seed: int = 0
    """Seed of that draw. All seeds of a run have the same images."""
    max_unreadable: int | None = None
    """The most unreadable images that are skipped. None: one in a hundred."""
    split_sha256: str | None = None
    """Sha256 (hex) that the file with the data set's split must have. None: any, recorded."""
    cache_dir: Path | None = None
    """Folder that caches which images cannot be read. None: the user's cache folder."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name, least in (("image_size", 1), ("images_per_class", 1), ("max_unreadable", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"{name}={value} but it must be at least {least}; change {name}")
        digest = self.split_sha256
        if digest is not None and (
            len(digest) != 64 or not set(digest.lower()) <= set("0123456789abcdef")
        ):
            raise ConfigError(
                f"split_sha256={digest!r} but a sha256 has 64 hexadecimal digits; see `sha256sum`"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Listing:
    """The image files of one domain.

    Parameters
    ----------
    name : str
        Name of the domain.
    paths : tuple of Path, N
    labels_N : ndarray of int64, shape (N,)
    is_test_N : ndarray of bool, shape (N,), optional
        The data set's own split, if it has one.
    """

    name: str
    paths: tuple[Path, ...]
    labels_N: NDArray[np.int64]
    is_test_N: NDArray[np.bool_] | None = None
    is_listed: bool = False
    """Whether a file names the images; otherwise they were found in folders."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ListedSet:
    """The image files of every domain, listed and limited, but not yet opened.

    Parameters
    ----------
    name, class_names, phrase, split_files
        As of `DomainSet`.
    listings : tuple of Listing
        One a domain.
    options : ReadOptions
    """

    name: str
    class_names: tuple[str, ...]
    phrase: str
    split_files: Mapping[str, str]
    listings: tuple[Listing, ...]
    options: ReadOptions

    def outline(self) -> DomainSet:
        """Return the domains with labels and splits, and with blank images of one pixel.

        Blank images take no memory, and no file is opened.
        """
        blank = np.zeros((1, 1, 1, 3), dtype=np.uint8)
        return DomainSet(
            name=self.name,
            class_names=self.class_names,
            phrase=self.phrase,
            split_files=self.split_files,
            domains=tuple(
                Domain(
                    name=listing.name,
                    images_NHW3=np.broadcast_to(blank, (len(listing.paths), 1, 1, 3)),
                    labels_N=listing.labels_N,
                    is_test_N=listing.is_test_N,
                )
                for listing in self.listings
            ),
        )

    def open(self) -> DomainSet:
        """Open all files once; images stay in their files until they are indexed.

        Raises
        ------
        DataError
            Too many files cannot be read; a domain has no readable image.
        """
        chosen = self.options.cache_dir
        cache_dir = default_cache_dir() if chosen is None else chosen
        found = [
            open_images(listing.paths, self.options.image_size, cache_dir)
            for listing in self.listings
        ]
        return DomainSet(
            name=self.name,
            class_names=self.class_names,
            skipped=_count_skipped(self.name, found, self.options),
            domains=tuple(map(_domain, self.listings, found)),
            phrase=self.phrase,
            split_files=self.split_files,
        )


def list_files(
    listings: Sequence[Listing],
    options: ReadOptions,
    *,
    name: str,
    class_names: tuple[str, ...],
    phrase: str,
    split_files: Mapping[str, str] | None = None,
) -> ListedSet:
    """Check that listed files exist, and apply the limit of images of a class.

    Parameters
    ----------
    listings : sequence of Listing
        One a domain.
    options : ReadOptions
    name, class_names, phrase, split_files
        As of `DomainSet`.

    Raises
    ------
    DataError
        A listed file is missing.
    """
    _check_classes(name, class_names)
    for listing in listings:
        _check_presence(listing)
    return ListedSet(
        name=name,
        class_names=class_names,
        phrase=phrase,
        split_files=split_files or {},
        listings=tuple(_limit_listing(listing, class_names, options) for listing in listings),
        options=options,
    )


def _check_classes(name: str, class_names: tuple[str, ...]) -> None:
    """Refuse a data set without a choice of classes."""
    if len(class_names) < 2:
        raise DataError(
            f"data set {name!r} has {len(class_names)} class(es) {list(class_names)}; "
            "classification needs 2 at least"
        )


def limit_domains(domain_set: DomainSet, options: ReadOptions) -> DomainSet:
    """Keep at most `images_per_class` images of a class, domain and part of a set in memory."""
    if options.images_per_class is None:
        return domain_set
    domains = []
    for domain in domain_set.domains:
        rows = _limit(
            domain.name, domain_set.class_names, domain.labels_N, domain.is_test_N, options
        )
        if isinstance(domain.images_NHW3, ImageFiles):
            raise TypeError("images in files are limited before they are opened")
        domains.append(
            Domain(
                name=domain.name,
                images_NHW3=domain.images_NHW3[rows],
                labels_N=domain.labels_N[rows],
                is_test_N=None if domain.is_test_N is None else domain.is_test_N[rows],
            )
        )
    return replace(domain_set, domains=tuple(domains))


def list_folder(folder: Path) -> list[Path]:
    """List a folder in alphabetical order, without hidden names and folders of `LEFT_BEHIND`.

    Raises
    ------
    DataError
        It cannot be listed.
    """
    with _listing(folder):
        found = sorted(folder.iterdir(), key=lambda path: (composed(path.name), path.name))
    return [p for p in found if not p.name.startswith(".") and p.name not in LEFT_BEHIND]


def list_subfolders(folder: Path) -> list[Path]:
    """List the folders in a folder; as `list_folder`."""
    with _listing(folder):
        return [path for path in list_folder(folder) if path.is_dir()]


@contextmanager
def _listing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot list {str(folder)!r} ({reason(error)}); check its permissions"
        ) from error


def composed(name: str) -> str:
    """Return a name in Unicode's composed form (NFC); macOS may spell it decomposed."""
    return unicodedata.normalize("NFC", name)


def as_on_disk(path: Path) -> Path:
    """Return the spelling of a path, composed or decomposed, for which a file exists."""
    if str(path).isascii():
        return path
    forms: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
    spellings = [path, *(Path(unicodedata.normalize(form, str(path))) for form in forms)]
    return next((spelling for spelling in spellings if spelling.is_file()), path)


def list_images(folder: Path) -> list[Path]:
    """List the files in a folder whose suffix is one of images.

    Raises
    ------
    DataError
        There is none, or the folder cannot be listed.
    """
    called = [path for path in list_folder(folder) if path.suffix.lower() in SUFFIXES]
    paths = [path for path in called if not path.is_dir()]
    if not paths:
        raise DataError(
            f"class folder {str(folder)!r} holds no image "
            f"({', '.join(sorted(SUFFIXES))}); add some or remove it"
        )
    return paths


def list_classes(name: str, class_folders: Sequence[Path], labels: Sequence[int]) -> Listing:
    """List all images of a domain whose classes are folders; `labels` has one for each folder."""
    paths: list[Path] = []
    counts: list[int] = []
    for folder in class_folders:
        images = list_images(folder)
        paths += images
        counts.append(len(images))
    return Listing(
        name=name,
        paths=tuple(paths),
        labels_N=np.repeat(np.array(labels, dtype=np.int64), counts),
    )


def _check_presence(listing: Listing) -> None:
    """Refuse missing files and links to missing files."""
    missing = [path for path in listing.paths if not path.is_file()]
    if not missing:
        return
    shown = ", ".join(repr(str(path)) for path in missing[:_SHOWN])
    kind = "listed images" if listing.is_listed else "images"
    what = f"{len(missing)} of {len(listing.paths)} {kind} of {listing.name!r} are"
    if all(path.is_symlink() for path in missing):
        raise DataError(
            f"{what} links to what is not there, such as {shown}; fetch what they point to, or "
            "remove them"
        )
    remedy = "keep the folder as it is while it is used"
    if listing.is_listed:
        remedy = "is the folder a complete copy of the published images?"
    raise DataError(f"{what} missing, such as {shown}; {remedy}")


def _limit_listing(listing: Listing, class_names: tuple[str, ...], options: ReadOptions) -> Listing:
    rows = _limit(listing.name, class_names, listing.labels_N, listing.is_test_N, options)
    return Listing(
        name=listing.name,
        paths=tuple(listing.paths[row] for row in rows.tolist()),
        labels_N=listing.labels_N[rows],
        is_test_N=None if listing.is_test_N is None else listing.is_test_N[rows],
        is_listed=listing.is_listed,
    )


def _limit(
    domain: str,
    class_names: tuple[str, ...],
    labels_N: NDArray[np.int64],
    is_test_N: NDArray[np.bool_] | None,
    options: ReadOptions,
) -> NDArray[np.int64]:
    """Draw the rows within the limit, in order; the draw of a class does not depend on others."""
    if options.images_per_class is None:
        return np.arange(len(labels_N))
    from secfpp.seeds import Seeds  # imports torch, which takes a second

    seeds = Seeds(options.limit_seed)
    part_N = np.zeros(len(labels_N), dtype=bool) if is_test_N is None else is_test_N
    kept: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    for label, name in enumerate(class_names):
        for part in (False, True):
            rows = np.flatnonzero((labels_N == label) & (part_N == part))
            rng = seeds.numpy(f"images per class: {domain}/{name}/{'test' if part else 'train'}")
            kept.append(rng.permutation(rows)[: options.images_per_class])
    return np.sort(np.concatenate(kept))


def _count_skipped(name: str, found: Sequence[Readable], options: ReadOptions) -> int:
    """Count unreadable images; refuse too many, warn of the others."""
    total = sum(len(readable.kept_N) for readable in found)
    reasons = [reason for readable in found for reason in readable.reasons]
    if not reasons:
        return 0
    stated = options.max_unreadable
    allowed = int(total * UNREADABLE_SHARE) if stated is None else stated
    what = f"{len(reasons)} of {total} images of {name!r} cannot be read"
    shown = ", ".join(reasons[:_SHOWN])
    if len(reasons) > allowed:
        limit = f"{UNREADABLE_SHARE:.0%} of them" if stated is None else f"max_unreadable={stated}"
        raise DataError(
            f"{what}, more than {limit}: {shown}; repair or remove them, or raise max_unreadable"
        )
    _LOG.warning("%s and are not used: %s", what, shown)
    return len(reasons)


def _domain(listing: Listing, readable: Readable) -> Domain:
    """Make a domain of its readable images."""
    kept_N = readable.kept_N
    if not kept_N.any():
        raise DataError(f"domain {listing.name!r} has no image that can be read; add some")
    return Domain(
        name=listing.name,
        images_NHW3=readable.images,
        labels_N=listing.labels_N[kept_N],
        is_test_N=None if listing.is_test_N is None else listing.is_test_N[kept_N],
    )
