"""Descriptors of clients, which are clustered: unit-norm vectors in a common basis.

Shape letters: N clients, D dimensions of a descriptor, C classes, E embedding, T context tokens,
W width of the text tower, M = T W.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from secfpp.config.clustering import DescriptorName
from secfpp.errors import ConfigError, RunError
from secfpp.learning.losses import Shards
from secfpp.learning.prompts import FloatArray
from secfpp.learning.training import TextTower
from secfpp.seeds import Seeds

__all__ = ["PROJECTION_SEED", "ClientView", "describe", "public_axes", "random_projection"]

PROJECTION_SEED = 20_250_522
"""Public, because all clients must project onto the same axes."""
AXES_PROMPTS = 512
AXES_DEVIATION = 0.03
"""Random prompts whose descriptors show the axes, and how far their numbers are from the start:
about as far as those of a client after its first round."""
_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class ClientView:
    """The values that a descriptor is made of, one row for each client."""

    tower: TextTower
    """The frozen text tower."""
    shared_NTW: torch.Tensor
    """P_G after the client's local steps, float32."""
    update_NM: FloatArray
    """The same minus the public start, float64."""
    initial_TW: torch.Tensor
    """The public start, float32."""
    shards: Shards
    """The clients' own images."""


def describe(name: DescriptorName, view: ClientView, projection_dim: int) -> FloatArray:
    """Describe each client by one unit-norm vector.

    Parameters
    ----------
    name : str
        `text-shift`: text features of the class names under P_G minus those under the public start,
        C E numbers; `text-features`: those under P_G; `update`: P_G minus its public start;
        `prompt`: P_G itself; `projected-update`, `projected-prompt`: a public random projection;
        `mean-image`: mean image feature.
    view : ClientView
    projection_dim : int
        Dimensions D of the projected descriptors.

    Returns
    -------
    ndarray of float64, (N, D)
        Rows of unit norm; a row that was zero stays zero.

    Raises
    ------
    RunError
        If a descriptor is not finite.
    """
    raw_ND = _RAW[name](view)
    if name in ("projected-update", "projected-prompt"):
        raw_ND = raw_ND @ random_projection(raw_ND.shape[1], projection_dim)
    norm_N1 = np.linalg.norm(raw_ND, axis=1, keepdims=True)
    if not np.isfinite(norm_N1).all():
        client = int(np.flatnonzero(~np.isfinite(norm_N1[:, 0]))[0])
        raise RunError(f"descriptor {name!r} of client {client} is not finite; lower the rates")
    return np.asarray(raw_ND / np.where(norm_N1 > 0, norm_N1, 1.0), dtype=np.float64)


def random_projection(num_inputs: int, num_outputs: int) -> FloatArray:
    """Return the public Gaussian projection, (num_inputs, num_outputs) float64.

    It preserves norms in expectation (Johnson and Lindenstrauss, 1984).
    """
    rng = Seeds(PROJECTION_SEED).numpy(f"projection {num_inputs} x {num_outputs}")
    axes = rng.standard_normal((num_inputs, num_outputs)) / np.sqrt(num_outputs)
    return np.asarray(axes, dtype=np.float64)


def public_axes(
    name: DescriptorName, tower: TextTower, initial_TW: torch.Tensor, num_axes: int
) -> FloatArray:
    """Return the axes along which descriptors of random prompts vary most, orthonormal (D, d).

    They depend on the public model and the public start alone, so that a projection onto them tells
    nothing of any client. A random projection keeps less of what tells descriptors apart.

    Parameters
    ----------
    name : str
        A descriptor that depends on prompts alone, as all but `mean-image` do.
    tower : callable
        The frozen text tower.
    initial_TW : Tensor of float32, (T, W)
    num_axes : int
        d, at most D and `AXES_PROMPTS`.

    Raises
    ------
    ConfigError
        If the descriptor depends on images, or there are fewer axes.
    """
    if name == "mean-image":
        raise ConfigError(
            "clustering.descriptor=mean-image has no public axes, since it does not depend on "
            "prompts; choose another descriptor"
        )
    generator = Seeds(PROJECTION_SEED).torch("prompts that show axes")
    noise_STW = torch.randn((AXES_PROMPTS, *initial_TW.shape), generator=generator)
    prompts_STW = initial_TW + AXES_DEVIATION * noise_STW.to(initial_TW)
    described = [
        describe(name, _view_of(tower, some_STW, initial_TW), num_axes)
        for some_STW in prompts_STW.split(_AT_ONCE)
    ]
    axes_SD = np.linalg.svd(np.concatenate(described), full_matrices=False)[2]
    if num_axes > len(axes_SD):
        raise ConfigError(
            f"inside.dp_dims={num_axes} but descriptors have {len(axes_SD)} axes at most; lower it"
        )
    return np.asarray(axes_SD[:num_axes].T, dtype=np.float64)


def _view_of(tower: TextTower, prompts_STW: torch.Tensor, initial_TW: torch.Tensor) -> ClientView:
    """Return a view of prompts without images."""
    none = torch.zeros(len(prompts_STW), 0)
    return ClientView(
        tower=tower,
        shared_NTW=prompts_STW,
        update_NM=_float64((prompts_STW - initial_TW).flatten(1)),
        initial_TW=initial_TW,
        shards=Shards(features_NBE=none[..., None], labels_NB=none.long(), mask_NB=none.bool()),
    )


@torch.no_grad()
def _text_features(view: ClientView) -> FloatArray:
    """Class names under P_G, (N, C E)."""
    return _float64(view.tower(view.shared_NTW).flatten(1))


@torch.no_grad()
def _text_shift(view: ClientView) -> FloatArray:
    """Class names under P_G minus the same under the public start, (N, C E)."""
    start_1M = _float64(view.tower(view.initial_TW[None]).flatten(1))
    return _text_features(view) - start_1M


def _mean_image(view: ClientView) -> FloatArray:
    """Mean image feature, (N, E)."""
    mask_NB1 = view.shards.mask_NB[..., None].double()
    total_NE = (view.shards.features_NBE.double() * mask_NB1).sum(dim=1)
    return _float64(total_NE / mask_NB1.sum(dim=1).clamp(min=1))


def _prompt(view: ClientView) -> FloatArray:
    """P_G, (N, M)."""
    return _float64(view.shared_NTW.flatten(1))


def _update(view: ClientView) -> FloatArray:
    """P_G minus its public start, (N, M)."""
    return view.update_NM


def _float64(tensor: torch.Tensor) -> FloatArray:
    """Convert a tensor to NumPy."""
    return np.asarray(tensor.detach().cpu().numpy(), dtype=np.float64)


_RAW: dict[DescriptorName, Callable[[ClientView], FloatArray]] = {
    "text-shift": _text_shift,
    "text-features": _text_features,
    "update": _update,
    "prompt": _prompt,
    "projected-update": _update,
    "projected-prompt": _prompt,
    "mean-image": _mean_image,
}
