"""What every method's clients may add to their prompts, each as strongly as its own images say.

A client classifies by the sum of

* logits under P_G^0 + g (P_G - P_G^0) + l P_L, where P_G^0 is the public start;
* m times the votes of its own training images;
* p times the cosines with the prototypes that came with its P_G;
* q times the logarithm of its own label mix.

The five weights are the mean over a list of candidates, each weighed by the likelihood of the
client's own validation images: Bayesian model averaging with a flat prior. Few images give weights
in the middle, many give the best candidate. Every method may use this, so that a table shows what
the methods themselves differ in. Weights are made again in every round and never leave the client.

Shape letters: n clients at work, V validation images of a client (padded), S images to classify, C
classes, E embedding, K candidates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import torch
from torch.nn import functional

from secfpp.config.personal import PersonalConfig
from secfpp.learning.evidence import attend, class_sums, log_prior, resemble
from secfpp.learning.losses import Shards
from secfpp.learning.prompts import FloatArray, PromptState
from secfpp.methods.interface import ClientBatch, Method, MethodSettings, OwnT, Trainer
from secfpp.methods.shared.prototypes import PROTOTYPES, averages_prototypes
from secfpp.seeds import Seeds

__all__ = ["OWN_SUMS", "WEIGHTS", "Personalised", "make_trainer"]

WEIGHTS: Final = "personal-weights"
"""Name of the weights g, l, m, p, q in a client's state, (n, 5)."""
OWN_SUMS: Final = "personal-sums"
"""Name of the client's own sums of image features by class, (n, C E)."""

