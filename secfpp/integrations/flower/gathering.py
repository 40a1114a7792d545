"""The server's side of rounds by Flower: it tells nodes that a round begins, and hears from them.

Clients are counted at the parties, as for `secfpp server`. From Flower comes which nodes there are,
and which of them said that they do not take part.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from flwr.app import ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid

from secfpp.deployment.server import Gathering, ServerRound
from secfpp.experiment.record_folder import RecordFolder
from secfpp.integrations.flower.answers import ANSWER, METRICS, REQUEST, Code, code_of
from secfpp.json_file import JsonValue

__all__ = ["ANSWERS", "FlowerGathering"]

ANSWERS: Final = "answers.jsonl"
"""File of what nodes answered: a line a round."""
_POLL_S: Final = 2.0
_AVERAGED: Final = ("own_mix", "uniform", "train_loss", "seconds_train")


@dataclass(kw_only=True, eq=False)
class FlowerGathering(Gathering):
    """Nodes of a Flower run.

    Parameters
    ----------
    grid : Grid
    request : mapping
        What every node is told: settings, model, run, and how long to wait.
    folder : RecordFolder
        Keeps `ANSWERS`.
    clients : int
        How many are wanted.
    reply_wait_s : float
        Longest wait for answers after a round.
    ttl_s : float
        Seconds after which Flower drops a message.
    say : callable
        Is told, in a line, what nodes answered.
    """

    grid: Grid
    request: Mapping[str, str | int | float]
    folder: RecordFolder
    clients: int
    reply_wait_s: float
    ttl_s: float
    say: Callable[[str], None]
    _round: int = field(default=0, init=False)
    _asked: dict[int, str] = field(default_factory=dict, init=False)
    """Number of the message to each node of this round."""
    _answers: dict[int, Code] = field(default_factory=dict, init=False)
    _metrics: dict[int, Mapping[str, float]] = field(default_factory=dict, init=False)
    _there: set[int] = field(default_factory=set, init=False)
    _polled: float = field(default=0.0, init=False)

    def begin(self, number: int) -> None:
        """Ask all nodes to take part; those that were asked for this round are asked again."""
        self._round = number
        self._asked, self._answers, self._metrics = {}, {}, {}
        self._poll()

    def lost(self) -> int:
        """Return how many nodes of this round vanished, or said that they take no part.

        Nodes that came since are asked, and stand in for them.
        """
        if time.monotonic() - self._polled > _POLL_S:
            self._poll()
        lost = {node for node in self._asked if node not in self._there}
        lost |= {node for node, code in self._answers.items() if code != "done"}
        return max(0, len(lost) - max(0, len(self._asked) - self.clients))

    def end(self, record: ServerRound) -> None:
        """Wait for the answers of those who took part, and write down what was answered."""
        deadline = time.monotonic() + self.reply_wait_s
        while True:
            self._poll()
            done = sum(code == "done" for code in self._answers.values())
            owing = (self._asked.keys() & self._there) - self._answers.keys()
            if done >= record.clients or not owing or time.monotonic() > deadline:
                break
            time.sleep(_POLL_S)
        codes = Counter(self._answers.values())
        line: dict[str, JsonValue] = {
            "round": record.round,
            "asked": len(self._asked),
            "answers": dict(sorted(codes.items())),
            "shared_metrics": len(self._metrics),
            **self._means(),
        }
        self.folder.append(ANSWERS, [line])
        told = ", ".join(f"{count} {code}" for code, count in sorted(codes.items())) or "nothing"
        self.say(f"round {record.round}: of {len(self._asked)} nodes came {told}")

    def _means(self) -> dict[str, JsonValue]:
        """Return the mean of each metric over the clients that share it."""
        means: dict[str, JsonValue] = {}
        for name in _AVERAGED:
            values = [each[name] for each in self._metrics.values() if name in each]
            means[name] = sum(values) / len(values) if values else None
        return means

    def _poll(self) -> None:
        """Ask nodes that are new, and read what others answered."""
        self._polled = time.monotonic()
        self._there = set(self.grid.get_node_ids())
        self._ask(sorted(self._there - self._asked.keys()))
        left = {message: node for node, message in self._asked.items() if node not in self._answers}
        if left:
            self._read(self.grid.pull_messages(list(left)), left)

    def _ask(self, nodes: list[int]) -> None:
        """Send this round's message to nodes."""
        content = {**self.request, "round": self._round}
        messages = [
            Message(
                RecordDict({REQUEST: ConfigRecord(dict(content))}),
                node,
                "train.round",
                ttl=self.ttl_s,
                group_id=str(self._round),
            )
            for node in nodes
        ]
        numbers = list(self.grid.push_messages(messages)) if messages else []
        for node, number in zip(nodes, numbers, strict=False):
            if number:
                self._asked[node] = number

    def _read(self, replies: Iterable[Message], left: Mapping[str, int]) -> None:
        """Keep the codes and metrics of answers."""
        for reply in replies:
            node = left.get(reply.metadata.reply_to_message_id)
            if node is None:
                continue
            code, metrics = _answer_of(reply)
            self._answers[node] = code
            if metrics:
                self._metrics[node] = metrics
            if code != "done":
                self.say(f"round {self._round}: node {node} answers {json.dumps(code)}")


def _answer_of(reply: Message) -> tuple[Code, Mapping[str, float]]:
    """Return the code and the metrics of an answer; what Flower says in a node's place is none."""
    if not reply.has_content():
        return "failed", {}
    texts = reply.content.config_records.get(ANSWER, ConfigRecord())
    numbers = reply.content.metric_records.get(METRICS, MetricRecord())
    found = {name: numbers.get(name) for name in _AVERAGED}
    metrics = {name: float(each) for name, each in found.items() if isinstance(each, int | float)}
    return code_of(texts.get("code")), metrics
