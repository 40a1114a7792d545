"""Load an open_clip model and freeze it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import as_file, files
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.tokenizer import SimpleTokenizer
from torch.nn import functional

from secfpp.clip.lookup import (
    HUB,
    LOCAL_DIR,
    check_local_dir,
    check_name,
    check_vocabulary,
    explain_failure,
    offline_when_unreachable,
)
from secfpp.clip.tower import TextTower, text_tower
from secfpp.clip.vocabulary import VOCABULARY_FILE
from secfpp.data.images import Images
from secfpp.errors import ConfigError, ModelError, reason
from secfpp.places import expand_home

# Legend: N images, H height, W width, E embedding.

EMBEDDED = "embedded"
BATCH_SIZE = 256
Precision = Literal["fp32", "bf16", "fp16"]
_DTYPES: Mapping[Precision, torch.dtype] = MappingProxyType(
    {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
)


def load_clip(
    model: str = EMBEDDED, pretrained: str | None = None, device: str = "auto"
) -> FrozenClip:
    """Load a CLIP model and freeze it.

    Parameters
    ----------
    model : str
        ``"embedded"``, ``"local-dir:PATH"``, ``"hf-hub:ORG/NAME"`` or a name of open_clip's.
    pretrained : str, optional
        A tag of open_clip's or a file of weights; needed for a name, refused otherwise.
    device : str
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...; ``"auto"`` is a GPU if there is one.

    Returns
    -------
    FrozenClip

    Raises
    ------
    ModelError
        The model is unknown, incomplete, out of reach, or its text tower cannot be prompted.
    ConfigError
        The device does not exist.
    """
    place = resolve_device(device)
    _check_weights(model, pretrained)
    if model == EMBEDDED:
        with as_file(files("secfpp") / "assets" / "digits-clip") as folder:
            return _load_local(EMBEDDED, folder, place)
    if model.startswith(LOCAL_DIR):
        return _load_local(model, expand_home(model.removeprefix(LOCAL_DIR)), place)
    if pretrained is not None and Path(pretrained).is_file():
        return _load_file(model, pretrained, place)
    return _load_known(model, pretrained, place)


def _check_weights(model: str, pretrained: str | None) -> None:
    """Refuse weights beside a model that brings its own, and unknown names."""
    if not (model == EMBEDDED or model.startswith((LOCAL_DIR, HUB))):
        check_name(model, pretrained)
    elif pretrained is not None:
        raise ModelError(
            f"--pretrained {pretrained!r} has no meaning with --model {model}, which brings "
            "its own weights; leave it out"
        )


def _load_known(model: str, pretrained: str | None, place: torch.device) -> FrozenClip:
    """Load a model by its name, from the local cache or from the source that open_clip knows."""
    with offline_when_unreachable() as why_offline:
        try:
            return _build(model, model, pretrained, {}, place)
        except ModelError:
            raise
        except Exception as error:  # open_clip raises many types for failures of the hub
            full_name = model if pretrained is None else f"{model}/{pretrained}"
            raise ModelError(explain_failure(full_name, error, why_offline)) from error


def _load_local(name: str, folder: Path, device: torch.device) -> FrozenClip:
    """Load a model from a folder, with its own vocabulary if it has one."""
    try:
        check_local_dir(folder)
        vocabulary = folder / VOCABULARY_FILE
        settings = {"bpe_path": str(vocabulary)} if vocabulary.is_file() else {}
        clip = _build(name, f"{LOCAL_DIR}{folder}", None, settings, device)
    except ModelError:
        raise
    except Exception as error:  # json, safetensors, torch and open_clip each raise their own
        raise ModelError(
            f"cannot load the model in {str(folder)!r}: {reason(error)}; is it a complete copy?"
        ) from error
    check_vocabulary(
        vocabulary,
        is_there=bool(settings),
        num_read=clip.tokenizer.vocab_size,
        num_known=clip.tower.token_embedding.num_embeddings,
    )
    return clip


def _load_file(name: str, weights: str, device: torch.device) -> FrozenClip:
    """Load a file of weights into one of open_clip's architectures."""
    try:
        return _build(name, name, weights, {}, device)
    except ModelError:
        raise
    except Exception as error:  # torch, safetensors and pickle each raise their own
        raise ModelError(
            f"cannot load {weights!r} into {name}: {reason(error)}; is it a checkpoint of this "
            "model?"
        ) from error


def _build(
    name: str,
    identifier: str,
    pretrained: str | None,
    tokenizer_settings: dict[str, str],
    device: torch.device,
) -> FrozenClip:
    """Let open_clip build model and tokenizer, then freeze and check them."""
    with _quiet_root_logger():
        tokenizer = open_clip.get_tokenizer(identifier, **tokenizer_settings)
    if not isinstance(tokenizer, SimpleTokenizer):
        raise ModelError(
            f"model {name!r} splits text with a {type(tokenizer).__name__}; prompts are placed "
            "for CLIP's byte-pair tokenizer only, for example that of ViT-B-32"
        )
    with _quiet_root_logger():
        model = open_clip.create_model(identifier, pretrained=pretrained, require_pretrained=True)
    model.requires_grad_(False).eval().to(device)
    full_name = name if pretrained is None else f"{name}/{pretrained}"
    return FrozenClip(
        name=full_name,
        model=model,
        tower=text_tower(model, full_name),
        tokenizer=tokenizer,
        device=device,
    )


