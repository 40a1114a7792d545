"""Train a small CLIP on captioned digits.

The contrastive loss uses more than pairs: a caption is right for every image of its digit whose
attributes it does not contradict, and all right captions share the target. An auxiliary head
predicts digit and attributes from the image features. Without it so small an image tower needs far
more steps to learn digits. The head is removed after training.

Captions of images that are upside down always say so. The plain phrase therefore fits upright
domains, and a learned prompt can gain accuracy on a turned one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.model import CLIP
from open_clip.tokenizer import SimpleTokenizer
from torch import nn
from torch.nn import functional

from secfpp.clip.architecture import CONTEXT_LENGTH, EMBED_DIM, build_model, normalise
from secfpp.clip.pretraining.images import (
    ATTRIBUTES,
    TEMPLATES,
    TURN,
    UNSTATED,
    UPSIDE_DOWN,
    PretrainingSet,
    build_pretraining_set,
    write_caption,
)
from secfpp.clip.tower import TextTower, text_tower

# Legend: B images and captions of a batch, A attributes, L tokens, E embedding.

BATCH_SIZE = 192
_GROUPS = 6
_PEAK_LR = 2e-3
_WEIGHT_DECAY = 0.1
_WARM_UP_SHARE = 0.1
_MAX_LOGIT_SCALE = 50.0
_STATED_SHARE = 0.5
_PLAIN_TEMPLATE_SHARE = 0.6
_PADDED_SHARE = 0.5
_MAX_PADDING = 8
_DIGIT_LOGITS = 20
_ATTRIBUTE_LOSS_WEIGHT = 0.25

Progress = Callable[[int, int, float], None]
"""Called with the steps done, all steps, and the loss."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Images with one caption each, and the attributes of both.

    Parameters
    ----------
    images_B3HW : torch.Tensor of uint8
    tokens_BL : torch.Tensor of int64
        As long as the longest caption.
    digits_B : ndarray of int64
    attributes_BA, stated_BA : ndarray of int64
        Attributes of images and captions; `UNSTATED` if the caption does not name one.
    """

    images_B3HW: torch.Tensor
    tokens_BL: torch.Tensor
    digits_B: NDArray[np.int64]
    attributes_BA: NDArray[np.int64]
    stated_BA: NDArray[np.int64]


class BatchSampler:
    """Draws batches from a few combinations of attributes at a time.

    Inside a combination images differ by their digit only, between combinations by their style.
    The model must learn both.
    """

    def __init__(
        self, data: PretrainingSet, tokenizer: SimpleTokenizer, rng: np.random.Generator
    ) -> None:
        self._data = data
        self._tokenizer = tokenizer
        self._rng = rng
        sizes = [len(values) for values in ATTRIBUTES]
        style_N = np.ravel_multi_index(tuple(data.attributes_NA.T), sizes)
        styles, counts = np.unique(style_N, return_counts=True)
        self._members = [np.flatnonzero(style_N == style) for style in styles]
        self._frequency = counts / counts.sum()

    def draw(self) -> Batch:
        """Draw the next batch."""
        groups = self._rng.choice(len(self._members), _GROUPS, replace=False, p=self._frequency)
        size = BATCH_SIZE // _GROUPS
        index = np.concatenate([self._rng.choice(self._members[g], size) for g in groups])
        attributes_BA = self._data.attributes_NA[index]
        digits_B = self._data.digits_N[index]
        stated_BA = self._choose_stated(attributes_BA)
        return Batch(
            images_B3HW=torch.from_numpy(self._data.images_NHW3[index]).permute(0, 3, 1, 2),
            tokens_BL=self._tokenise(digits_B, stated_BA),
            digits_B=digits_B,
            attributes_BA=attributes_BA,
            stated_BA=stated_BA,
        )

    def _choose_stated(self, attributes_BA: NDArray[np.int64]) -> NDArray[np.int64]:
        stated = self._rng.random(attributes_BA.shape) < _STATED_SHARE
        stated[:, TURN] |= attributes_BA[:, TURN] == UPSIDE_DOWN
        return np.where(stated, attributes_BA, UNSTATED)

    def _tokenise(self, digits_B: NDArray[np.int64], stated_BA: NDArray[np.int64]) -> torch.Tensor:
        """Write captions; half of them after extra start tokens, like padded short prompts."""
        rows = []
        for digit, stated_A in zip(digits_B, stated_BA, strict=True):
            plain = self._rng.random() < _PLAIN_TEMPLATE_SHARE
            template = TEMPLATES[0 if plain else self._rng.integers(len(TEMPLATES))]
            tokens = self._tokenizer.encode(write_caption(int(digit), stated_A, template))
            padded = self._rng.random() < _PADDED_SHARE
            room = CONTEXT_LENGTH - len(tokens) - 2
            padding = self._rng.integers(1, min(_MAX_PADDING, room) + 1) if padded else 0
            start = [self._tokenizer.sot_token_id] * (1 + int(padding))
            rows.append([*start, *tokens, self._tokenizer.eot_token_id])
        tokens_BL = torch.zeros((len(rows), max(map(len, rows))), dtype=torch.int64)
        for i, row in enumerate(rows):
            tokens_BL[i, : len(row)] = torch.tensor(row)
        return tokens_BL


def train(
    tokenizer: SimpleTokenizer,
    *,
    num_images: int,
    seed: int,
    steps: int,
    device: torch.device,
    progress: Progress | None = None,
) -> tuple[CLIP, float]:
    """Train a new model; return it in evaluation mode, with the loss of the last step."""
    rng = np.random.default_rng(seed)
    sampler = BatchSampler(build_pretraining_set(num_images, rng), tokenizer, rng)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_model(tokenizer.vocab_size).to(device).train()
        head = nn.Linear(EMBED_DIM, _DIGIT_LOGITS + sum(map(len, ATTRIBUTES))).to(device)
    tower = text_tower(model, "new")
    parameters = [*model.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=_PEAK_LR, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, _PEAK_LR, total_steps=steps, pct_start=_WARM_UP_SHARE
    )
    loss_value = math.nan
    for step in range(1, steps + 1):
        loss = _loss(model, tower, head, sampler.draw(), device)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(_MAX_LOGIT_SCALE))
        loss_value = loss.item()
        if progress is not None:
            progress(step, steps, loss_value)
    return model.eval(), loss_value


def right_captions(batch: Batch) -> NDArray[np.bool_]:
    """Tell which captions are right for which images: (B images, B captions)."""
    has, says = batch.attributes_BA[:, None], batch.stated_BA[None]
    not_contradicted = ((says == UNSTATED) | (says == has)).all(axis=-1)
    turn_unsaid = (has[..., TURN] == UPSIDE_DOWN) & (says[..., TURN] == UNSTATED)
    same_digit = batch.digits_B[:, None] == batch.digits_B[None]
    return np.asarray(not_contradicted & ~turn_unsaid & same_digit)


def _loss(
    model: CLIP, tower: TextTower, head: nn.Linear, batch: Batch, device: torch.device
) -> torch.Tensor:
    """Contrastive loss over all right pairs, both ways, and the auxiliary head's loss."""
    raw_BE = model.encode_image(normalise(batch.images_B3HW.to(device)))
    image_BE = functional.normalize(raw_BE, dim=-1)
    text_BE = functional.normalize(_read(tower, batch.tokens_BL.to(device)), dim=-1)
    logits_BB = model.logit_scale.exp() * image_BE @ text_BE.T
    right_BB = torch.from_numpy(right_captions(batch)).to(device).float()
    by_image = (right_BB / right_BB.sum(1, keepdim=True) * logits_BB.log_softmax(1)).sum(1)
    by_text = (right_BB / right_BB.sum(0, keepdim=True) * logits_BB.log_softmax(0)).sum(0)
    contrastive: torch.Tensor = -(by_image.mean() + by_text.mean()) / 2
    return contrastive + _auxiliary_loss(head(raw_BE), batch)


def _read(tower: TextTower, tokens_BL: torch.Tensor) -> torch.Tensor:
    """Read token sequences; the end of text is the largest token."""
    return tower.read(tower.token_embedding(tokens_BL), tokens_BL.argmax(dim=-1))


def _auxiliary_loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Cross-entropy of the digit and the attributes; digits upside down are separate classes."""
    turned_B = batch.attributes_BA[:, TURN] == UPSIDE_DOWN
    digits = torch.from_numpy(batch.digits_B + 10 * turned_B).to(logits.device)
    loss = functional.cross_entropy(logits[:, :_DIGIT_LOGITS], digits)
    sizes = [len(values) for values in ATTRIBUTES]
    for a, part in enumerate(torch.split(logits[:, _DIGIT_LOGITS:], sizes, dim=1)):
        target = torch.from_numpy(batch.attributes_BA[:, a]).to(logits.device)
        loss = loss + _ATTRIBUTE_LOSS_WEIGHT * functional.cross_entropy(part, target)
    return loss
