"""The ClientApp of a simulation: it trains one client of `secfpp run`, in an actor of Ray.

An actor plays many clients, one after another, and loads images and model once. What a client keeps
between messages, its prompts among them, is in its Flower context.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np
import torch
from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from secfpp.config.tree import from_json
from secfpp.errors import RunError
from secfpp.experiment.config import RunConfig
from secfpp.federation.cohort import Cohort
from secfpp.federation.evaluation import Scores
from secfpp.federation.round import Federation, after_exchange, before_exchange, begin, score
from secfpp.federation.workload import Workload, load_workload
from secfpp.integrations.flower.simulated_messages import (
    ARRAYS,
    METRICS,
    SENT,
    Task,
    arrays_of,
    named,
    record_of,
)
from secfpp.json_file import parse_json
from secfpp.learning.prompts import PromptState
from secfpp.methods.interface import Contribution, ExchangeResult
from secfpp.methods.registry import METHODS
from secfpp.methods.shared.personal import make_trainer
from secfpp.seeds import Seeds

__all__ = ["app"]

_ONE: Final = np.zeros(1, dtype=np.int64)
_NOBODY: Final = np.empty(0, dtype=np.int64)
_PROGRESS: Final = "progress"
_EXTRA: Final = "extra/"

app = ClientApp()


@app.query("hello")
def hello(message: Message, context: Context) -> Message:
    """Answer which client this node plays."""
    numbers = MetricRecord({"client": _number(context)})
    return Message(RecordDict({METRICS: numbers}), reply_to=message)


@app.train("share")
def share(message: Message, context: Context) -> Message:
    """Do the first half of a round, and send what the method's clients send."""
    task = Task.of(message.content)
    federation, state = _resumed(task, context)
    shared = before_exchange(federation, state, _ONE)
    _keep(task, context, shared.state)
    sent = shared.contribution
    arrays = {
        "before": sent.before_nM,
        "update": sent.update_nM,
        "descriptor": sent.descriptor_nD,
        **{SENT + name: values for name, values in sent.sent.items()},
    }
    loss = MetricRecord({"loss": float(shared.loss_n[0])})
    return Message(RecordDict({ARRAYS: record_of(arrays), METRICS: loss}), reply_to=message)


@app.evaluate("receive")
def receive(message: Message, context: Context) -> Message:
    """Receive the result of the exchange, do the second half of a round, and score it."""
    task = Task.of(message.content)
    federation, state = _resumed(task, context)
    exchanged = _received(message.content, state)
    clients_n = _ONE if task.takes_part else _NOBODY
    final, loss_n = after_exchange(federation, state, clients_n, exchanged)
    _keep(task, context, final)
    metrics = _metrics(score(federation, final))
    metrics["loss"] = float(loss_n.sum())
    return Message(RecordDict({METRICS: metrics}), reply_to=message)


def _number(context: Context) -> int:
    return int(str(context.node_config["partition-id"]))


def _received(content: RecordDict, state: PromptState) -> ExchangeResult:
    """Return what this client receives; nothing if the method gives it nothing."""
    arrays = arrays_of(content)
    if "update" not in arrays:
        return ExchangeResult(clients_r=_NOBODY, update_rM=state.updates()[:0])
    return ExchangeResult(clients_r=_ONE, update_rM=arrays["update"], given=named(arrays))


def _metrics(scores: Scores) -> MetricRecord:
    """Return the accuracies of the one client."""
    metrics = MetricRecord(
        {
            "own_mix": scores.own_mix,
            "uniform": scores.uniform,
            "own_classes": scores.own_classes,
        }
    )
    if scores.other_domains is not None:
        metrics["other_domains"] = scores.other_domains
    return metrics


def _resumed(task: Task, context: Context) -> tuple[Federation, PromptState]:
    """Return a client's constants and its state, as kept or before the first round."""
    config, workload = _loaded(task.settings)
    method = METHODS[task.method]
    seeds = Seeds(task.seed)
    trainer = make_trainer(method, config.settings_of(method), seeds)
    federation = Federation(
        cohort=_own(_cohort(task.settings, task.seed, trainer.needs_patches), _number(context)),
        tower=workload.tower,
        logit_scale=workload.logit_scale,
        trainer=trainer,
        exchange=_elsewhere,
        descriptor=config.clustering.descriptor,
        projection_dim=config.clustering.projection_dim,
        describe_once=config.clustering.describe_once,
        rounds=config.training.rounds,
    )
    return federation, _kept(task, context, workload) or begin(federation, workload.initial_TW)


@lru_cache(maxsize=1)
def _loaded(settings: str) -> tuple[RunConfig, Workload]:
    """Load images and model once in an actor."""
    config = from_json(RunConfig, parse_json(settings))
    return config, load_workload(config, num_context=config.training.num_context)


@lru_cache(maxsize=2)
def _cohort(settings: str, seed: int, with_patches: bool) -> Cohort:
    """Partition the images once for each seed."""
    config, workload = _loaded(settings)
    return workload.cohort(config.partition, Seeds(seed), with_patches=with_patches)


def _own(cohort: Cohort, number: int) -> Cohort:
    """Return a cohort of one client. No other one's training images are in it."""
    row = torch.tensor([number], device=cohort.device)
    return replace(
        cohort,
        domain_N=cohort.domain_N[[number]],
        label_mix_NC=cohort.label_mix_NC[row],
        train=cohort.train.rows(row),
        validation=cohort.validation.rows(row),
    )


def _keep(task: Task, context: Context, state: PromptState) -> None:
    """Keep a client's state until the next message."""
    rows = {"shared": state.shared_NTW, "local": state.local_NTW}
    rows |= {_EXTRA + name: values for name, values in state.extra.items()}
    context.state[ARRAYS] = record_of({name: rows[name].cpu().numpy() for name in rows})
    context.state[_PROGRESS] = ConfigRecord({"unit": task.unit, "rounds": state.rounds_done})


def _kept(task: Task, context: Context, workload: Workload) -> PromptState | None:
    """Return what a client kept of this method and seed; None before its first message."""
    progress = context.state.config_records.get(_PROGRESS)
    if progress is None or progress["unit"] != task.unit:
        return None
    rows = {
        name: torch.from_numpy(values.copy()).to(workload.device)
        for name, values in arrays_of(context.state).items()
    }
    return PromptState(
        initial_TW=workload.initial_TW,
        shared_NTW=rows.pop("shared"),
        local_NTW=rows.pop("local"),
        extra={name.removeprefix(_EXTRA): values for name, values in rows.items()},
        rounds_done=int(str(progress["rounds"])),
    )


def _elsewhere(contribution: Contribution) -> ExchangeResult:
    raise RunError("the exchange is the server's")
