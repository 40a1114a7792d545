"""The composed model: an image tower of timm beside a text tower of open_clip's own."""

from __future__ import annotations

import io
import json
from pathlib import Path

import torch
from open_clip.model import CustomTextCLIP
from safetensors.torch import save_file

from secfpp.clip.architecture import CONFIG_FILE, WEIGHTS_FILE
from secfpp.errors import DataError, ModelError
from secfpp.worlds.captions import CONTEXT_LENGTH
from secfpp.worlds.recipe import ImageTower, Recipe

_HEAD_WIDTH = 32
_REMEDY = "pip install 'secfpp[worlds]'"


def model_config(recipe: Recipe, vocab_size: int) -> dict[str, object]:
    """Return open_clip's ``model_cfg``."""
    return {
        "embed_dim": recipe.embed_dim,
        "custom_text": True,
        "vision_cfg": {
            "image_size": recipe.image_size,
            "timm_model_name": recipe.tower.name,
            "timm_model_pretrained": False,
            "timm_pool": "",
            "timm_proj": "mlp",
        },
        "text_cfg": {
            "context_length": CONTEXT_LENGTH,
            "vocab_size": vocab_size,
            "width": recipe.text_width,
            "heads": recipe.text_width // _HEAD_WIDTH,
            "layers": recipe.text_layers,
        },
    }


def build_model(recipe: Recipe, vocab_size: int) -> CustomTextCLIP:
    """Build the model: a trained image tower, a fresh projection, a fresh text tower.

    Fresh weights are drawn from torch's global generator.

    Raises
    ------
    ModelError
        The package with the image tower's weights is missing, or its file is another one.
    """
    config = {k: v for k, v in model_config(recipe, vocab_size).items() if k != "custom_text"}
    model = CustomTextCLIP(**config)
    if recipe.tower.weights is not None:
        _load_trunk(model.visual.trunk, recipe.tower)
    model.visual.trunk.requires_grad_(False)
    return model.eval()


def _load_trunk(trunk: torch.nn.Module, tower: ImageTower) -> None:
    """Copy weights whose tensors have timm's order and shapes, and other names."""
    weights = list(_read_weights(tower).values())
    own = trunk.state_dict()
    # The classifier, which the trunk lacks, comes last.
    if len(weights) < len(own) or any(
        mine.shape != theirs.shape for mine, theirs in zip(own.values(), weights, strict=False)
    ):
        raise ModelError(f"the weights do not fit timm's {tower.name!r}; is timm another release?")
    trunk.load_state_dict(dict(zip(own, weights, strict=False)))


def _read_weights(tower: ImageTower) -> dict[str, torch.Tensor]:
    """Read the file of weights, after a look at its checksum."""
    from secfpp.data.sources import checksum

    source = tower.weights
    if source is None:
        return {}
    try:
        found = checksum(source)
    except DataError:
        raise ModelError(
            f"{source.label}, the weights of the image tower, is not installed; {_REMEDY}"
        ) from None
    if found != source.sha256:
        raise ModelError(f"{source.label} has sha256 {found}, not {source.sha256}; {_REMEDY}")
    weights: dict[str, torch.Tensor] = torch.load(
        io.BytesIO(source.read()), map_location="cpu", weights_only=True
    )
    return weights


def save_model(model: CustomTextCLIP, recipe: Recipe, vocab_size: int, folder: Path) -> None:
    """Write weights and config so that ``local-dir:FOLDER`` loads them."""
    weights = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
    save_file(weights, folder / WEIGHTS_FILE)
    (folder / WEIGHTS_FILE).chmod(0o644)
    config = {
        "model_cfg": model_config(recipe, vocab_size),
        "preprocess_cfg": {"mean": [recipe.tower.mean] * 3, "std": [recipe.tower.std] * 3},
    }
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
