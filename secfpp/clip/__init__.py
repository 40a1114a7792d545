"""A frozen CLIP model: image features, and text features of class names under learned prompts."""

from secfpp.clip.model import FrozenClip, load_clip
from secfpp.clip.text import PromptedText

__all__ = ["FrozenClip", "PromptedText", "load_clip"]
