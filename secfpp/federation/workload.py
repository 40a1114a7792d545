"""The images, the model and the image features of a run, loaded once.

open_clip takes seconds to import, so it is imported when a workload is loaded. Features of regions
of images are computed when a method first asks for them.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from secfpp.config.partition import PartitionConfig
from secfpp.config.workload import Views, WorkloadConfig
from secfpp.data.domains import DomainSet
from secfpp.data.mixed import mix_domains, mixed_partition
from secfpp.data.partition import partition
from secfpp.errors import ConfigError
from secfpp.federation.cohort import Cohort, build_cohort
from secfpp.learning.training import TextTower, pick_device
from secfpp.seeds import Seeds

if TYPE_CHECKING:
    from secfpp.clip.model import FrozenClip
    from secfpp.clip.text import PromptedText
    from secfpp.data.readers.listing import ListedSet

__all__ = ["Sources", "Workload", "load_workload", "open_sources"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Workload:
    """Frozen model and cached features; the same for all seeds and methods."""

    domain_set: DomainSet
    features: tuple[npt.NDArray[np.float32], ...]
    """Unit-norm image features of each domain, (images, E)."""
    tower: TextTower
    logit_scale: float
    initial_TW: torch.Tensor
    """Public start of every prompt, float32."""
    device: torch.device
    encode_regions: Callable[[], tuple[npt.NDArray[np.float32], ...]] | None = None
    """Returns unit-norm features of R regions of each domain's images, (images, R, E)."""

    @cached_property
    def patches(self) -> tuple[npt.NDArray[np.float32], ...]:
        """Unit-norm features of R regions of each domain's images, (images, R, E).

        Raises
        ------
        ConfigError
            If this workload has no features of regions.
        """
        if self.encode_regions is None:
            raise ConfigError(
                "this workload has no features of regions of images; give it `encode_regions`, or "
                "leave out methods that look at regions"
            )
        return self.encode_regions()

    def cohort(
        self, config: PartitionConfig, seeds: Seeds, *, with_patches: bool = False
    ) -> Cohort:
        """Partition the images among clients; with features of their regions only if needed."""
        domain_set, features = self.domain_set, self.features
        patches = self.patches if with_patches else None
        if config.domains == "mixed":
            config = mixed_partition(config, len(domain_set.domains))
            domain_set, features = mix_domains(domain_set), (np.concatenate(features),)
            patches = None if patches is None else (np.concatenate(patches),)
        shards = partition(domain_set, config, seeds.numpy("partition"))
        return build_cohort(domain_set, features, shards, self.device, patches)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sources:
    """Model and listed images, before any image is opened or encoded."""

    clip: "FrozenClip"
    listed: "DomainSet | ListedSet"
    """Digits and CIFAR in memory, other images listed."""
    tower: "PromptedText"
    cache_dir: Path | None = None
    """Folder that caches image features. None: the user's cache folder."""
    views: Views = "whole"
    """What an image's feature is made of."""

    @cached_property
    def outline(self) -> DomainSet:
        """Labels and splits of all domains; pixels of listed images are blank."""
        return self.listed if isinstance(self.listed, DomainSet) else self.listed.outline()

    def encode(self) -> Workload:
        """Open and encode all images.

        Raises
        ------
        DataError
            If too many images cannot be read.
        """
        from secfpp.clip.features import encode_domains
        from secfpp.clip.patches import encode_patches

        listed = self.listed
        domain_set = listed if isinstance(listed, DomainSet) else listed.open()
        return Workload(
            domain_set=domain_set,
            features=encode_domains(self.clip, domain_set, self.cache_dir, views=self.views),
            tower=self.tower,
            logit_scale=self.clip.logit_scale,
            initial_TW=self.tower.initial_context(domain_set.phrase),
            device=self.clip.device,
            encode_regions=lambda: encode_patches(self.clip, domain_set, self.cache_dir),
        )


def load_workload(
    config: WorkloadConfig, *, num_context: int, check: Callable[[Sources], None] | None = None
) -> Workload:
    """Load data and model, and encode all images.

    Parameters
    ----------
    config : WorkloadConfig
    num_context : int
        Context tokens of a prompt.
    check : callable, optional
        Is given model and listed images before any image is opened; may raise.

    Raises
    ------
    DataError, ModelError, ConfigError
        As `open_sources`, and if too many images cannot be read.
    """
    sources = open_sources(config, num_context=num_context)
    if check is not None:
        check(sources)
    return sources.encode()


def open_sources(config: WorkloadConfig, *, num_context: int) -> Sources:
    """Load the model and list the images.

    Raises
    ------
    DataError
        If the data cannot be used.
    ModelError
        If the model cannot be found or prompted.
    ConfigError
        If the device does not exist.
    """
    from secfpp.clip.model import load_clip
    from secfpp.clip.text import PromptedText

    device = pick_device(config.device)
    _leave_cores_free()
    clip = load_clip(config.model, config.pretrained, str(device))
    clip = replace(clip, precision=config.precision)
    listed = _list_images(config, clip.image_size)
    return Sources(
        clip=clip,
        listed=listed,
        tower=PromptedText(clip, listed.class_names, num_context),
        cache_dir=config.cache_dir,
        views=config.views,
    )


def _list_images(config: WorkloadConfig, image_size: int) -> "DomainSet | ListedSet":
    """List the images, at the size that the model reads."""
    from secfpp.data.load import list_domains
    from secfpp.data.readers.listing import ReadOptions

    options = ReadOptions(
        image_size=image_size,
        images_per_class=config.images_per_class,
        max_unreadable=config.max_unreadable,
        split_sha256=config.split_sha256,
        cache_dir=config.cache_dir,
    )
    return list_domains(config.data, options)


def _leave_cores_free() -> None:
    """Let torch use half of the processors that it sees.

    Threads of torch wait for one another by spinning. A thread that has to share its core, with
    another hyper-thread or a computing party, therefore slows down every small product.
    """
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // 2))
