"""The architecture of the embedded model, and its files in open_clip's format."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from open_clip.model import CLIP
from safetensors.torch import save_file

IMAGE_SIZE = 32
EMBED_DIM = 128
CONTEXT_LENGTH = 24
TEXT_WIDTH = 64
PIXEL_MEAN = (0.5, 0.5, 0.5)
PIXEL_STD = (0.5, 0.5, 0.5)
CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"


def model_config(vocab_size: int) -> dict[str, object]:
    """Return open_clip's ``model_cfg``: a ResNet of four blocks beside three text layers."""
    return {
        "embed_dim": EMBED_DIM,
        "vision_cfg": {"image_size": IMAGE_SIZE, "layers": [1, 1, 1, 1], "width": 16},
        "text_cfg": {
            "context_length": CONTEXT_LENGTH,
            "vocab_size": vocab_size,
            "width": TEXT_WIDTH,
            "heads": 2,
            "layers": 3,
        },
    }


def build_model(vocab_size: int) -> CLIP:
    """Build the model with fresh weights, from torch's global generator."""
    return CLIP(**model_config(vocab_size))


def save_model(model: CLIP, vocab_size: int, folder: Path) -> None:
    """Write weights (float16) and config so that ``local-dir:FOLDER`` loads them."""
    weights = {
        name: (value.half() if value.is_floating_point() else value).contiguous().cpu()
        for name, value in model.state_dict().items()
    }
    save_file(weights, folder / WEIGHTS_FILE)
    (folder / WEIGHTS_FILE).chmod(0o644)
    config = {
        "model_cfg": model_config(vocab_size),
        "preprocess_cfg": {"mean": list(PIXEL_MEAN), "std": list(PIXEL_STD)},
    }
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def normalise(images_N3HW: torch.Tensor) -> torch.Tensor:
    """Normalise uint8 pixels for the image tower."""
    mean, std = (
        torch.tensor(v, device=images_N3HW.device).view(1, 3, 1, 1) for v in (PIXEL_MEAN, PIXEL_STD)
    )
    return (images_N3HW.float() / 255 - mean) / std
