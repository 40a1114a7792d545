"""Features of ordinary texts by open_clip itself, which prompts are compared with."""

import torch
from torch.nn import functional

from secfpp.clip.model import FrozenClip


@torch.no_grad()
def text_features(clip: FrozenClip, texts: tuple[str, ...]) -> torch.Tensor:
    """Return unit-norm features, float32 (len(texts), E)."""
    tokens = clip.tokenizer(list(texts), context_length=clip.context_length)
    raw = clip.model.encode_text(tokens.to(clip.device))
    return functional.normalize(raw.float(), dim=-1)
