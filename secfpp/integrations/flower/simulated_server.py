"""The ServerApp of a simulation: methods of `secfpp run` that send in the clear, by Flower.

It draws participants, exchanges what they send by the method's own code, and writes accuracies
down.

Shape letters: n participants, N clients.
"""

import json
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from flwr.app import Context, Message, RecordDict
from flwr.serverapp import Grid, ServerApp

from mpc.jobs.result import Session
from secfpp.config.checks import require, require_positive
from secfpp.config.tree import from_json, to_json
from secfpp.errors import ConfigError, RunError
from secfpp.experiment.config import RunConfig, load_config
from secfpp.experiment.run_folder import RunFolder
from secfpp.experiment.units import Unit, list_units
from secfpp.federation.cohort import Cohort
from secfpp.federation.round import draw_participants
from secfpp.federation.workload import Workload, load_workload
from secfpp.integrations.flower.simulated_messages import (
    METRICS,
    SENT,
    Task,
    arrays_of,
    check_can_be_simulated,
    named,
)
from secfpp.learning.prompts import FloatArray
from secfpp.methods.interface import (
    Contribution,
    Exchange,
    ExchangeResult,
    IntArray,
    MethodContext,
)
from secfpp.methods.registry import METHODS, MethodName
from secfpp.methods.shared.personal import make_trainer
from secfpp.methods.shared.prototypes import make_exchange
from secfpp.seeds import Seeds

__all__ = ["ROUNDS", "SimulatedRound", "SimulationSettings", "app"]

ROUNDS: Final = "rounds.jsonl"
"""File of `SimulatedRound`."""
_POLL_S: Final = 0.1
_NODES_S: Final = 30.0
"""Longest wait for nodes, which Flower makes while the ServerApp begins."""

app = ServerApp()


