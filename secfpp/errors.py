"""The errors of `secfpp`, and the exit code of each.

SecfppError                 1
|-- ConfigError             2   a setting is unknown, out of range, or contradicts another
|-- DataError               2   a folder, an image or a partition cannot be used
|-- ModelError              2   a model cannot be found, loaded or prompted
|-- RunError                1   a run failed after it had started
|   `-- RunFolderError      1   a run folder is missing, foreign or damaged
|-- OutputError             1   a result cannot be shown or saved
`-- RunInterruptedError   130   stopped by the user; finished rounds are saved

Messages name the value, the limit and the remedy.
"""

from typing import ClassVar

__all__ = [
    "ConfigError",
    "DataError",
    "ModelError",
    "OutputError",
    "RunError",
    "RunFolderError",
    "RunInterruptedError",
    "SecfppError",
    "reason",
]


class SecfppError(Exception):
    """Base of all errors that `secfpp` raises on purpose."""

    exit_code: ClassVar[int] = 1


class ConfigError(SecfppError):
    """A setting is unknown, out of range, or contradicts another."""

    exit_code = 2


class DataError(SecfppError):
    """A folder, an image or a partition cannot be used."""

    exit_code = 2


class ModelError(SecfppError):
    """A model cannot be found, loaded or prompted."""

    exit_code = 2


class RunError(SecfppError):
    """A run failed after it had started."""


class RunFolderError(RunError):
    """A run folder is missing, foreign or damaged."""


class OutputError(SecfppError):
    """A result cannot be shown or saved."""


class RunInterruptedError(SecfppError):
    """The user stopped the run; finished rounds are saved."""

    exit_code = 130


def reason(error: BaseException) -> str:
    """Return the text of a library's error for one line of a message.

    An OSError gives its description without its number. Other errors give their first line. A bare
    key or index, and an error without text, get a description.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    first = lines[0].strip() if lines else ""
    named = f"{type(error).__name__} {first}".strip()
    if isinstance(error, LookupError):
        return f"something that it should hold is missing ({named})"
    return first if any(map(str.isalpha, first)) else f"its content makes no sense ({named})"
