"""Captions of the pre-training drawings, and which of them are right for which drawing.

A caption has the name or the group of a drawing, and may have the word of its style. It is right
for every drawing that it does not contradict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.tokenizer import SimpleTokenizer

from secfpp.data.readers.folder import PHRASE
from secfpp.worlds.identities import Identity

# Legend: N drawings, B captions and drawings of a batch, L tokens.

CONTEXT_LENGTH = 24
TEMPLATES = (PHRASE, "an image of a", "a drawing of a", "a picture of the")
UNSTATED = -1
_PLAIN_TEMPLATE_SHARE = 0.6
_GROUP_SHARE = 0.5
_STYLE_SHARE = 0.3
_PADDED_SHARE = 0.5
_MAX_PADDING = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Captioned:
    """Drawings and what can be said of them.

    Parameters
    ----------
    names, groups : tuple of str
        Distinct names and groups in words.
    styles : tuple of str
        The word of each style.
    name_N, group_N, style_N : ndarray of int64, shape (N,)
        Indices into these.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    styles: tuple[str, ...]
    name_N: NDArray[np.int64]
    group_N: NDArray[np.int64]
    style_N: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Drawings with one caption each.

    Parameters
    ----------
    row_B : ndarray of int64
        The drawings.
    tokens_BL : torch.Tensor of int64
        Their captions.
    right_BB : ndarray of bool
        Whether the caption of a column is right for the drawing of a row.
    """

    row_B: NDArray[np.int64]
    tokens_BL: torch.Tensor
    right_BB: NDArray[np.bool_]


def describe(identities: Sequence[Identity], styles: Sequence[str]) -> Captioned:
    """Describe drawings in the order style by style, identity by identity."""
    names = tuple(sorted({identity.name for identity in identities}))
    groups = tuple(sorted({identity.group for identity in identities}))
    return Captioned(
        names=names,
        groups=groups,
        styles=tuple(styles),
        name_N=np.tile([names.index(i.name) for i in identities], len(styles)),
        group_N=np.tile([groups.index(i.group) for i in identities], len(styles)),
        style_N=np.repeat(np.arange(len(styles)), len(identities)),
    )


def words_of(captioned: Captioned) -> list[str]:
    """Return every word that captions use."""
    texts = (*captioned.names, *captioned.groups, *captioned.styles, *TEMPLATES)
    return sorted({word for text in texts for word in text.split()})


class CaptionSampler:
    """Draws batches in which every group is as frequent as any other."""

    def __init__(
        self, captioned: Captioned, tokenizer: SimpleTokenizer, rng: np.random.Generator, size: int
    ) -> None:
        self._data = captioned
        self._tokenizer = tokenizer
        self._rng = rng
        self._size = size
        count_N = np.bincount(captioned.group_N)[captioned.group_N]
        self._share_N = 1 / count_N / (1 / count_N).sum()

    def draw(self) -> Batch:
        """Draw the next batch."""
        data, rng = self._data, self._rng
        row_B = rng.choice(len(data.name_N), self._size, p=self._share_N)
        says_group_B = rng.random(self._size) < _GROUP_SHARE
        style_B = np.where(rng.random(self._size) < _STYLE_SHARE, data.style_N[row_B], UNSTATED)
        name_B, group_B = data.name_N[row_B], data.group_N[row_B]
        same_BB = np.where(
            says_group_B[None], group_B[:, None] == group_B[None], name_B[:, None] == name_B[None]
        )
        unsaid_BB = (style_B[None] == UNSTATED) | (style_B[None] == data.style_N[row_B][:, None])
        said = [
            data.groups[group] if says_group else data.names[name]
            for group, name, says_group in zip(group_B, name_B, says_group_B, strict=True)
        ]
        return Batch(
            row_B=row_B, tokens_BL=self._tokenise(said, style_B), right_BB=same_BB & unsaid_BB
        )

    def _tokenise(self, said: Sequence[str], style_B: NDArray[np.int64]) -> torch.Tensor:
        """Write captions; half of them after extra start tokens, like padded short prompts."""
        rows = [self._write(what, int(style)) for what, style in zip(said, style_B, strict=True)]
        tokens_BL = torch.zeros((len(rows), max(map(len, rows))), dtype=torch.int64)
        for i, row in enumerate(rows):
            tokens_BL[i, : len(row)] = torch.tensor(row)
        return tokens_BL

    def _write(self, what: str, style: int) -> list[int]:
        """Return the tokens of one caption, both ends included."""
        plain = self._rng.random() < _PLAIN_TEMPLATE_SHARE
        template = TEMPLATES[0 if plain else self._rng.integers(len(TEMPLATES))]
        words = template if style == UNSTATED else f"{template} {self._data.styles[style]}"
        tokens = self._tokenizer.encode(f"{words} {what}")[: CONTEXT_LENGTH - 2]
        room = min(_MAX_PADDING, CONTEXT_LENGTH - 2 - len(tokens))
        padded = self._rng.random() < _PADDED_SHARE and room > 0
        padding = int(self._rng.integers(1, room + 1)) if padded else 0
        start = [self._tokenizer.sot_token_id] * (1 + padding)
        return [*start, *tokens, self._tokenizer.eot_token_id]
