"""DP-FPL: canary images in its own training steps, under a tower made for the purpose.

The guarantee holds for every model, so the auditor takes the worst: a linear tower, whose gradient
for an image is the image's feature. Sampling, gradients, joint clipping, noise and descent are the
method's own.

The prompt P_L starts as the identity on its first K tokens and columns, so u spans these tokens
and v these columns. A canary whose direction lies elsewhere moves the gradient of p_G alone; on the
first tokens it moves that of v too, on the first columns that of u too. Learning rates are tiny, so
every step starts from nearly the same prompts.

Shape letters: n clients, B images of a client, m = n B canaries, T context tokens, W width of the
text tower, M = T W, K rank, d directions.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch

from secfpp.attacks.audit.ideal import log_likelihood_ratio
from secfpp.attacks.audit.mechanism import OVERSHOOT, UNBOUNDED, directions
from secfpp.attacks.audit.trials import BoolArray
from secfpp.config.audit import Fault
from secfpp.errors import ConfigError
from secfpp.learning.losses import Shards
from secfpp.learning.prompts import FloatArray, PromptState
from secfpp.methods.dp_fpl import METHOD, DpFpl, DpFplSettings, calibrate
from secfpp.methods.interface import ClientBatch, MethodSettings
from secfpp.privacy.statement import PrivacyStatement
from secfpp.seeds import Seeds

__all__ = ["RecordAudit", "record_audit"]

CLIENTS: Final = 4
_RATE: Final = 1e-6
"""Learning rates: prompts hardly move, and what moves them is known to seven digits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordAudit:
    """All steps of a run of DP-FPL, whose images are canaries.

    A canary that is out is not there. The auditor sees p_G and every client's p_L after each step.
    """

    statement: PrivacyStatement
    trainer: DpFpl
    tokens: int
    width: int

    @property
    def canaries(self) -> int:
        """Images of all clients: as many as there are directions, rounded down."""
        return len(self._ways()) // CLIENTS * CLIENTS

    @property
    def rank(self) -> int:
        """Rank K of the gradients of p_L."""
        return min(self.trainer.settings.dpfpl_rank, self.tokens - 1, self.width - 1)

    def run(self, included_m: BoolArray) -> FloatArray:
        """Take all steps; the score is the logarithm of the likelihood ratio of in and out."""
        said = self.statement
        ways_mTW = self._ways()[: self.canaries]
        batch = self._batch(ways_mTW, included_m)
        state = self._start()
        score_m = np.zeros(len(ways_mTW))
        for index in range(said.compositions):
            after, _ = self.trainer.shared(replace(batch, round_index=index), state)
            seen_m = self._seen(ways_mTW, state, after)
            score_m += log_likelihood_ratio(seen_m, said)
            state = after
        return score_m

    def _ways(self) -> FloatArray:
        """Return orthonormal directions outside the corner that u and v both reach, (d, T, W)."""
        corner = slice(self.rank)
        other = slice(self.rank, None)
        blocks = []
        for rows, columns in ((other, other), (corner, other), (other, corner)):
            place_TW = np.zeros((self.tokens, self.width), dtype=bool)
            place_TW[rows, columns] = True
            ways_dM = directions(int(place_TW.sum()))
            block = np.zeros((len(ways_dM), self.tokens, self.width))
            block[:, place_TW] = ways_dM
            blocks.append(block)
        return np.concatenate(blocks)

    def _batch(self, ways_mTW: FloatArray, included_m: BoolArray) -> ClientBatch:
        """Return clients whose images have the canaries for features."""
        features = torch.from_numpy(ways_mTW).float().reshape(CLIENTS, -1, self.tokens * self.width)
        shards = Shards(
            features_NBE=features,
            labels_NB=torch.zeros(features.shape[:2], dtype=torch.int64),
            mask_NB=torch.from_numpy(included_m).reshape(CLIENTS, -1),
        )
        return ClientBatch(
            tower=_linear_tower,
            logit_scale=2 * OVERSHOOT * self.statement.clip_norm,  # half of it is the gradient
            shards=shards,
            validation=shards,
            clients_n=np.arange(CLIENTS, dtype=np.int64),
            round_index=0,
        )

    def _start(self) -> PromptState:
        """Return p_G = 0 and p_L = the identity on the first K tokens and columns."""
        state = PromptState.start(torch.zeros(self.tokens, self.width), CLIENTS)
        local_NTW = state.local_NTW.clone()
        local_NTW[:, range(self.rank), range(self.rank)] = 1.0
        return state.replace(local_NTW=local_NTW)

    def _seen(self, ways_mTW: FloatArray, before: PromptState, after: PromptState) -> FloatArray:
        """Return each canary's sum of a step, from what prompts moved by: the clipping norm if in.

        The parts of a canary in p_G and in p_L have the same length, and their noise is equal and
        independent, so the sum of both over the root of their number has the noise of one.
        """
        expected = self.trainer.rows_per_client
        shared_TW = (before.shared_NTW[0] - after.shared_NTW[0]).double() * expected * CLIENTS
        local_nTW = (before.local_NTW - after.local_NTW).double() * expected
        in_shared_m = np.einsum("mtw,tw->m", ways_mTW, shared_TW.numpy() / _RATE)
        own = ways_mTW.reshape(CLIENTS, -1, self.tokens, self.width)
        in_local_m = np.einsum("nbtw,ntw->nb", own, local_nTW.numpy() / _RATE).ravel()
        moves_local_m = (ways_mTW[:, : self.rank] != 0).any(axis=(1, 2)) | (
            ways_mTW[:, :, : self.rank] != 0
        ).any(axis=(1, 2))
        both_m = (in_shared_m + in_local_m) / np.sqrt(2)
        return np.asarray(np.where(moves_local_m, both_m, in_shared_m), dtype=np.float64)


