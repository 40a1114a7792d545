"""Which data and model a run uses, and where it computes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DeviceName = Literal["cpu", "cuda", "auto"]
PrecisionName = Literal["fp32", "bf16", "fp16"]
Views = Literal["whole", "crops"]


@dataclass(frozen=True, kw_only=True)
class WorkloadConfig:
    """Data, model and device."""

    data: str = "digits"
    """`digits`, the embedded domains; `NAME:PATH`, a known data set in a folder (see docs/data.md);
    or a folder `domain/class/*.jpg|png`."""
    images_per_class: int | None = None
    """The most images of each class and domain that are used. None: all."""
    max_unreadable: int | None = None
    """The most unreadable images that are skipped. None: one in a hundred."""
    split_sha256: str | None = None
    """Sha256 that a data set's own split file must have. None: any; the run records it."""
    cache_dir: Path | None = None
    """Folder that caches built data and image features. None: the user's cache folder."""
    model: str = "embedded"
    """`embedded`, an open_clip name, or `local-dir:PATH`."""
    pretrained: str | None = None
    """Weights of an open_clip name."""
    precision: PrecisionName = "fp32"
    """Precision of the image tower; prompts are trained in float32."""
    views: Views = "crops"
    """What an image's feature is made of. whole: the image. crops: the mean over the image and four
    overlapping quadrants, for all methods, in training and in testing; takes five times as long to
    encode."""
    device: DeviceName = "auto"
    """Where prompts are trained."""
