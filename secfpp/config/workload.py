"""Which data and model a run uses, and where it computes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DeviceName = Literal["cpu", "cuda", "auto"]
PrecisionName = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, kw_only=True)
class WorkloadConfig:
    """Data, model and device."""

    data: str = "digits"
    """`digits`, the embedded domains; `NAME:PATH`, a known data set in a folder of yours (see
    docs/data.md); or a folder `domain/class/*.jpg|png`."""
    images_per_class: int | None = None
    """At most so many images of each class and domain are used. None: all."""
    max_unreadable: int | None = None
    """How many images that cannot be read are passed over. None: one in a hundred."""
    split_sha256: str | None = None
    """Sha256 that a data set's own split file must have. None: any; it is recorded."""
    cache_dir: Path | None = None
    """Where built data and image features are kept. None: the user's cache folder."""
    model: str = "embedded"
    """`embedded`, an open_clip name, or `local-dir:PATH`."""
    pretrained: str | None = None
    """Weights of an open_clip name."""
    precision: PrecisionName = "fp32"
    """In which the image tower computes; prompts are trained in float32."""
    device: DeviceName = "auto"
    """Where prompts are trained."""
