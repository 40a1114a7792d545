"""The Flower ClientApp: it passes messages on to the client's program, and answers with a code.

It has no data, no key and no model. Where the socket is, the node's operator says, by
`flower-supernode --node-config 'socket="PATH"'`. An error's words never leave this host.
"""

import logging
from pathlib import Path
from typing import Final

from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from secfpp.integrations.flower.answers import (
    ANSWER,
    METRICS,
    PROTOCOL,
    REQUEST,
    code_of,
    refusal,
)
from secfpp.integrations.flower.frames import SocketMessage
from secfpp.integrations.flower.local_socket import ask
from secfpp.json_file import JsonValue, parse_json

__all__ = ["app"]

_LATER_S: Final = 10.0
"""The client's program answers a little later than its own wait."""
_LONGEST_S: Final = 86400.0

app = ClientApp()


@app.query("hello")
def hello(message: Message, context: Context) -> Message:
    """Ask the client's program for its role, its settings and its model."""
    return _answer("hello", message, context)


@app.train("round")
def take_part(message: Message, context: Context) -> Message:
    """Let the client's program take part in a round."""
    return _answer("round", message, context)


def _answer(verb: str, message: Message, context: Context) -> Message:
    """Ask the client's program; whatever happens, answer with a code."""
    try:
        answer = _asked(verb, message, context)
    except Exception as error:  # its words stay on this host
        logging.getLogger(__name__).warning("%s: %s", type(error).__name__, error)
        answer = refusal("no client")
    return Message(_record(answer), reply_to=message)


def _asked(verb: str, message: Message, context: Context) -> SocketMessage:
    request = message.content.config_records[REQUEST]
    within_s = min(float(str(request.get("within_s", _LATER_S))), _LONGEST_S)
    values: dict[str, JsonValue] = {
        "protocol": PROTOCOL,
        "verb": verb,
        "run": str(request.get("run", "")),
        "round": int(str(request.get("round", 0))),
        "model": str(request.get("model", "")),
        "settings": parse_json(str(request.get("settings", "null"))),
        "within_s": within_s,
    }
    path = Path(str(context.node_config["socket"]))
    return ask(path, SocketMessage(values=values), within_s=within_s + _LATER_S)


def _record(answer: SocketMessage) -> RecordDict:
    """Return an answer as Flower's records: texts, and metrics."""
    texts, numbers = ConfigRecord(), MetricRecord()
    for key, value in answer.values.items():
        if isinstance(value, str):
            texts[key] = value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            numbers[key] = value
    texts["code"] = code_of(answer.values.get("code"))
    return RecordDict({ANSWER: texts, METRICS: numbers})
