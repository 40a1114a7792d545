"""Labelled images grouped by the domain that they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from secfpp.data.halves import reporting_half
from secfpp.data.images import ImageFiles, Images
from secfpp.errors import DataError

# Legend: N images, H height, W width, 3 colour channels, C classes.


@dataclass(frozen=True, kw_only=True, eq=False)
class Domain:
    """One source of images: a camera, a hospital, a style.

    Parameters
    ----------
    name : str
        Shown in tables.
    images_NHW3 : ndarray of uint8, shape (N, H, W, 3), or ImageFiles
        RGB, 0..255; in memory, or read when they are indexed by rows.
    labels_N : ndarray of int64, shape (N,)
        Indices into the class names of the domain set.
    is_test_N : ndarray of bool, shape (N,), optional
        Test images by the data set's own split; None if it has no split.
    """

    name: str
    images_NHW3: Images = field(repr=False)
    labels_N: NDArray[np.int64] = field(repr=False)
    is_test_N: NDArray[np.bool_] | None = field(repr=False, default=None)

    def __post_init__(self) -> None:
        if self.images_NHW3.dtype != np.uint8 or self.images_NHW3.shape[3:] != (3,):
            raise DataError(
                f"domain {self.name!r}: images are {self.images_NHW3.dtype} of shape "
                f"{self.images_NHW3.shape}; expected uint8 of shape (N, H, W, 3)"
            )
        if self.labels_N.dtype != np.int64 or self.labels_N.shape != self.images_NHW3.shape[:1]:
            raise DataError(
                f"domain {self.name!r}: labels are {self.labels_N.dtype} of shape "
                f"{self.labels_N.shape}; expected int64 of shape {self.images_NHW3.shape[:1]}"
            )
        is_test_N = self.is_test_N
        if is_test_N is not None and (
            is_test_N.dtype != np.bool_ or is_test_N.shape != self.labels_N.shape
        ):
            raise DataError(
                f"domain {self.name!r}: is_test_N is {is_test_N.dtype} of shape "
                f"{is_test_N.shape}; expected bool of shape {self.labels_N.shape}"
            )

    def __len__(self) -> int:
        return len(self.labels_N)

    @cached_property
    def is_reporting_N(self) -> NDArray[np.bool_]:
        """Images for reported numbers: the domain's own test part, or a half that never changes.

        All others are for development: for training, validation and choices.
        """
        return reporting_half(self.labels_N) if self.is_test_N is None else self.is_test_N

    @cached_property
    def checksum(self) -> str:
        """Sha256 (hex) of labels and pixels, without name and split.

        Images in files are represented by their bytes, their size, and the release of Pillow that
        decodes them.
        """
        digest = hashlib.sha256()
        digest.update(str(self.images_NHW3.shape).encode())
        digest.update(np.ascontiguousarray(self.labels_N).astype("<i8").tobytes())
        if isinstance(self.images_NHW3, ImageFiles):
            digest.update(self.images_NHW3.identity.encode())
        else:
            digest.update(np.ascontiguousarray(self.images_NHW3).data)
        return digest.hexdigest()


@dataclass(frozen=True, kw_only=True, eq=False)
class DomainSet:
    """Domains that share their classes.

    Parameters
    ----------
    name : str
        ``"digits"`` for the embedded default, the name of a known data set, or that of a folder.
    class_names : tuple of str
        Names after the prompt, in label order.
    domains : tuple of Domain
        At least one.
    phrase : str
        Words from which prompts start, e.g. ``"a photo of the digit"``.
    skipped : int
        Images that cannot be read and are not used.
    split_files : mapping of str to str
        Sha256 (hex) of each file of the split, by its name.
    """

    name: str
    class_names: tuple[str, ...]
    domains: tuple[Domain, ...]
    phrase: str
    skipped: int = 0
    split_files: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.domains:
            raise DataError(f"domain set {self.name!r} has no domain; give one at least")
        if len(self.class_names) < 2:
            raise DataError(
                f"domain set {self.name!r} has {len(self.class_names)} class(es) "
                f"{list(self.class_names)}; classification needs 2 at least"
            )
        for domain in self.domains:
            low, high = (
                (int(f(domain.labels_N)) for f in (np.min, np.max)) if len(domain) else (0, 0)
            )
            if low < 0 or high >= len(self.class_names):
                raise DataError(
                    f"domain {domain.name!r} has labels {low}..{high}, "
                    f"but there are {len(self.class_names)} classes"
                )

    @property
    def checksums(self) -> dict[str, str]:
        """Sha256 (hex) of each domain's content, by domain name."""
        return {domain.name: domain.checksum for domain in self.domains}

    @property
    def provenance(self) -> DataProvenance:
        """Record of the data for a run folder."""
        return DataProvenance(
            name=self.name,
            images={domain.name: len(domain) for domain in self.domains},
            test_images={
                domain.name: int(domain.is_test_N.sum())
                for domain in self.domains
                if domain.is_test_N is not None
            },
            development_images={
                domain.name: int((~domain.is_reporting_N).sum()) for domain in self.domains
            },
            reporting_images={
                domain.name: int(domain.is_reporting_N.sum()) for domain in self.domains
            },
            checksums=self.checksums,
            split_files=self.split_files,
            skipped=self.skipped,
        )


@dataclass(frozen=True, kw_only=True)
class DataProvenance:
    """Record of the data, by which others can check that they have the same."""

    name: str
    """Name of the domain set."""
    images: Mapping[str, int]
    """Images of each domain."""
    test_images: Mapping[str, int]
    """Test images of each domain that has a split of its own."""
    development_images: Mapping[str, int]
    """Images of each domain that clients train and validate on, and by which choices are made."""
    reporting_images: Mapping[str, int]
    """Images of each domain that only reported accuracies are measured on."""
    checksums: Mapping[str, str]
    """Sha256 (hex) of each domain's content."""
    split_files: Mapping[str, str]
    """Sha256 (hex) of each file of a split."""
    skipped: int
    """Images that could not be read."""
