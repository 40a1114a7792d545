"""The images, the model and the image features of a run, loaded once.

open_clip takes seconds to import, so it is imported when a workload is loaded. Features of regions
of images are computed when a method first asks for them.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from secfpp.config.partition import PartitionConfig
from secfpp.config.workload import WorkloadConfig
from secfpp.data.domains import DomainSet
from secfpp.data.mixed import mix_domains, mixed_partition
from secfpp.data.partition import partition
from secfpp.errors import ConfigError
from secfpp.federation.cohort import Cohort, build_cohort
from secfpp.learning.training import TextTower, pick_device
from secfpp.seeds import Seeds

__all__ = ["Workload", "load_workload"]


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


def load_workload(config: WorkloadConfig, *, num_context: int) -> Workload:
    """Load data and model, and encode all images.

    Parameters
    ----------
    config : WorkloadConfig
    num_context : int
        Context tokens of a prompt.

    Raises
    ------
    DataError
        If the data cannot be used.
    ModelError
        If the model cannot be found or prompted.
    ConfigError
        If the device does not exist.
    """
    from secfpp.clip.crops import encode_crops
    from secfpp.clip.features import encode_domains
    from secfpp.clip.model import load_clip
    from secfpp.clip.patches import encode_patches
    from secfpp.clip.text import PromptedText

    device = pick_device(config.device)
    _leave_cores_free()
    clip = load_clip(config.model, config.pretrained, str(device))
    clip = replace(clip, precision=config.precision)
    domain_set = _load_images(config, clip.image_size)
    tower = PromptedText(clip, domain_set.class_names, num_context)
    encode = encode_crops if config.views == "crops" else encode_domains
    return Workload(
        domain_set=domain_set,
        features=encode(clip, domain_set, config.cache_dir),
        tower=tower,
        logit_scale=clip.logit_scale,
        initial_TW=tower.initial_context(domain_set.phrase),
        device=device,
        encode_regions=lambda: encode_patches(clip, domain_set, config.cache_dir),
    )


def _load_images(config: WorkloadConfig, image_size: int) -> DomainSet:
    """Load the images, at the size that the model reads."""
    from secfpp.data.load import load_domains
    from secfpp.data.readers.listing import ReadOptions

    options = ReadOptions(
        image_size=image_size,
        images_per_class=config.images_per_class,
        max_unreadable=config.max_unreadable,
        split_sha256=config.split_sha256,
        cache_dir=config.cache_dir,
    )
    return load_domains(config.data, options)


def _leave_cores_free() -> None:
    """Let torch use half of the processors that it sees.

    Threads of torch wait for one another by spinning. A thread that has to share its core, with
    another hyper-thread or a computing party, therefore slows down every small product.
    """
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // 2))
