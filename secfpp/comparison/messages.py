"""Messages between a comparison and its workers: one JSON object in each line, over pipes."""

import json
from dataclasses import dataclass
from typing import Literal, TypeVar

from secfpp.config.tree import from_json, to_json
from secfpp.experiment.config import RunConfig

__all__ = ["Greeting", "Order", "Report", "decode", "encode"]

MessageT = TypeVar("MessageT")


@dataclass(frozen=True, kw_only=True)
class Greeting:
    """To a worker, once: the settings of data and model that it loads first."""

    settings: RunConfig
    threads: int


@dataclass(frozen=True, kw_only=True)
class Order:
    """To a worker: run a cell, or resume it if `settings.resume` is set."""

    cell: str
    settings: RunConfig


@dataclass(frozen=True, kw_only=True)
class Report:
    """From a worker."""

    kind: Literal["ready", "round", "done", "failed", "unusable"]
    """`unusable`: data, model or device cannot be used, by any worker."""
    cell: str = ""
    method: str = ""
    """Method of the round."""
    seconds: float = 0.0
    """Seconds since the report before, evaluation included."""
    own_mix: float = 0.0
    uniform: float = 0.0
    error: str = ""
    """One line."""
    error_name: str = ""
    """Name of the error's class."""
    exit_code: int = 0
    """Exit code of the error, see `secfpp.cli.entry`."""


def encode(message: Greeting | Order | Report) -> bytes:
    """Return a message as a line."""
    return json.dumps(to_json(message)).encode() + b"\n"


def decode(kind: type[MessageT], line: bytes) -> MessageT:
    """Read a line.

    Raises
    ------
    ConfigError
        If it is not such a message.
    """
    return from_json(kind, json.loads(line))
