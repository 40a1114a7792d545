"""One round as a function of the state and the participants.

A round is local work, the exchange, local work on the result, and evaluation.

Shape letters: n participants, N clients, M numbers of a shared prompt.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch

from secfpp.config.clustering import DescriptorName
from secfpp.federation.cohort import Cohort
from secfpp.federation.evaluation import Scores, evaluate, rand_index
from secfpp.federation.portions import reading_in_portions, work_in_portions
from secfpp.learning.descriptors import ClientView, describe
from secfpp.learning.losses import Shards
from secfpp.learning.prompts import FloatArray, PromptState
from secfpp.learning.training import TextTower
from secfpp.methods.interface import (
    ClientBatch,
    Contribution,
    Exchange,
    ExchangeResult,
    IntArray,
    Trainer,
)
from secfpp.methods.registry import MethodName
from secfpp.seeds import Seeds

__all__ = [
    "Federation",
    "RoundRecord",
    "RoundResult",
    "Shared",
    "after_exchange",
    "before_exchange",
    "begin",
    "batch_of",
    "draw_participants",
    "run_round",
    "score",
    "score_start",
]

DESCRIPTOR: Final = "descriptor"
"""Name of a client's descriptor in its state, (N, D) float64; NaN before its first round."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Federation:
    """The constants of all rounds of one method and seed."""

    cohort: Cohort
    tower: TextTower
    """Frozen text tower with the class names behind the context."""
    logit_scale: float
    trainer: Trainer
    exchange: Exchange
    descriptor: DescriptorName
    projection_dim: int
    describe_once: bool = True
    """Whether a client keeps the descriptor of its first round."""
    rounds: int = 0
    """Rounds of the run; after the last one, images of other domains are classified, too."""
    heartbeat: Callable[[], None] = lambda: None
    """Called before each local step; raises if a computing party has died."""
    clients_at_once: int | None = None
    """Clients that train, or are scored, in one batch; None: all."""


@dataclass(frozen=True, kw_only=True)
class RoundRecord:
    """One line of metrics.jsonl. Accuracies in 0..1, seconds, bytes."""

    seed: int
    method: MethodName
    round: int
    """1, 2, ...; 0 for a method that does not train."""
    own_mix: float
    uniform: float
    worst_client: float
    own_classes: float | None = None
    """None in folders of older runs."""
    neighbour_classes: float | None = None
    """None if no client lacks a class that its neighbours have."""
    other_domains: float | None = None
    """Measured after the last round only."""
    train_loss: float
    ari: float | None
    """Adjusted Rand index of the clusters of this round; None if labels are not opened."""
    k: int | None
    num_participants: int
    seconds_train: float
    seconds_share: float
    seconds_online: float
    seconds_dealer: float
    rounds: int
    """Rounds of communication among the parties, online."""
    bytes_client_max: int
    bytes_party_max: int


