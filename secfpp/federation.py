"""One round as a function of (state, contributions), and the loop over rounds.

A round: steps on P_G, the exchange, steps on P_L on top of what came back, evaluation.

Shape letters: n participants, N clients, M numbers of a shared prompt.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from secfpp.cohort import Cohort
from secfpp.config import DescriptorName, MethodName
from secfpp.descriptors import ClientView, describe
from secfpp.evaluation import Scores, evaluate, rand_index
from secfpp.methods.interface import (
    Contribution,
    Exchange,
    IntArray,
    Outcome,
    RoundPlan,
    TrainedSteps,
)
from secfpp.prompts import FloatArray, PromptState
from secfpp.seeds import Seeds
from secfpp.training import TextTower, TrainedPart, train_part

__all__ = [
    "Federation",
    "RoundRecord",
    "RoundResult",
    "draw_participants",
    "run_round",
    "score_start",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class Federation:
    """What stays the same over the rounds of one method and seed."""

    cohort: Cohort
    tower: TextTower
    """Frozen text tower with the class names behind the context."""
    logit_scale: float
    plan: RoundPlan
    exchange: Exchange
    descriptor: DescriptorName
    projection_dim: int
    pulse: Callable[[], None] = lambda: None
    """Called before each local step: raises if a computing party has died meanwhile."""


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
    train_loss: float
    ari: float | None
    """Adjusted Rand index of the clusters found this round, where labels are opened."""
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
    """What one round leaves behind."""

    state: PromptState
    scores: Scores
    outcome: Outcome
    clients_n: IntArray
    descriptor_nD: FloatArray
    train_loss: float
    seconds_train: float

    def record(self, seed: int, method: MethodName, domain_N: IntArray) -> RoundRecord:
        """Sum the round up in one line."""
        traffic = self.outcome.traffic
        labels_n = self.outcome.labels_n
        ari = None if labels_n is None else rand_index(domain_N[self.clients_n], labels_n)
        return RoundRecord(
            seed=seed,
            method=method,
            round=self.state.rounds_done,
            own_mix=self.scores.own_mix,
            uniform=self.scores.uniform,
            worst_client=self.scores.worst_client,
            train_loss=self.train_loss,
            ari=ari,
            k=self.outcome.k,
            num_participants=len(self.clients_n),
            seconds_train=self.seconds_train,
            seconds_share=traffic.seconds_share,
            seconds_online=traffic.seconds_online,
            seconds_dealer=traffic.seconds_offline,
            rounds=traffic.rounds_online,
            bytes_client_max=traffic.bytes_client_max,
            bytes_party_max=traffic.bytes_party_max,
        )


def draw_participants(
    seeds: Seeds, round_index: int, num_clients: int, participation: float
) -> IntArray:
    """Draw who takes part in a round, without replacement, the same for every method.

    Parameters
    ----------
    seeds : Seeds
    round_index : int
        0, 1, ...
    num_clients : int
        Clients N.
    participation : float
        Fraction that takes part; rounded up to at least one client.

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

    Returns
    -------
    RoundResult

    Raises
    ------
    RunError
        If training diverges.
    MpcError
        If the secure session fails.
    """
    started = time.perf_counter()
    before_NM = state.updates()
    trained, shared_loss = _train_shared(federation, state, clients_n)
    contribution = _contribute(federation, trained, clients_n, before_NM)
    seconds_train = time.perf_counter() - started
    outcome = federation.exchange(contribution)
    started = time.perf_counter()
    merged = trained.with_updates(outcome.clients_r, outcome.update_rM)
    final, local_loss = _train_local(federation, merged, clients_n)
    seconds_train += time.perf_counter() - started
    final = final.replace(rounds_done=state.rounds_done + 1)
    return RoundResult(
        state=final,
        scores=score(federation, final),
        outcome=outcome,
        clients_n=clients_n,
        descriptor_nD=contribution.descriptor_nD,
        train_loss=local_loss if federation.plan.local.steps else shared_loss,
        seconds_train=seconds_train,
    )


def score_start(federation: Federation, state: PromptState) -> RoundResult:
    """Evaluate prompts that no round trains: round 0."""
    nobody = np.empty(0, dtype=np.int64)
    return RoundResult(
        state=state,
        scores=score(federation, state),
        outcome=Outcome(clients_r=nobody, update_rM=state.updates()[:0]),
        clients_n=nobody,
        descriptor_nD=np.empty((0, 0)),
        train_loss=0.0,
        seconds_train=0.0,
    )


@torch.no_grad()
def score(federation: Federation, state: PromptState) -> Scores:
    """Evaluate every client's prompt as it stands."""
    return evaluate(federation.tower(state.prompts()), federation.cohort)


def _train_shared(
    federation: Federation, state: PromptState, clients_n: IntArray
) -> tuple[PromptState, float]:
    """Take the participants' steps on P_G, by itself: it must be good without any P_L."""
    rows_n = torch.from_numpy(clients_n).to(state.shared_NTW.device)
    part = _train(federation, federation.plan.shared, rows_n, state.shared_NTW, None)
    shared_NTW = state.shared_NTW.clone()
    shared_NTW[rows_n] = part.part_NTW
    return state.replace(shared_NTW=shared_NTW), float(part.loss_N.mean())


def _train_local(
    federation: Federation, state: PromptState, clients_n: IntArray
) -> tuple[PromptState, float]:
    """Take the participants' steps on P_L, on top of their P_G."""
    rows_n = torch.from_numpy(clients_n).to(state.shared_NTW.device)
    local_NTW = state.local_NTW.clone()
    local_NTW[rows_n] *= federation.plan.local_memory
    part = _train(federation, federation.plan.local, rows_n, local_NTW, state.shared_NTW)
    local_NTW[rows_n] = part.part_NTW
    return state.replace(local_NTW=local_NTW), float(part.loss_N.mean())


def _train(
    federation: Federation,
    work: TrainedSteps,
    rows_n: torch.Tensor,
    part_NTW: torch.Tensor,
    other_NTW: torch.Tensor | None,
) -> TrainedPart:
    """Train one part of the participants' prompts."""
    part_nTW = part_NTW[rows_n]
    return train_part(
        federation.tower,
        federation.cohort.train.rows(rows_n),
        part_NTW=part_nTW,
        other_NTW=torch.zeros_like(part_nTW) if other_NTW is None else other_NTW[rows_n],
        logit_scale=federation.logit_scale,
        terms=work.terms,
        steps=work.steps,
        lr=work.lr,
        pulse=federation.pulse,
    )


def _contribute(
    federation: Federation, state: PromptState, clients_n: IntArray, before_NM: FloatArray
) -> Contribution:
    """Form what the participants bring to the exchange."""
    rows_n = torch.from_numpy(clients_n).to(state.shared_NTW.device)
    update_nM = state.updates()[clients_n]
    view = ClientView(
        tower=federation.tower,
        shared_NTW=state.shared_NTW[rows_n],
        update_NM=update_nM,
        shards=federation.cohort.train.rows(rows_n),
    )
    return Contribution(
        round_index=state.rounds_done,
        clients_n=clients_n,
        num_clients=state.num_clients,
        descriptor_nD=describe(federation.descriptor, view, federation.projection_dim),
        before_nM=before_NM[clients_n],
        update_nM=update_nM,
    )
