"""The table of a run; its metrics lines are the only source."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from secfpp.config.partition import ScoreOn
from secfpp.experiment.config import RunConfig
from secfpp.federation.round import RoundRecord
from secfpp.methods.registry import METHODS, MethodName
from secfpp.privacy.statement import PrivacyStatement

__all__ = ["Estimate", "MethodResult", "estimate", "summarise"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over seeds."""

    mean: float
    standard_error: float | None
    """Sample standard deviation over the square root of the number of seeds; None with one seed."""
    per_seed: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class MethodResult:
    """One row of the table: accuracies after the last round, costs summed over the rounds."""

    name: MethodName
    title: str
    seeds: tuple[int, ...]
    rounds_done: int
    """Rounds of federation before the accuracies were measured; the least over seeds."""
    own_mix: Estimate
    uniform: Estimate
    worst_client: Estimate
    ari_first: Estimate | None
    """Adjusted Rand index of the first clustering; None if no labels were opened."""
    ari_last: Estimate | None
    seconds_train: float
    """Seconds are means over seeds of the sum over rounds."""
    seconds_share: float
    seconds_online: float
    seconds_dealer: float
    rounds: float
    """Rounds of communication among the parties, mean over seeds of the sum."""
    bytes_client_max: float
    """Bytes of the busiest client, mean over seeds of the sum over rounds."""
    bytes_party_max: float
    privacy: PrivacyStatement | None
    epsilon: float | None
    """The same as `privacy.epsilon_pld`."""
    privacy_in_words: str = ""
    """The whole statement in one sentence; empty without a guarantee."""
    insecure: tuple[str, ...] = ()
    """The reasons why the secure part was not secure; empty if it was, or if there was none."""
    score_on: ScoreOn = "reporting"
    """Images that accuracies are measured on. `validation`: for choices, not to be reported."""


def estimate(values: Sequence[float]) -> Estimate:
    """Return mean and standard error of values, one a seed."""
    error = None
    if len(values) > 1:
        error = statistics.stdev(values) / math.sqrt(len(values))
    return Estimate(
        mean=statistics.fmean(values), standard_error=error, per_seed=tuple(map(float, values))
    )


def summarise(config: RunConfig, records: Sequence[RoundRecord]) -> tuple[MethodResult, ...]:
    """Make the table, one row for each method that has at least one line.

    Parameters
    ----------
    config : RunConfig
    records : sequence of RoundRecord
        All lines of metrics.jsonl, any order.

    Returns
    -------
    tuple of MethodResult
        In the order of `config.methods`; an unfinished seed counts with its last round.
    """
    rows = []
    for name in config.methods:
        mine = [record for record in records if record.method == name]
        if mine:
            rows.append(_summarise_method(config, name, mine))
    return tuple(rows)


def _summarise_method(
    config: RunConfig, name: MethodName, records: Sequence[RoundRecord]
) -> MethodResult:
    """Make one row."""
    seeds = sorted({record.seed for record in records})
    runs = [
        sorted((r for r in records if r.seed == seed), key=lambda record: record.round)
        for seed in seeds
    ]
    last = [run[-1] for run in runs]
    method = METHODS[name]
    privacy = method.statement(config.settings_of(method)) if method.statement else None
    return MethodResult(
        name=name,
        title=_title(method.card.title, privacy),
        seeds=tuple(seeds),
        rounds_done=min(record.round for record in last),
        own_mix=estimate([record.own_mix for record in last]),
        uniform=estimate([record.uniform for record in last]),
        worst_client=estimate([record.worst_client for record in last]),
        ari_first=_ari([run[0] for run in runs]),
        ari_last=_ari(last),
        seconds_train=_total(runs, "seconds_train"),
        seconds_share=_total(runs, "seconds_share"),
        seconds_online=_total(runs, "seconds_online"),
        seconds_dealer=_total(runs, "seconds_dealer"),
        rounds=_total(runs, "rounds"),
        bytes_client_max=_total(runs, "bytes_client_max"),
        bytes_party_max=_total(runs, "bytes_party_max"),
        privacy=privacy,
        epsilon=privacy.epsilon_pld if privacy else None,
        privacy_in_words=privacy.in_words if privacy else "",
        insecure=config.secure.insecure if method.uses_parties else (),
        score_on=config.partition.score_on,
    )


def _title(title: str, privacy: PrivacyStatement | None) -> str:
    """Return a method's title, with the name of its guarantee if it has several."""
    return f"{title} ({privacy.guarantee})" if privacy and privacy.guarantee else title


def _ari(records: Sequence[RoundRecord]) -> Estimate | None:
    """Average the ARI of one round over seeds, if labels were opened on all of them."""
    values = [record.ari for record in records if record.ari is not None]
    return estimate(values) if values and len(values) == len(records) else None


def _total(runs: Sequence[Sequence[RoundRecord]], field: str) -> float:
    """Mean over seeds of the sum over rounds of a field."""
    return statistics.fmean(float(sum(getattr(r, field) for r in run)) for run in runs)
