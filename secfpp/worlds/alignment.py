"""Contrastive training of the projection and the text tower; the image tower stays as it is."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.model import CustomTextCLIP
from open_clip.tokenizer import SimpleTokenizer
from torch.nn import functional

from secfpp.clip.tower import TextTower, text_tower
from secfpp.worlds.captions import Batch, Captioned, CaptionSampler

# Legend: N drawings, D features of the image tower, B drawings and captions, E embedding.

BATCH_SIZE = 96
_PEAK_LR = 1e-3
_WEIGHT_DECAY = 0.1
_WARM_UP_SHARE = 0.1
_MAX_LOGIT_SCALE = 50.0
_DROPOUT = 0.3

Progress = Callable[[int, int, float], None]
"""Called with the steps done, all steps, and the loss."""


def align(
    model: CustomTextCLIP,
    tokenizer: SimpleTokenizer,
    features_ND: NDArray[np.float32],
    captioned: Captioned,
    *,
    steps: int,
    seed: int,
    progress: Progress | None = None,
) -> float:
    """Train projection and text tower in place; return the loss of the last step.

    Parameters
    ----------
    model : CustomTextCLIP
    tokenizer : SimpleTokenizer
        With the model's vocabulary.
    features_ND : ndarray of float32
        Features of the drawings by the image tower, before the projection.
    captioned : Captioned
    steps, seed : int
    progress : callable, optional
    """
    sampler = CaptionSampler(captioned, tokenizer, np.random.default_rng(seed), BATCH_SIZE)
    tower = text_tower(model, "new")
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=_PEAK_LR, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, _PEAK_LR, total_steps=steps, pct_start=_WARM_UP_SHARE
    )
    loss_value = math.nan
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for step in range(1, steps + 1):
            loss = _loss(model, tower, features_ND, sampler.draw())
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                model.logit_scale.clamp_(0, math.log(_MAX_LOGIT_SCALE))
            loss_value = loss.item()
            if progress is not None:
                progress(step, steps, loss_value)
    return loss_value


def _loss(
    model: CustomTextCLIP, tower: TextTower, features_ND: NDArray[np.float32], batch: Batch
) -> torch.Tensor:
    """Contrastive loss over all right pairs, both ways."""
    features_BD = torch.from_numpy(features_ND[batch.row_B])
    image_BE = functional.normalize(model.visual.head(functional.dropout(features_BD, _DROPOUT)))
    embedded = tower.token_embedding(batch.tokens_BL)
    text_BE = functional.normalize(tower.read(embedded, batch.tokens_BL.argmax(dim=-1)), dim=-1)
    logits_BB = model.logit_scale.exp() * image_BE @ text_BE.T
    right_BB = torch.from_numpy(batch.right_BB).float()
    by_image = (right_BB / right_BB.sum(1, keepdim=True) * logits_BB.log_softmax(1)).sum(1)
    by_text = (right_BB / right_BB.sum(0, keepdim=True) * logits_BB.log_softmax(0)).sum(0)
    loss: torch.Tensor = -(by_image.mean() + by_text.mean()) / 2
    return loss