@dataclass(frozen=True, kw_only=True)
class SimulationSettings:
    """Keys of the run configuration; a hyphen there is an underscore here."""

    config: str
    """File of a run's settings, as for `secfpp run --config`."""
    out: str
    """Folder to make."""
    wait_s: float = 600.0
    """Longest wait for all clients' answers to one message."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name in ("config", "out"):
            require(getattr(self, name) != "", name, "", "set: say -c with flwr run")
        require_positive("wait_s", self.wait_s)

    @classmethod
    def of(cls, run_config: Mapping[str, bool | float | int | str]) -> "SimulationSettings":
        """Return the settings of a run configuration.

        Raises
        ------
        ConfigError
            A key is unknown or missing, or a value is out of range.
        """
        return from_json(cls, {key.replace("-", "_"): each for key, each in run_config.items()})


@dataclass(frozen=True, kw_only=True)
class SimulatedRound:
    """One line of rounds.jsonl; fields are those of metrics.jsonl of `secfpp run`."""

    seed: int
    method: MethodName
    round: int
    own_mix: float
    uniform: float
    worst_client: float
    own_classes: float
    other_domains: float | None
    train_loss: float
    k: int | None
    num_participants: int


@app.main()
def simulate(grid: Grid, context: Context) -> None:
    """Run every method on every seed."""
    settings = SimulationSettings.of(context.run_config)
    config = replace(load_config(Path(settings.config)), out=Path(settings.out))
    for unit in list_units(config):
        method = METHODS[unit.method]
        trainer = make_trainer(method, config.settings_of(method), Seeds(unit.seed))
        check_can_be_simulated(unit.method, trainer)
    workload = load_workload(config, num_context=config.training.num_context)
    clients = _Clients(grid, settings.wait_s)
    clients.find(len(workload.domain_set.domains) * config.partition.clients_per_domain)
    folder = RunFolder.create(config)
    for unit in list_units(config):
        simulation = _Simulation(config, unit, clients, _cohort_of(config, unit, workload))
        for index in range(config.training.rounds):
            record = simulation.next_round(index)
            folder.append(ROUNDS, [asdict(record)])
            logging.getLogger("flwr").info(
                "%s, seed %d, round %d: accuracy %.4f, worst client %.4f",
                *(unit.method, unit.seed, record.round, record.own_mix, record.worst_client),
            )


def _cohort_of(config: RunConfig, unit: Unit, workload: Workload) -> Cohort:
    return workload.cohort(config.partition, Seeds(unit.seed))


class _Clients:
    """The simulated nodes by the number of the client that they play."""

    def __init__(self, grid: Grid, wait_s: float) -> None:
        self.grid = grid
        self.wait_s = wait_s
        self.node_of: dict[int, int] = {}

    def find(self, count: int) -> None:
        """Wait for the nodes, and ask which client each plays.

        Raises
        ------
        ConfigError
            There are more or fewer nodes than clients.
        """
        deadline = time.monotonic() + _NODES_S
        while len(nodes := sorted(self.grid.get_node_ids())) < count:
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_S)
        if len(nodes) != count:
            raise ConfigError(
                f"there are {len(nodes)} simulated nodes but {count} clients; say "
                f"--federation-config 'num-supernodes={count}' with flwr run"
            )
        self.node_of = dict(enumerate(nodes))
        replies = self.ask("query.hello", dict.fromkeys(self.node_of, RecordDict()))
        self.node_of = {
            int(_metric(reply, "client")): nodes[place] for place, reply in replies.items()
        }

    def ask(self, kind: str, contents: Mapping[int, RecordDict]) -> dict[int, RecordDict]:
        """Send messages to clients, and return all answers, by ascending client number.

        Raises
        ------
        RunError
            A client failed, or did not answer in time.
        """
        messages = [
            Message(content, self.node_of[client], kind) for client, content in contents.items()
        ]
        client_of = dict(zip(self.grid.push_messages(messages), contents, strict=True))
        deadline = time.monotonic() + self.wait_s
        answers: dict[int, RecordDict] = {}
        while client_of and time.monotonic() < deadline:
            for reply in self.grid.pull_messages(list(client_of)):
                client = client_of.pop(reply.metadata.reply_to_message_id)
                if reply.has_error():
                    raise RunError(f"client {client} failed: {reply.error.reason}")
                answers[client] = reply.content
            time.sleep(_POLL_S)
        late = sorted(contents.keys() - answers.keys())
        if late:
            raise RunError(f"clients {late} did not answer in {self.wait_s:g} s; raise wait-s")
        return dict(sorted(answers.items()))


class _Simulation:
    """The rounds of one method on one seed."""

    def __init__(self, config: RunConfig, unit: Unit, clients: _Clients, cohort: Cohort) -> None:
        method = METHODS[unit.method]
        self.config = config
        self.unit = unit
        self.clients = clients
        self.num_clients = cohort.num_clients
        self.num_domains = len(cohort.domain_names)
        self.task = Task(settings=json.dumps(to_json(config)), method=unit.method, seed=unit.seed)
        self.exchange: Exchange = make_exchange(
            method,
            MethodContext(
                settings=config.settings_of(method),
                seeds=Seeds(unit.seed),
                domain_N=cohort.domain_N,
                open_session=_no_parties,
            ),
        )

    def next_round(self, index: int) -> SimulatedRound:
        """Let participants train, exchange, and let all clients receive and score."""
        clients_n = draw_participants(
            Seeds(self.unit.seed), index, self.num_clients, self.config.participation
        )
        shared = self.clients.ask(
            "train.share", {int(client): self.task.content() for client in clients_n}
        )
        exchanged = self.exchange(self._contribution(index, clients_n, shared.values()))
        contents = {
            client: self._given(client, client in shared, exchanged)
            for client in range(self.num_clients)
        }
        answers = self.clients.ask("evaluate.receive", contents)
        losses = [
            _metric(answers[client], "loss") or _metric(answer, "loss")
            for client, answer in shared.items()
        ]
        own_mix_N = _column(answers, "own_mix")
        everywhere = index + 1 >= self.config.training.rounds and self.num_domains > 1
        return SimulatedRound(
            seed=self.unit.seed,
            method=self.unit.method,
            round=index + 1,
            own_mix=float(own_mix_N.mean()),
            uniform=float(_column(answers, "uniform").mean()),
            worst_client=float(own_mix_N.min()),
            own_classes=float(_column(answers, "own_classes").mean()),
            other_domains=float(_column(answers, "other_domains").mean()) if everywhere else None,
            train_loss=float(np.mean(losses)),
            k=exchanged.k,
            num_participants=len(clients_n),
        )

    def _contribution(
        self, index: int, clients_n: IntArray, answers: Iterable[RecordDict]
    ) -> Contribution:
        """Stack what participants sent."""
        each = [arrays_of(answer) for answer in answers]
        rows = {name: np.concatenate([arrays[name] for arrays in each]) for name in each[0]}
        return Contribution(
            round_index=index,
            clients_n=clients_n,
            num_clients=self.num_clients,
            descriptor_nD=rows["descriptor"],
            before_nM=rows["before"],
            update_nM=rows["update"],
            sent=named(rows),
        )

    def _given(self, client: int, takes_part: bool, exchanged: ExchangeResult) -> RecordDict:
        """Return the message by which a client receives its row, if there is one."""
        task = replace(self.task, takes_part=takes_part)
        (places,) = np.nonzero(exchanged.clients_r == client)
        if len(places) == 0:
            return task.content()
        arrays = {"update": exchanged.update_rM[places]}
        for name, values in exchanged.given.items():
            arrays[SENT + name] = values[places]
        return task.content(arrays)


def _metric(answer: RecordDict, name: str) -> float:
    return float(str(answer.metric_records[METRICS][name]))


def _column(answers: Mapping[int, RecordDict], name: str) -> FloatArray:
    """Return one metric of all clients, (N,)."""
    return np.array([_metric(each, name) for each in answers.values()])


def _no_parties() -> Session:
    raise RunError("a simulation by Flower has no computing parties")
