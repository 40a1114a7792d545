"""What every method's clients may add to their prompts: a memory, and weights of their own choice.

A client classifies by

    logits under P_G^0 + g (P_G - P_G^0) + l P_L, plus a times the attention over its own images.

P_G^0 is the public start. The weights g, l and a are chosen by the client's own validation images:
those with the lowest cross-entropy. Every method may use this, so that a table shows what the
methods themselves differ in. The choice is made again in every round and never leaves the client.

Shape letters: n clients at work, V validation images of a client (padded), S images to classify, C
classes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch.nn import functional

from secfpp.config.personal import PersonalConfig
from secfpp.learning.losses import Shards
from secfpp.learning.memory import attend
from secfpp.learning.prompts import FloatArray, PromptState
from secfpp.methods.interface import ClientBatch, Method, MethodSettings, OwnT, Trainer
from secfpp.seeds import Seeds

__all__ = ["WEIGHTS", "Personalised", "make_trainer"]

WEIGHTS: Final = "personal-weights"
"""Name of the chosen weights in a client's state: of P_G, of P_L, of the memory; (n, 3)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Personalised:
    """A method's trainer, whose clients add a memory and choose weights."""

    base: Trainer
    config: PersonalConfig

    @property
    def steps(self) -> int:
        """Local steps of the method itself; choosing takes none."""
        return self.base.steps

    @property
    def needs_patches(self) -> bool:
        """Whether the method uses regions of images."""
        return self.base.needs_patches

    @property
    def is_joint(self) -> bool:
        """Whether clients exchange values between steps."""
        return self.base.is_joint

    @property
    def weighs_prompt(self) -> bool:
        """Whether parts of the method's prompt can be weighed."""
        return self.base.weighs_prompt

    @property
    def has_memory(self) -> bool:
        """Whether the method has a memory of its own, or none by its guarantee."""
        return self.base.has_memory

    def begin(self, batch: ClientBatch, state: PromptState) -> PromptState:
        """Let clients choose before the first round, for methods that do not train."""
        begun = self.base.begin(batch, state)
        weights_n3 = torch.tensor([1.0, 1.0, self._fixed_memory]).repeat(state.num_clients, 1)
        return self._chosen(
            batch, begun.replace(extra={WEIGHTS: weights_n3.to(state.shared_NTW.device)})
        )

    def shared(self, batch: ClientBatch, state: PromptState) -> tuple[PromptState, torch.Tensor]:
        """Work before the exchange, as the method does."""
        return self.base.shared(batch, state)

    def local(self, batch: ClientBatch, state: PromptState) -> tuple[PromptState, torch.Tensor]:
        """Work after the exchange, as the method does; then choose."""
        worked, loss_n = self.base.local(batch, state)
        return self._chosen(batch, worked), loss_n

    def sent(self, state: PromptState) -> Mapping[str, FloatArray]:
        """Send what the method sends; no choice and no memory."""
        return self.base.sent(state)

    def logits(self, batch: ClientBatch, state: PromptState, images: Shards) -> torch.Tensor:
        """Classify by the chosen weights."""
        shared_n, local_n, memory_n = state.extra[WEIGHTS].unbind(dim=1)
        logits_nSC = self.base.logits(batch, _weighed(state, shared_n, local_n), images)
        if not self.config.memory:
            return logits_nSC
        return logits_nSC + memory_n[:, None, None] * self._attend(batch, images, logits_nSC)

    @property
    def _fixed_memory(self) -> float:
        return self.config.memory_weight if self.config.memory else 0.0

    def _attend(self, batch: ClientBatch, images: Shards, logits_nSC: torch.Tensor) -> torch.Tensor:
        sharpness = self.config.memory_sharpness
        return attend(images.features_NBE, batch.shards, logits_nSC.shape[2], sharpness)

    def _weights(self) -> Iterator[tuple[float, float]]:
        """Yield weights of P_G and P_L to choose from; the prompt as trained comes first."""
        yield 1.0, 1.0
        if self.base.weighs_prompt:
            yield from ((1.0, local) for local in self.config.prompt_weights if local != 1)
            yield from ((shared, 0.0) for shared in self.config.prompt_weights if shared != 1)

    @torch.no_grad()
    def _chosen(self, batch: ClientBatch, state: PromptState) -> PromptState:
        """Choose the weights with the lowest cross-entropy; of equal ones, the first."""
        images = batch.validation
        known_n = images.mask_NB.any(dim=1)
        if not self.config.choose or not bool(known_n.any()):
            return state
        memory_weights = self.config.memory_weights if self.config.memory else (0.0,)
        candidates, losses = [], []
        attention_nVC: torch.Tensor | None = None
        for shared, local in self._weights():
            logits_nVC = self.base.logits(batch, _weighed(state, shared, local), images)
            if attention_nVC is None:
                attention_nVC = self._attend(batch, images, logits_nVC)
            for memory in memory_weights:
                candidates.append((shared, local, memory))
                losses.append(_cross_entropy(logits_nVC + memory * attention_nVC, images))
        best_n = torch.stack(losses).argmin(dim=0)
        weights_n3 = torch.tensor(candidates).to(state.shared_NTW)[best_n]
        kept_n3 = torch.where(known_n[:, None], weights_n3, state.extra[WEIGHTS])
        return state.replace(extra={WEIGHTS: kept_n3})


def _weighed(
    state: PromptState, shared: float | torch.Tensor, local: float | torch.Tensor
) -> PromptState:
    """Weigh the parts of each client's prompt; weights are numbers, or one a client."""
    if isinstance(shared, float) and isinstance(local, float) and shared == local == 1:
        return state
    shared_n11, local_n11 = (torch.as_tensor(w).reshape(-1, 1, 1) for w in (shared, local))
    shared_NTW = state.initial_TW + shared_n11.to(state.shared_NTW) * (
        state.shared_NTW - state.initial_TW
    )
    return state.replace(
        shared_NTW=shared_NTW, local_NTW=local_n11.to(state.local_NTW) * state.local_NTW
    )


def _cross_entropy(logits_nVC: torch.Tensor, images: Shards) -> torch.Tensor:
    """Return each client's mean cross-entropy, (n,); 0 without images."""
    surprise_nV = functional.cross_entropy(
        logits_nVC.transpose(1, 2), images.labels_NB, reduction="none"
    )
    mask_nV = images.mask_NB.to(surprise_nV)
    return (surprise_nV * mask_nV).sum(dim=1) / mask_nV.sum(dim=1).clamp(min=1)


def make_trainer(method: Method[OwnT], settings: MethodSettings[OwnT], seeds: Seeds) -> Trainer:
    """Make a method's trainer, with what its clients add to their prompts.

    A method that is not to be personalised, such as zero-shot, gets its own trainer. A method with
    a memory of its own, or whose guarantee would not cover one, gets no other.
    """
    base = method.trainer(settings, seeds)
    config = settings.personal
    if not method.is_personal:
        return base
    if base.has_memory:
        config = replace(config, memory=False)
    if not config.memory and not (config.choose and base.weighs_prompt):
        return base
    return Personalised(base=base, config=config)