AS_TRAINED: Final = (1.0, 1.0)
"""Weights g and l of a prompt as it was trained."""
PROMPTS: Final = (AS_TRAINED, (1.0, 0.0), (0.0, 0.0))
"""Candidates for g and l: the whole prompt, P_G alone, the public start."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Personalised:
    """A method's trainer, whose clients add evidence of their own and weigh all of it."""

    base: Trainer
    config: PersonalConfig
    memory_weights: tuple[float, ...]
    prototype_weights: tuple[float, ...]
    prior_weights: tuple[float, ...]
    sends_prototypes: bool
    """Whether the method's exchange averages prototypes; otherwise no sum leaves a client."""

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
    def rows_per_client(self) -> float:
        """Rows that a client adds to a batch of a step."""
        return self.base.rows_per_client

    @property
    def weighs_prompt(self) -> bool:
        """Whether parts of the method's prompt can be weighed."""
        return self.base.weighs_prompt

    def begin(self, batch: ClientBatch, state: PromptState) -> PromptState:
        """Weigh before the first round, too, for methods that do not train."""
        begun = self.base.begin(batch, state)
        num_classes = batch.tower(state.initial_TW[None]).shape[1]
        sums_nQ = class_sums(batch.shards, num_classes).flatten(1)
        extra = {OWN_SUMS: sums_nQ, PROTOTYPES: torch.zeros_like(sums_nQ)}
        return self._weighed(batch, begun.replace(extra=extra))

    def shared(self, batch: ClientBatch, state: PromptState) -> tuple[PromptState, torch.Tensor]:
        """Work before the exchange, as the method does."""
        return self.base.shared(batch, state)

    def local(self, batch: ClientBatch, state: PromptState) -> tuple[PromptState, torch.Tensor]:
        """Work after the exchange, as the method does; then weigh."""
        worked, loss_n = self.base.local(batch, state)
        return self._weighed(batch, worked), loss_n

    def sent(self, state: PromptState) -> Mapping[str, FloatArray]:
        """Send what the method sends; for prototypes, sums of image features by class, too."""
        if not self.sends_prototypes:
            return self.base.sent(state)
        sums_nQ = state.extra[OWN_SUMS].double().cpu().numpy()
        return {**self.base.sent(state), PROTOTYPES: sums_nQ}

    def logits(self, batch: ClientBatch, state: PromptState, images: Shards) -> torch.Tensor:
        """Classify by all parts."""
        shared_n, local_n, *weights = state.extra[WEIGHTS].unbind(dim=1)
        logits_nSC = self.base.logits(batch, _scaled(state, shared_n, local_n), images)
        evidence = self._evidence(batch, state, images, logits_nSC.shape[2])
        for weight_n, evidence_nSC in zip(weights, evidence, strict=True):
            logits_nSC = logits_nSC + weight_n[:, None, None] * evidence_nSC
        return logits_nSC

    def _evidence(
        self, batch: ClientBatch, state: PromptState, images: Shards, num_classes: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the votes of memory, prototypes and label mix."""
        features_nSE = images.features_NBE
        sums_nCE = state.extra[PROTOTYPES].reshape(state.num_clients, num_classes, -1)
        return (
            attend(features_nSE, batch.shards, num_classes, self.config.memory_sharpness),
            resemble(features_nSE, sums_nCE),
            log_prior(batch.shards, num_classes),
        )

    @torch.no_grad()
    def _weighed(self, batch: ClientBatch, state: PromptState) -> PromptState:
        """Average the candidates by the likelihood of each client's validation images."""
        images = batch.validation
        others = (self.memory_weights, self.prototype_weights, self.prior_weights)
        default_n5 = _means(others).to(state.shared_NTW).repeat(state.num_clients, 1)
        known_n = images.mask_NB.any(dim=1)
        if not self.config.choose or not bool(known_n.any()):
            return state.replace(extra={WEIGHTS: default_n5})
        prompts = PROMPTS if self.base.weighs_prompt else (AS_TRAINED,)
        losses = [
            self._losses(batch, _scaled(state, *prompt), images, tuple(product(*others)))
            for prompt in prompts
        ]
        posterior_nK = torch.softmax(-torch.cat(losses, dim=1).double(), dim=1)
        candidates_K5 = torch.tensor(
            [(*pair, *rest) for pair in prompts for rest in product(*others)]
        )
        mean_n5 = (posterior_nK @ candidates_K5.to(posterior_nK)).to(default_n5)
        return state.replace(extra={WEIGHTS: torch.where(known_n[:, None], mean_n5, default_n5)})

    def _losses(
        self,
        batch: ClientBatch,
        state: PromptState,
        images: Shards,
        candidates: Sequence[tuple[float, ...]],
    ) -> torch.Tensor:
        """Return minus the log-likelihood of the images for each candidate, (n, K)."""
        logits_nVC = self.base.logits(batch, state, images)
        evidence = self._evidence(batch, state, images, logits_nVC.shape[2])
        mask_nV = images.mask_NB.to(logits_nVC)
        losses = []
        for weights in candidates:
            terms = (w * votes for w, votes in zip(weights, evidence, strict=True))
            scores_nVC = logits_nVC + sum(terms, torch.zeros_like(logits_nVC))
            surprise_nV = functional.cross_entropy(
                scores_nVC.transpose(1, 2), images.labels_NB, reduction="none"
            )
            losses.append((surprise_nV * mask_nV).sum(dim=1))
        return torch.stack(losses, dim=1)


def _means(others: Sequence[tuple[float, ...]]) -> torch.Tensor:
    """Return the weights without a choice: the prompt as trained, means of the others; (5,)."""
    return torch.tensor([*AS_TRAINED, *(sum(weights) / len(weights) for weights in others)])


def _scaled(
    state: PromptState, shared: float | torch.Tensor, local: float | torch.Tensor
) -> PromptState:
    """Weigh the parts of each client's prompt; weights are numbers, or one a client."""
    shared_n11, local_n11 = (
        torch.as_tensor(weight).to(state.shared_NTW).reshape(-1, 1, 1) for weight in (shared, local)
    )
    moved_nTW = state.shared_NTW - state.initial_TW
    return state.replace(
        shared_NTW=torch.where(
            shared_n11 == 1, state.shared_NTW, state.initial_TW + shared_n11 * moved_nTW
        ),
        local_NTW=local_n11 * state.local_NTW,
    )


def make_trainer(method: Method[OwnT], settings: MethodSettings[OwnT], seeds: Seeds) -> Trainer:
    """Make a method's trainer, with what its clients add to their prompts.

    A method that is not personal, such as zero-shot, gets its own trainer, and so does every method
    if all parts are off.
    """
    base, config = method.trainer(settings, seeds), settings.personal
    if not method.is_personal or not config.adds_anything:
        return base
    sends_prototypes = averages_prototypes(method, config)
    return Personalised(
        base=base,
        config=config,
        memory_weights=config.memory_weights if config.memory else (0.0,),
        prototype_weights=config.prototype_weights if sends_prototypes else (0.0,),
        prior_weights=config.prior_weights if config.prior else (0.0,),
        sends_prototypes=sends_prototypes,
    )
