"""Sizes of a federation, counted from labels before any image is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from secfpp.data.partition import partition
from secfpp.experiment.config import RunConfig
from secfpp.seeds import Seeds

if TYPE_CHECKING:
    from secfpp.federation.workload import Sources

__all__ = ["Sizes", "count_sizes"]

FLOAT_BYTES = 4
LABEL_BYTES = 9
"""Of a label as int64, and of its mask."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Numbers that decide time and memory."""

    images: int
    """Images of all domains; each is encoded once."""
    largest_domain: int
    domains: int
    clients: int
    images_per_client: int
    """Training images of the largest client."""
    test_images: int
    """Test images of the largest domain."""
    classes: int
    embed_dim: int
    regions: int
    """Regions of an image, for methods that look at regions."""

    @property
    def feature_bytes(self) -> int:
        """Bytes of the features of one image."""
        return FLOAT_BYTES * self.embed_dim

    @property
    def patch_bytes(self) -> int:
        """Bytes of the features of the regions of one image."""
        return self.regions * self.feature_bytes

    def cohort_bytes(self, *, with_patches: bool) -> int:
        """Return bytes of the clients' tensors on the device: training and test images."""
        an_image = self.feature_bytes + LABEL_BYTES + (self.patch_bytes if with_patches else 0)
        return an_image * (self.clients * self.images_per_client + self.domains * self.test_images)

    def encoded_bytes(self, *, with_patches: bool) -> int:
        """Return bytes of the features of all images, in host memory and in the cache."""
        return self.images * (self.feature_bytes + (self.patch_bytes if with_patches else 0))


def count_sizes(config: RunConfig, sources: Sources) -> Sizes:
    """Deal out the images of the first seed, by their labels, and count.

    Raises
    ------
    DataError
        If the partition is not possible.
    """
    from secfpp.clip.patches import regions_of

    outline, clip = sources.outline, sources.clip
    shards = partition(outline, config.partition, Seeds(config.first_seed).numpy("partition"))
    return Sizes(
        images=sum(map(len, outline.domains)),
        largest_domain=max(map(len, outline.domains)),
        domains=len(outline.domains),
        clients=len(shards),
        images_per_client=max(len(shard.train_index) for shard in shards),
        test_images=max(len(shard.test_index) for shard in shards),
        classes=len(outline.class_names),
        embed_dim=clip.embed_dim,
        regions=regions_of(clip).count,
    )
