"""Class names under learned prompts, read by the frozen text tower.

A sequence is: start of text, T context vectors, the tokens of a class name, end of text. In a
causal text tower nothing after the end of text has an effect. Sequences are therefore only as long
as the longest class name needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from secfpp.clip.shared_prefix import can_share_prefix, read_shared_prefix
from secfpp.errors import ModelError

if TYPE_CHECKING:
    from secfpp.clip.model import FrozenClip

# Legend: B prompts, C classes, T context tokens, P = T + 1 of the prefix, S of the suffix (class
# name and end of text), L = P + S, W width, E embedding.


class PromptedText:
    """Text features of class names under any number of prompts.

    Parameters
    ----------
    clip : FrozenClip
    class_names : sequence of str
        Names after the prompt; underscores are read as spaces.
    num_context : int
        T, context vectors in a prompt.

    Raises
    ------
    ModelError
        Prompt and longest class name are too long for the text tower.
    """

    def __init__(self, clip: FrozenClip, class_names: tuple[str, ...], num_context: int) -> None:
        tokens = [clip.tokenizer.encode(name.replace("_", " ")) for name in class_names]
        longest = max(len(ids) for ids in tokens)
        if num_context < 1 or num_context + longest + 2 > clip.context_length:
            name = class_names[max(range(len(tokens)), key=lambda c: len(tokens[c]))]
            raise _does_not_fit(clip, num_context, longest, name)
        self._clip = clip
        self._tower = clip.tower
        self.num_classes = len(class_names)
        self.num_context = num_context
        room = longest + 1 if self._tower.is_causal else clip.context_length - 1 - num_context
        suffix = torch.zeros((len(tokens), room), dtype=torch.int64)
        for row, ids in zip(suffix, tokens, strict=True):
            row[: len(ids) + 1] = torch.tensor([*ids, clip.tokenizer.eot_token_id])
        start = torch.tensor([clip.tokenizer.sot_token_id])
        self._start_1W = self._embed(start)
        self._suffix_CSW = self._embed(suffix)
        self._end_C = torch.tensor([len(ids) for ids in tokens], device=clip.device)
        self._shares_prefix = can_share_prefix(self._tower)

    def __call__(self, context_BTW: torch.Tensor) -> torch.Tensor:
        """Return unit-norm text features.

        Parameters
        ----------
        context_BTW : torch.Tensor, shape (B, T, W)
            Prompts; gradients flow into these only.

        Returns
        -------
        torch.Tensor of float32, shape (B, C, E)
            On the device of the model.
        """
        context_BTW = context_BTW.to(self._clip.device, torch.float32)
        start_B1W = self._start_1W.expand(len(context_BTW), -1, -1)
        prefix_BPW = torch.cat([start_B1W, context_BTW], dim=1)
        if self._shares_prefix:
            features_BCE = read_shared_prefix(
                self._tower, prefix_BPW, self._suffix_CSW, self._end_C
            )
        else:
            features_BCE = self._read_whole(prefix_BPW)
        return functional.normalize(features_BCE, dim=-1)

    def _read_whole(self, prefix_BPW: torch.Tensor) -> torch.Tensor:
        """Read every prompt with every class name as a separate sequence: (B, C, E)."""
        num_prompts, num_prefix, _ = prefix_BPW.shape
        shape = (num_prompts, self.num_classes, -1, -1)
        sequence_BCLW = torch.cat(
            [prefix_BPW[:, None].expand(shape), self._suffix_CSW.expand(shape)], dim=2
        )
        end = (num_prefix + self._end_C).repeat(num_prompts)
        features = self._tower.read(sequence_BCLW.flatten(0, 1), end)
        return features.view(num_prompts, self.num_classes, -1)

    def initial_context(self, phrase: str) -> torch.Tensor:
        """Return the context that has `phrase` right before the class name.

        A phrase longer than the prompt loses its first words. A shorter one is preceded by copies
        of the start-of-text embedding. The embedded model was trained to ignore them: from 5 to 12
        tokens its zero-shot accuracy changes by less than one point on every domain.

        Parameters
        ----------
        phrase : str
            E.g. ``"a photo of the digit"``.

        Returns
        -------
        torch.Tensor of float32, shape (T, W)
        """
        tokens = self._clip.tokenizer.encode(phrase)[-self.num_context :]
        padding = [self._clip.tokenizer.sot_token_id] * (self.num_context - len(tokens))
        return self._embed(torch.tensor([*padding, *tokens], dtype=torch.int64)).clone()

    def _embed(self, tokens: torch.Tensor) -> torch.Tensor:
        weight = self._tower.token_embedding.weight.detach()
        return weight[tokens.to(self._clip.device)].float()


def _does_not_fit(clip: FrozenClip, num_context: int, longest: int, name: str) -> ModelError:
    """Return the error of a prompt that is too long together with the longest class name."""
    room = clip.context_length - longest - 2
    if room < 1:
        return ModelError(
            f"class {name!r} takes {longest} tokens and the text tower of {clip.name!r} reads "
            f"{clip.context_length}, 2 of them for the ends: no room is left for a prompt; give "
            "the class a shorter name"
        )
    return ModelError(
        f"a prompt of {num_context} tokens, the {longest} of class {name!r} and 2 at the ends do "
        f"not fit: the text tower of {clip.name!r} reads {clip.context_length}; give between 1 and "
        f"{room} context tokens"
    )
