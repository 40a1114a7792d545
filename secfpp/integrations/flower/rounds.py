"""A client's program that takes part in a round when it is asked to, over its socket.

It is connected to the parties during a round only, so that the server counts those who were asked.
A request that is repeated gets the same answer: a round that is going on is joined, and a finished
one is answered from the folder. Shares of one job are sent once.
"""

import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock
from typing import Final, NoReturn

from mpc.errors import ConsentError, MpcError
from mpc.session.owner import Owner
from secfpp.config.tree import from_json, to_json
from secfpp.deployment.client import METRICS, ClientRound, TakingPart
from secfpp.deployment.config import FederationConfig, settings_digest
from secfpp.errors import ConfigError
from secfpp.integrations.flower.answers import PROTOCOL, Code, refusal
from secfpp.integrations.flower.frames import SocketMessage
from secfpp.integrations.flower.runs import is_run, keep_run, kept_run
from secfpp.json_file import JsonValue

__all__ = ["RoundsOnRequest"]

_LATER_S: Final = 5.0
"""A round may end so much later than its wait, because it is saved."""


@dataclass(kw_only=True, eq=False)
class RoundsOnRequest:
    """Answers requests of any thread, and takes part in rounds in the thread that calls `serve`."""

    config: FederationConfig
    part: TakingPart
    owner: Owner
    wait_s: float
    """Longest wait for a round, whatever a request says."""
    shares_metrics: bool
    """Whether accuracies and losses go into answers."""
    say: Callable[[str], None]
    """Is told, in a line, what is asked for and what went wrong."""
    observe: Callable[[ClientRound], None] = lambda record: None
    """Is told of every round."""

    def __post_init__(self) -> None:
        """Read which rounds are done."""
        folder = self.part.folder
        self._records = {each.round: each for each in folder.records(METRICS, ClientRound)}
        self._run = kept_run(folder)
        self._orders: SimpleQueue[tuple[Future[Code], float]] = SimpleQueue()
        self._going: Future[Code] | None = None
        self._lock = Lock()

    def serve(self) -> NoReturn:
        """Take part in rounds, for ever."""
        while True:
            going, deadline = self._orders.get()
            code = self._take_part(deadline)
            with self._lock:
                self._going = None
            going.set_result(code)

    def answer(self, request: SocketMessage) -> SocketMessage:
        """Do what a request asks for, and answer."""
        values = request.values
        if values.get("protocol") != PROTOCOL:
            return refusal("other protocol")
        verbs = {"hello": self._hello, "round": self._round}
        verb = values.get("verb")
        if not isinstance(verb, str) or verb not in verbs:
            return refusal("bad request")
        return verbs[verb](values)

    def _hello(self, values: Mapping[str, JsonValue]) -> SocketMessage:
        """Say what is public: the role, the settings, the model, the rounds that are done."""
        return SocketMessage(
            values={
                "code": "done",
                "role": self.owner.role,
                "settings": settings_digest(self.config),
                "model": self.part.exchange.model,
                "rounds_done": self.part.state.rounds_done,
            }
        )

    def _round(self, values: Mapping[str, JsonValue]) -> SocketMessage:
        """Take part in a round, or say what came of it before."""
        number, within_s = values.get("round"), values.get("within_s")
        if type(number) is not int or not 1 <= number <= self.config.training.rounds:
            return refusal("bad request")
        if not isinstance(within_s, int | float) or not within_s > 0:
            return refusal("bad request")
        code = self._code_of_others(values)
        if code != "done":
            return refusal(code)
        self.say(f"asked for round {number}")
        return self._done(number, time.monotonic() + min(within_s, self.wait_s))

    def _code_of_others(self, values: Mapping[str, JsonValue]) -> Code:
        """Compare the settings, the model and the run of a request with this client's."""
        try:
            asked = from_json(FederationConfig, values.get("settings"))
        except ConfigError as error:
            self.say(f"a request has other settings: {error}")
            return "other settings"
        if settings_digest(asked) != settings_digest(self.config):
            self.say(f"a request has other settings: {_differing(asked, self.config)}")
            return "other settings"
        if values.get("model") != self.part.exchange.model:
            self.say("a request is for another model")
            return "other model"
        run = values.get("run")
        if not is_run(run):
            return "bad request"
        with self._lock:
            if self._run is None:
                self._run = str(run)
                keep_run(self.part.folder, self._run)
        if run != self._run:
            self.say(f"a request is of run {run}, this folder of {self._run}; start with --out NEW")
            return "other run"
        return "done"

    def _done(self, number: int, deadline: float) -> SocketMessage:
        """Wait until a round is done, and begin it if it is not going on."""
        while True:
            with self._lock:
                if number in self._records:
                    return self._answer_of(self._records[number])
                going, began = self._going, self._going is None
                if going is None:
                    if number <= self.part.state.rounds_done:
                        return refusal("missed")
                    going = self._going = Future()
                    self._orders.put((going, deadline))
            try:
                code = going.result(max(deadline - time.monotonic(), 0) + _LATER_S)
            except TimeoutError:
                return refusal("no round")
            if code != "done" and (began or time.monotonic() > deadline):
                return refusal(code)

    def _take_part(self, deadline: float) -> Code:
        """Take part in the next round that is announced."""
        self.part.exchange.wait_s = max(deadline - time.monotonic(), 0.1)
        try:
            record = self.part.next_round()
        except ConsentError as error:
            self.say(f"this client takes no part: {error}")
            return "declined"
        except MpcError as error:
            self.say(f"no round: {error}")
            return "no round"
        except Exception as error:  # its words stay in this log
            self.say(f"a round failed: {type(error).__name__}: {error}")
            return "failed"
        finally:
            self.owner.hang_up()
        with self._lock:
            self._records[record.round] = record
        self.observe(record)
        return "done"

    def _answer_of(self, record: ClientRound) -> SocketMessage:
        """Say that a round is done, with metrics if the owner wants that."""
        values: dict[str, JsonValue] = {"code": "done", "round": record.round}
        if self.shares_metrics:
            metrics = {
                "own_mix": record.own_mix,
                "uniform": record.uniform,
                "train_loss": record.train_loss,
                "seconds_train": record.seconds_train,
            }
            known = {name: each for name, each in metrics.items() if each is not None}
            values |= {name: each for name, each in known.items() if math.isfinite(each)}
        return SocketMessage(values=values)


def _differing(one: FederationConfig, other: FederationConfig) -> str:
    """Name the settings in which two federations differ."""
    first, second = to_json(one), to_json(other)
    if not isinstance(first, dict) or not isinstance(second, dict):
        return "all of them"
    return ", ".join(key for key in first if key != "model" and first[key] != second[key])
