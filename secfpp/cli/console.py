"""The two streams of the command line: results on standard output, everything else on stderr."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress

from rich.console import Console

from secfpp.cli.outcome import Outcome

PLAIN_WIDTH = 120  # columns when standard output is a file or a pipe


def say(text: str) -> None:
    """Write one line to standard error; ignore a stream that cannot be written."""
    with suppress(OSError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


class _Console(Console):
    """A console that raises BrokenPipeError; rich's own ends the process with exit code 1."""

    def on_broken_pipe(self) -> None:
        """Raise instead of ending the process."""
        raise BrokenPipeError


def stdout_console() -> Console:
    """Return the console of results; wide and without colour when it is not a terminal."""
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return _Console(file=sys.stdout, width=width, highlight=False, markup=False)


def show(outcome: Outcome) -> None:
    """Write an outcome to standard output in the form for people."""
    console = stdout_console()
    for part in outcome.shown:
        console.print(part)


def json_line(record: Mapping[str, object]) -> str:
    """Return `record` as one line of strict JSON: arrays become lists, NaN becomes null."""
    return json.dumps(_plain(record), allow_nan=False)


def _plain(value: object) -> object:
    """Return `value` as JSON's own types."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    return str(value)


@contextmanager
def only_json_on_stdout() -> Iterator[int]:
    """Point file descriptor 1 at stderr, for this process and its children.

    Output of libraries and child processes then cannot mix with the one JSON object.

    Yields
    ------
    int
        A descriptor of the true standard output, for the object itself.
    """
    sys.stdout.flush()
    true_stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield true_stdout
    finally:
        sys.stdout.flush()
        os.dup2(true_stdout, 1)
        os.close(true_stdout)


def write_all(descriptor: int, text: str) -> None:
    """Write `text` in UTF-8 to a file descriptor, however many writes that takes."""
    left = memoryview(text.encode())
    while left:
        left = left[os.write(descriptor, left) :]
