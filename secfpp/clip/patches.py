"""Features of regions of images, in the common space of images and texts, cached on disk.

Methods that match regions with texts (PLOT, FedOTP) need several vectors for each image. If the
image tower has a grid of places at its end, regions are these places:

* a vision transformer's patch tokens, through the last normalisation and projection;
* a CLIP ResNet's places, each as a query of the attention pool, as in the published code of PLOT
  and FedOTP (the tower's own feature is the same attention with the mean as its query).

**If the grid has one place only, regions are crops**: the whole image and four overlapping
quadrants, each resized and read by the tower as a separate image. That is the case for the embedded
model, whose ResNet ends in a 1 x 1 grid at 32 pixels, and for towers of other kinds. The feature of
a crop depends on the crop alone; a place of a grid depends on the whole image.

A grid with more than `MAX_SIDE` places on a side is averaged down to that, so that memory and disk
hold the regions of a whole data set. ViT-B/32 and RN50 at 224 pixels have exactly that grid;
ViT-B/16 has twice as many places on a side.

References
----------
G. Chen et al., "PLOT: Prompt Learning with Optimal Transport for Vision-Language Models" (ICLR
2023). H. Li et al., "Global and Local Prompts Cooperation via Optimal Transport for Federated
Learning" (CVPR 2024), arXiv 2403.00041.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.modified_resnet import AttentionPool2d, ModifiedResNet
from open_clip.transformer import VisionTransformer
from torch.nn import functional

from secfpp.clip.crops import CROP_FRACTION, NUM_CROPS, encode_crops
from secfpp.clip.features import cached_array, digest_of
from secfpp.clip.model import BATCH_SIZE, FrozenClip
from secfpp.data.cache import default_cache_dir
from secfpp.data.domains import Domain, DomainSet

# Legend: N images, H height, W width, R regions, Y x X places of a grid, Q = Y X + 1 tokens, M
# heads, F width of a head, D width of the tower, E embedding.

RegionKind: TypeAlias = Literal["tokens", "attention pool", "crops"]
MAX_SIDE = 7
_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Regions:
    """How a model's images are divided."""

    kind: RegionKind
    grid: tuple[int, int]
    """Places from top to bottom and from left to right; (1, 1) for crops."""

    @property
    def count(self) -> int:
        """Regions R of an image."""
        return NUM_CROPS if self.kind == "crops" else self.grid[0] * self.grid[1]


def regions_of(clip: FrozenClip) -> Regions:
    """Return how a model's images are divided into regions."""
    visual = clip.model.visual
    if (
        type(visual) is VisionTransformer
        and visual.attn_pool is None
        and visual.pool_type != "none"
    ):
        found = Regions(kind="tokens", grid=_at_most(visual.grid_size))
    elif type(visual) is ModifiedResNet and type(visual.attnpool) is AttentionPool2d:
        side = clip.image_size // 32
        found = Regions(kind="attention pool", grid=_at_most((side, side)))
    else:
        found = Regions(kind="crops", grid=(1, 1))
    return found if found.grid != (1, 1) else Regions(kind="crops", grid=(1, 1))


def encode_patches(
    clip: FrozenClip, domain_set: DomainSet, cache_dir: Path | None = None
) -> tuple[NDArray[np.float32], ...]:
    """Return the features of regions of every image of every domain.

    Parameters
    ----------
    clip : FrozenClip
    domain_set : DomainSet
    cache_dir : Path, optional
        None: the user's cache folder.

    Returns
    -------
    tuple of ndarray of float32, each of shape (N, R, E)
        Unit norm, in the order of the domains; regions row by row, crops in the order of
        `crop_boxes`.
    """
    folder = (default_cache_dir() if cache_dir is None else cache_dir) / "patches"
    return tuple(_patches(clip, domain, folder) for domain in domain_set.domains)