@contextmanager
def _quiet_root_logger() -> Iterator[None]:
    """Silence open_clip's log of failures, which are raised as errors, too."""
    root = logging.getLogger()
    was_disabled = root.disabled
    root.disabled = True
    try:
        yield
    finally:
        root.disabled = was_disabled


def resolve_device(device: str) -> torch.device:
    """Map a device flag to a device that exists."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"device {device!r} is not one; use cpu, cuda or auto") from error
    if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device {device!r} but torch sees {torch.cuda.device_count()} GPUs; "
            "use --device cpu or auto, or install a torch built for this machine's driver"
        )
    return place


@dataclass(frozen=True, kw_only=True, eq=False)
class FrozenClip:
    """A CLIP model whose weights never change.

    Parameters
    ----------
    name : str
        As given to `load_clip`, e.g. ``"embedded"`` or ``"ViT-B-32/openai"``.
    model : open_clip.CLIP or open_clip.CustomTextCLIP
        In evaluation mode, gradients off.
    tower : TextTower
        Its text side.
    tokenizer : SimpleTokenizer
    device : torch.device
    """

    name: str
    model: CLIP | CustomTextCLIP = field(repr=False)
    tower: TextTower = field(repr=False)
    tokenizer: SimpleTokenizer = field(repr=False)
    device: torch.device
    precision: Precision = "fp32"
    """Precision of the image tower; the text tower, which has gradients, computes in float32."""

    def reading(self) -> torch.autocast:
        """Return a context in which the image tower computes in its precision."""
        return torch.autocast(
            self.device.type,
            dtype=_DTYPES[self.precision],
            enabled=self.precision != "fp32",
        )

    @property
    def width(self) -> int:
        """Width W of a token of the text tower."""
        return self.tower.width

    @property
    def context_length(self) -> int:
        """Tokens that the text tower can read, including the two at the ends."""
        return self.tower.context_length

    @property
    def embed_dim(self) -> int:
        """Dimensions E of the common space of images and texts."""
        return self.tower.embed_dim

    @property
    def logit_scale(self) -> float:
        """Factor on cosines, already exponentiated."""
        return float(self.model.logit_scale.exp())

    @property
    def image_size(self) -> int:
        """Side of the square images that the image tower reads, in pixels."""
        size = self.model.visual.image_size
        return int(size[0] if isinstance(size, tuple) else size)

    @cached_property
    def fingerprint(self) -> str:
        """Sha256 (hex) of the names and values of all weights."""
        digest = hashlib.sha256()
        for name, value in sorted(self.model.state_dict().items()):
            digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
            digest.update(value.detach().cpu().contiguous().numpy().data)
        return digest.hexdigest()

    def encode_images(self, images_NHW3: Images) -> torch.Tensor:
        """Return unit-norm image features.

        Images of another size are resized to the model's square, and normalised as in its training.

        Parameters
        ----------
        images_NHW3 : ndarray of uint8 or ImageFiles, shape (N, H, W, 3)

        Returns
        -------
        torch.Tensor of float32, shape (N, E)
            On the device of the model.
        """
        features = [torch.empty((0, self.embed_dim), device=self.device)]
        with torch.no_grad():
            for start in range(0, len(images_NHW3), BATCH_SIZE):
                pixels = self.upload(images_NHW3[start : start + BATCH_SIZE])
                with self.reading():
                    raw = self.model.encode_image(self.preprocess(pixels))
                features.append(functional.normalize(raw.float(), dim=-1))
        return torch.cat(features)

    def upload(self, images_NHW3: NDArray[np.uint8]) -> torch.Tensor:
        """Copy images, uint8 (N, H, W, 3), to the device of the model as they are.

        A GPU reads them from pinned memory, so that no batch waits for the one before.
        """
        if self.device.type != "cuda":
            return torch.from_numpy(images_NHW3.copy()).to(self.device)
        staged = torch.empty(images_NHW3.shape, dtype=torch.uint8, pin_memory=True)
        staged.numpy()[...] = images_NHW3
        return staged.to(self.device, non_blocking=True)

    def preprocess(self, pixels_NHW3: torch.Tensor) -> torch.Tensor:
        """Resize and normalise: uint8 (N, H, W, 3) to float32 (N, 3, size, size)."""
        pixels = pixels_NHW3.permute(0, 3, 1, 2).float() / 255
        size = (self.image_size, self.image_size)
        if pixels.shape[2:] != size:
            pixels = functional.interpolate(
                pixels, size, mode="bicubic", align_corners=False, antialias=True
            ).clamp(0, 1)
        mean, std = (number.to(pixels.device) for number in self._mean_and_std)
        return (pixels - mean) / std

    @cached_property
    def _mean_and_std(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and deviation of the training pixels, (1, 3, 1, 1); copied to a GPU once."""
        config = self.model.visual.preprocess_cfg
        mean, std = (
            torch.tensor(config[key], device=self.device).view(1, 3, 1, 1)
            for key in ("mean", "std")
        )
        return mean, std
