"""Small models: the embedded one, and other open_clip architectures with random weights."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from open_clip.model import CLIP, CustomTextCLIP
from safetensors.torch import save_file

from secfpp.clip.model import FrozenClip, load_clip

VISION = {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16}
TEXT = {"context_length": 20, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 3}


@pytest.fixture(scope="session")
def embedded() -> FrozenClip:
    return load_clip(device="cpu")


def save_random(folder: Path, config: Mapping[str, object]) -> str:
    """Write a model with random weights, large enough that attention matters."""
    torch.manual_seed(0)
    kind = CustomTextCLIP if config.get("custom_text") else CLIP
    settings = {name: value for name, value in config.items() if name != "custom_text"}
    model = kind(**settings)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(3)
    folder.mkdir()
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    text = json.dumps({"model_cfg": config, "preprocess_cfg": {}})
    (folder / "open_clip_config.json").write_text(text)
    return f"local-dir:{folder}"


ARCHITECTURES: dict[str, dict[str, object]] = {
    "clip": {},
    "custom-text": {"custom_text": True},
    "bidirectional": {"custom_text": True, "text_cfg": {**TEXT, "no_causal_mask": True}},
    "custom-blocks": {"text_cfg": {**TEXT, "qk_norm": True, "scale_attn": True}},
    "quick-gelu-layer-scale": {"quick_gelu": True, "text_cfg": {**TEXT, "ls_init_value": 0.5}},
    "biased-projection": {"custom_text": True, "text_cfg": {**TEXT, "proj_bias": True}},
}


@pytest.fixture(scope="session", params=list(ARCHITECTURES))
def other_clip(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> FrozenClip:
    config: dict[str, object] = {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": TEXT}
    folder = tmp_path_factory.mktemp("models") / request.param
    return load_clip(save_random(folder, config | ARCHITECTURES[request.param]), device="cpu")