def grid_features(clip: FrozenClip, pixels_N3HW: torch.Tensor) -> torch.Tensor:
    """Return the features of a grid of places, not normalised.

    Parameters
    ----------
    clip : FrozenClip
        A model whose regions are places of a grid.
    pixels_N3HW : Tensor of float32, (N, 3, H, W)
        Output of `FrozenClip.preprocess`.

    Returns
    -------
    Tensor of float, (N, Y, X, E)
        Y and X are those of the tower, without averaging.
    """
    visual = clip.model.visual
    if regions_of(clip).kind == "tokens":
        found = visual.forward_intermediates(
            pixels_N3HW,
            indices=1,
            normalize_intermediates=True,
            intermediates_only=True,
            output_fmt="NLC",
        )
        tokens_NRD: torch.Tensor = found["image_intermediates"][-1]
        places_NRE = tokens_NRD if visual.proj is None else tokens_NRD @ visual.proj
        return _as_grid(places_NRE, *visual.grid_size)
    found = visual.forward_intermediates(pixels_N3HW, indices=1, intermediates_only=True)
    map_NDYX: torch.Tensor = found["image_intermediates"][-1]
    attended_NQE = attend_everywhere(visual.attnpool, map_NDYX)
    return _as_grid(attended_NQE[:, 1:], map_NDYX.shape[2], map_NDYX.shape[3])


def attend_everywhere(pool: AttentionPool2d, map_NDYX: torch.Tensor) -> torch.Tensor:
    """Run an attention pool with all of its tokens as queries, not the mean alone.

    Parameters
    ----------
    pool : open_clip.modified_resnet.AttentionPool2d
    map_NDYX : Tensor of float, (N, D, Y, X)

    Returns
    -------
    Tensor of float, (N, 1 + Y X, E)
        First the result of the pool itself, then places row by row.
    """
    places_NRD = map_NDYX.flatten(2).transpose(1, 2)
    tokens_NQD = torch.cat([places_NRD.mean(dim=1, keepdim=True), places_NRD], dim=1)
    tokens_NQD = tokens_NQD + pool.positional_embedding
    query, key, value = (
        linear(tokens_NQD).unflatten(2, (pool.num_heads, -1)).transpose(1, 2)
        for linear in (pool.q_proj, pool.k_proj, pool.v_proj)
    )
    mixed_NMQF = functional.scaled_dot_product_attention(query, key, value)
    attended_NQE: torch.Tensor = pool.c_proj(mixed_NMQF.transpose(1, 2).flatten(2))
    return attended_NQE


def _patches(clip: FrozenClip, domain: Domain, folder: Path) -> NDArray[np.float32]:
    """Return one domain's regions, from the cache if it holds them."""
    regions = regions_of(clip)
    way = ("patches", _FORMAT, regions.kind, regions.grid, CROP_FRACTION)
    shape = (len(domain), regions.count, clip.embed_dim)
    return cached_array(
        folder / f"{digest_of(clip, domain, way)}.safetensors",
        shape,
        lambda: _compute(clip, domain, regions),
    )


@torch.no_grad()
def _compute(clip: FrozenClip, domain: Domain, regions: Regions) -> NDArray[np.float32]:
    """Read all images of a domain, a batch at a time."""
    patches_NRE = np.empty((len(domain), regions.count, clip.embed_dim), dtype=np.float32)
    for start in range(0, len(domain), BATCH_SIZE):
        images_NHW3 = np.asarray(domain.images_NHW3[start : start + BATCH_SIZE])
        rows = slice(start, start + len(images_NHW3))
        if regions.kind == "crops":
            found_NRE = encode_crops(clip, images_NHW3)
        else:
            with clip.reading():
                pixels = clip.preprocess(clip.upload(images_NHW3))
                grid_NYXE = grid_features(clip, pixels).float()
            found_NRE = functional.normalize(_averaged(grid_NYXE, regions.grid), dim=-1)
        patches_NRE[rows] = found_NRE.cpu().numpy()
    return patches_NRE


def _as_grid(places_NRE: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Put places that come row by row where they are: (N, R, E) to (N, Y, X, E)."""
    return places_NRE.reshape(len(places_NRE), height, width, -1)


def _averaged(grid_NYXE: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    """Average a finer grid down: (N, Y, X, E) to (N, R, E)."""
    if tuple(grid_NYXE.shape[1:3]) == grid:
        return grid_NYXE.flatten(1, 2)
    map_NEYX = functional.adaptive_avg_pool2d(grid_NYXE.permute(0, 3, 1, 2), grid)
    return map_NEYX.flatten(2).transpose(1, 2)


def _at_most(grid: tuple[int, int]) -> tuple[int, int]:
    """Return the grid after averaging."""
    return (min(grid[0], MAX_SIDE), min(grid[1], MAX_SIDE))
