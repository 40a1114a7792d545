"""What ServerApp and ClientApps of a simulation say to each other, and about which methods.

Arrays travel as NumPy arrays in Flower's records, with one row for the client concerned.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict

from secfpp.errors import ConfigError
from secfpp.learning.prompts import FloatArray
from secfpp.methods.interface import Trainer
from secfpp.methods.registry import METHODS, MethodName

__all__ = [
    "ARRAYS",
    "METRICS",
    "SENT",
    "Task",
    "arrays_of",
    "check_can_be_simulated",
    "named",
    "record_of",
]

ARRAYS: Final = "arrays"
METRICS: Final = "metrics"
_TASK: Final = "task"
"""Names of the records in Flower's messages."""

SENT: Final = "sent/"
"""Before the name of a value that a method's clients send, or are given, besides the update."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a client is asked for."""

    settings: str
    """The run's settings as JSON; clients load images and model by them."""
    method: MethodName
    seed: int
    takes_part: bool = True
    """Whether the client was drawn for this round; the others only receive."""

    @property
    def unit(self) -> str:
        """Name of method and seed, whose state a client keeps."""
        return f"{self.method}/seed{self.seed}"

    def content(self, arrays: Mapping[str, FloatArray] | None = None) -> RecordDict:
        """Return the content of a message with this task."""
        task = ConfigRecord(
            {
                "settings": self.settings,
                "method": self.method,
                "seed": self.seed,
                "takes_part": self.takes_part,
            }
        )
        return RecordDict({_TASK: task, ARRAYS: record_of(arrays or {})})

    @classmethod
    def of(cls, content: RecordDict) -> "Task":
        """Return the task of a message."""
        task = content.config_records[_TASK]
        return cls(
            settings=str(task["settings"]),
            method=str(task["method"]),
            seed=int(str(task["seed"])),
            takes_part=bool(task["takes_part"]),
        )


def record_of(arrays: Mapping[str, FloatArray]) -> ArrayRecord:
    """Return arrays as a record of Flower."""
    return ArrayRecord({name: Array(values) for name, values in arrays.items()})


def arrays_of(content: RecordDict) -> dict[str, FloatArray]:
    """Return the arrays of a message."""
    return {name: each.numpy() for name, each in content.array_records[ARRAYS].items()}


def named(arrays: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Return the arrays whose names begin with `SENT`, without it."""
    return {name.removeprefix(SENT): each for name, each in arrays.items() if name.startswith(SENT)}


def check_can_be_simulated(name: MethodName, trainer: Trainer) -> None:
    """Refuse a method whose rounds are not: train, send in the clear, receive.

    Raises
    ------
    ConfigError
        The method has computing parties or noise, does not train, or trains all clients together.
    """
    method = METHODS[name]
    reasons = (
        (method.uses_parties, "its clients share with computing parties"),
        (method.statement is not None, "its noise is drawn where all updates are"),
        (trainer.steps == 0, "it does not train"),
        (trainer.is_joint, "its clients exchange values between steps"),
    )
    for applies, why in reasons:
        if applies:
            raise ConfigError(
                f"methods={name!r} cannot be simulated by Flower: {why}; use `secfpp run`"
            )