@dataclass(frozen=True, kw_only=True, eq=False)
class RoundResult:
    """The result of one round."""

    state: PromptState
    scores: Scores
    exchanged: ExchangeResult
    clients_n: IntArray
    descriptor_nD: FloatArray
    train_loss: float
    seconds_train: float

    def record(self, seed: int, method: MethodName, domain_N: IntArray) -> RoundRecord:
        """Summarise the round in one line."""
        traffic = self.exchanged.traffic
        labels_n = self.exchanged.labels_n
        ari = None if labels_n is None else rand_index(domain_N[self.clients_n], labels_n)
        return RoundRecord(
            seed=seed,
            method=method,
            round=self.state.rounds_done,
            own_mix=self.scores.own_mix,
            uniform=self.scores.uniform,
            worst_client=self.scores.worst_client,
            own_classes=self.scores.own_classes,
            neighbour_classes=self.scores.neighbour_classes,
            other_domains=self.scores.other_domains,
            train_loss=self.train_loss,
            ari=ari,
            k=self.exchanged.k,
            num_participants=len(self.clients_n),
            seconds_train=self.seconds_train,
            seconds_share=traffic.seconds_share,
            seconds_online=traffic.seconds_online,
            seconds_dealer=traffic.seconds_offline,
            rounds=traffic.rounds_online,
            bytes_client_max=traffic.bytes_client_max or self.exchanged.bytes_client,
            bytes_party_max=traffic.bytes_party_max,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Shared:
    """A round before its exchange."""

    state: PromptState
    """Of all clients; participants have trained P_G."""
    contribution: Contribution
    loss_n: torch.Tensor
    """Of each participant, float32."""


def draw_participants(
    seeds: Seeds, round_index: int, num_clients: int, participation: float
) -> IntArray:
    """Draw the participants of a round, without replacement; all methods have the same ones.

    Parameters
    ----------
    seeds : Seeds
    round_index : int
        0, 1, ...
    num_clients : int
        Clients N.
    participation : float
        Fraction of clients; rounded up, at least one client.

    Returns
    -------
    ndarray of int64, (n,)
        Ascending client numbers.
    """
    count = max(1, int(np.ceil(participation * num_clients - 1e-9)))
    rng = seeds.numpy(f"participants of round {round_index}")
    drawn = rng.choice(num_clients, size=count, replace=False)
    return np.sort(drawn).astype(np.int64)


def run_round(federation: Federation, state: PromptState, clients_n: IntArray) -> RoundResult:
    """Run one round.

    Parameters
    ----------
    federation : Federation
    state : PromptState
        Prompts before the round; not changed.
    clients_n : ndarray of int64, (n,)
        Participants, ascending.

    Raises
    ------
    RunError
        If training diverges.
    MpcError
        If the secure session fails.
    """
    started = time.perf_counter()
    shared = before_exchange(federation, state, clients_n)
    seconds_train = time.perf_counter() - started
    exchanged = federation.exchange(shared.contribution)
    started = time.perf_counter()
    final, last_loss_n = after_exchange(federation, shared.state, clients_n, exchanged)
    seconds_train += time.perf_counter() - started
    loss_n = torch.where(last_loss_n != 0, last_loss_n, shared.loss_n)
    return RoundResult(
        state=final,
        scores=score(federation, final),
        exchanged=exchanged,
        clients_n=clients_n,
        descriptor_nD=shared.contribution.descriptor_nD,
        train_loss=float(loss_n.mean()),
        seconds_train=seconds_train,
    )


def before_exchange(federation: Federation, state: PromptState, clients_n: IntArray) -> Shared:
    """Let the participants do the first half of a round.

    Parameters
    ----------
    federation, state, clients_n
        As for `run_round`.

    Raises
    ------
    RunError
        If training diverges.
    """
    rows_n = torch.from_numpy(clients_n).to(state.shared_NTW.device)
    batch = batch_of(federation, clients_n, state.rounds_done)
    trained, loss_n = _work(federation, federation.trainer.shared, clients_n, state.rows(rows_n))
    trained = _described(federation, batch, trained)
    return Shared(
        state=state.with_rows(rows_n, trained),
        contribution=_contribute(federation, batch, trained, state.updates()[clients_n]),
        loss_n=loss_n,
    )


def after_exchange(
    federation: Federation, state: PromptState, clients_n: IntArray, exchanged: ExchangeResult
) -> tuple[PromptState, torch.Tensor]:
    """Let the participants do the second half of a round; others only receive.

    Parameters
    ----------
    federation, clients_n
        As for `run_round`.
    state : PromptState
        Of `before_exchange`.
    exchanged : ExchangeResult

    Returns
    -------
    PromptState, Tensor of float32, (n,)
        The prompts after the round, and the loss of each participant; 0 without local steps.

    Raises
    ------
    RunError
        If training diverges.
    """
    merged = _received(state, exchanged)
    if len(clients_n) == 0:
        return merged.replace(rounds_done=state.rounds_done + 1), torch.zeros(0)
    rows_n = torch.from_numpy(clients_n).to(state.shared_NTW.device)
    final_n, loss_n = _work(federation, federation.trainer.local, clients_n, merged.rows(rows_n))
    return merged.with_rows(rows_n, final_n).replace(rounds_done=state.rounds_done + 1), loss_n


def score_start(federation: Federation, state: PromptState) -> RoundResult:
    """Evaluate prompts without training: round 0."""
    nobody = np.empty(0, dtype=np.int64)
    return RoundResult(
        state=state,
        scores=score(federation, state),
        exchanged=ExchangeResult(clients_r=nobody, update_rM=state.updates()[:0]),
        clients_n=nobody,
        descriptor_nD=np.empty((0, 0)),
        train_loss=0.0,
        seconds_train=0.0,
    )


@torch.no_grad()
def score(federation: Federation, state: PromptState) -> Scores:
    """Evaluate the current prompt of every client."""

    def classify(clients_n: IntArray, images: Shards) -> torch.Tensor:
        batch = batch_of(federation, clients_n, state.rounds_done)
        rows_n = torch.from_numpy(clients_n).to(federation.cohort.device)
        return federation.trainer.logits(batch, state.rows(rows_n), images)

    return evaluate(
        classify,
        federation.cohort,
        everywhere=state.rounds_done >= federation.rounds or federation.trainer.steps == 0,
        at_once=federation.clients_at_once,
    )


def _work(
    federation: Federation,
    phase: Callable[[ClientBatch, PromptState], tuple[PromptState, torch.Tensor]],
    clients_n: IntArray,
    state: PromptState,
) -> tuple[PromptState, torch.Tensor]:
    """Let the participants do one phase of local work, some clients at a time."""
    return work_in_portions(
        lambda some_n, rows: phase(batch_of(federation, some_n, rows.rounds_done), rows),
        clients_n,
        state,
        None if federation.trainer.is_joint else federation.clients_at_once,
    )


def batch_of(federation: Federation, clients_n: IntArray, round_index: int) -> ClientBatch:
    """Return the batch of some clients in a round."""
    rows_n = torch.from_numpy(clients_n).to(federation.cohort.device)
    return ClientBatch(
        tower=federation.tower,
        logit_scale=federation.logit_scale,
        shards=federation.cohort.train.rows(rows_n),
        validation=federation.cohort.validation.rows(rows_n),
        clients_n=clients_n,
        round_index=round_index,
        heartbeat=federation.heartbeat,
    )


@torch.no_grad()
def begin(federation: Federation, initial_TW: torch.Tensor) -> PromptState:
    """Return the state before the first round."""
    everyone = np.arange(federation.cohort.num_clients, dtype=np.int64)
    tower = reading_in_portions(federation.tower, federation.clients_at_once)
    batch = replace(batch_of(federation, everyone, 0), tower=tower)
    state = PromptState.start(initial_TW, len(everyone))
    unknown_ND = torch.full_like(_describe(federation, batch, state), torch.nan)
    return federation.trainer.begin(batch, state.replace(extra={DESCRIPTOR: unknown_ND}))


def _received(state: PromptState, exchanged: ExchangeResult) -> PromptState:
    """Store the result of the exchange in the state."""
    rows_r = torch.from_numpy(exchanged.clients_r).to(state.shared_NTW.device)
    extra = {}
    for name, values in exchanged.given.items():
        kept = state.extra[name].clone()
        kept[rows_r] = torch.from_numpy(values).to(kept).reshape(-1, *kept.shape[1:])
        extra[name] = kept
    return state.with_updates(exchanged.clients_r, exchanged.update_rM).replace(extra=extra)


def _describe(federation: Federation, batch: ClientBatch, state: PromptState) -> torch.Tensor:
    """Describe the participants as they are, (n, D) float64."""
    view = ClientView(
        tower=reading_in_portions(federation.tower, federation.clients_at_once),
        shared_NTW=state.shared_NTW,
        update_NM=state.updates(),
        initial_TW=state.initial_TW,
        shards=batch.shards,
    )
    descriptor_nD = describe(federation.descriptor, view, federation.projection_dim)
    return torch.from_numpy(descriptor_nD).to(state.shared_NTW.device)


def _described(federation: Federation, batch: ClientBatch, state: PromptState) -> PromptState:
    """Describe the participants anew, or those only that were not described before."""
    kept_nD = state.extra[DESCRIPTOR]
    if federation.describe_once and not bool(kept_nD.isnan().any()):
        return state
    descriptor_nD = _describe(federation, batch, state)
    if federation.describe_once:
        descriptor_nD = torch.where(kept_nD.isnan(), descriptor_nD, kept_nD)
    return state.replace(extra={DESCRIPTOR: descriptor_nD})


def _contribute(
    federation: Federation, batch: ClientBatch, state: PromptState, before_nM: FloatArray
) -> Contribution:
    """Form the contributions of the participants."""
    return Contribution(
        round_index=state.rounds_done,
        clients_n=batch.clients_n,
        num_clients=federation.cohort.num_clients,
        descriptor_nD=state.extra[DESCRIPTOR].cpu().numpy(),
        before_nM=before_nM,
        update_nM=state.updates(),
        sent=federation.trainer.sent(state),
    )
