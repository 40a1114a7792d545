"""Labelled images grouped by the domain that they come from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from secfpp.errors import DataError

# Legend: N images, H height, W width, 3 colour channels, C classes.


@dataclass(frozen=True, kw_only=True, eq=False)
class Domain:
    """One source of images: a camera, a hospital, a style.

    Parameters
    ----------
    name : str
        Shown in tables.
    images_NHW3 : ndarray of uint8, shape (N, H, W, 3)
        RGB, 0..255.
    labels_N : ndarray of int64, shape (N,)
        Indices into the class names of the domain set.
    """

    name: str
    images_NHW3: NDArray[np.uint8] = field(repr=False)
    labels_N: NDArray[np.int64] = field(repr=False)

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

    def __len__(self) -> int:
        return len(self.labels_N)

    @cached_property
    def checksum(self) -> str:
        """Sha256 (hex) of labels and pixels; the name does not enter."""
        digest = hashlib.sha256()
        digest.update(str(self.images_NHW3.shape).encode())
        digest.update(np.ascontiguousarray(self.labels_N).astype("<i8").tobytes())
        digest.update(np.ascontiguousarray(self.images_NHW3).data)
        return digest.hexdigest()


@dataclass(frozen=True, kw_only=True, eq=False)
class DomainSet:
    """Domains that share their classes.

    Parameters
    ----------
    name : str
        ``"digits"`` for the embedded default, the folder's name otherwise.
    class_names : tuple of str
        What stands after the prompt, in label order.
    domains : tuple of Domain
        One at least.
    phrase : str
        Words from which prompts start, e.g. ``"a photo of the digit"``.
    """

    name: str
    class_names: tuple[str, ...]
    domains: tuple[Domain, ...]
    phrase: str

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