def record_audit(
    settings: MethodSettings[DpFplSettings],
    *,
    tokens: int,
    width: int,
    fault: Fault | None = None,
) -> RecordAudit:
    """Audit the training steps of DP-FPL, with the budget and the sampling of a run.

    Every step is a round of its own here, so that the auditor sees each release.

    Raises
    ------
    ConfigError
        If the fault does not exist for this method.
    """
    steps = settings.training.local_steps * settings.training.rounds
    own = replace(settings.own, dpfpl_lr_shared=_RATE, dpfpl_lr_local=_RATE)
    training = replace(settings.training, rounds=steps, local_steps=1, shared_steps=1)
    slow = replace(settings, own=own, training=training)
    said = calibrate(settings.privacy, own, steps)
    sound = METHOD.trainer(slow, Seeds(0))
    if not isinstance(sound, DpFpl):
        raise TypeError(f"the trainer of dp-fpl is {sound!r}")
    return RecordAudit(
        statement=said, trainer=_with_fault(sound, said, fault), tokens=tokens, width=width
    )


def _with_fault(sound: DpFpl, said: PrivacyStatement, fault: Fault | None) -> DpFpl:
    """Return the trainer, or one with a fault."""
    fields: dict[str, Any] = {name: getattr(sound, name) for name in sound.__dataclass_fields__}
    stddev = sound.noise_stddev
    if fault is None:
        return sound
    if fault == "half-noise":
        return _FaultyNoise(**fields, faulty_stddev=stddev / 2)
    if fault == "no-clipping":
        fields["settings"] = replace(sound.settings, dpfpl_clip=UNBOUNDED * said.clip_norm)
        return _FaultyNoise(**fields, faulty_stddev=stddev)
    if fault == "one-release":
        once = calibrate(sound.privacy, sound.settings, 1)
        return _FaultyNoise(**fields, faulty_stddev=once.noise_multiplier * once.sensitivity)
    if fault == "no-sampling":
        return _NoSampling(**fields)
    raise ConfigError(f"dp-fpl has no fault {fault!r} here")


@dataclass(frozen=True, kw_only=True, eq=False)
class _FaultyNoise(DpFpl):
    """DP-FPL with another standard deviation than the budget needs."""

    faulty_stddev: float

    @property
    def noise_stddev(self) -> float:
        """The wrong one."""
        return self.faulty_stddev


@dataclass(frozen=True, kw_only=True, eq=False)
class _NoSampling(DpFpl):
    """DP-FPL that takes every image in every step."""

    def draw(self, shards: Shards) -> torch.Tensor:
        """Take all."""
        return shards.mask_NB


def _linear_tower(prompt_NTW: torch.Tensor) -> torch.Tensor:
    """Give two classes: nothing, and the prompt itself."""
    flat_NE = prompt_NTW.flatten(1)
    return torch.stack([torch.zeros_like(flat_NE), flat_NE], dim=1)
