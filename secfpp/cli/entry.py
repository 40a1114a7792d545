"""The program: parse, perform, print. A failure is one line and a stable exit code.

| code | meaning |
|---|---|
| 0 | done, also if the reader of standard output closes it early |
| 1 | a run failed, `doctor` found a failure, or `audit` refuted a claim |
| 2 | wrong flags, files, shapes or values; nothing was shared |
| 3 | the secure part failed: a party or the dealer died, a link broke |
| 70 | an error in this program |
| 130, 143 | stopped by Ctrl-C, by SIGTERM; finished work is saved |
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from mpc.errors import MpcError
from secfpp.cli.console import json_line, only_json_on_stdout, say, show, write_all
from secfpp.cli.parse import parse
from secfpp.cli.streams import leave_stdout, prepare_streams
from secfpp.cli.verb import Verb
from secfpp.errors import OutputError, SecfppError

EXIT_FAILED = 1
EXIT_FAULT = 70
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143
DEBUG_VARIABLE = "SECFPP_DEBUG"


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    words
        Command-line words after the program's name; those of the process by default.

    Returns
    -------
    int
        One of the codes in this module's table, or the exit code of the error raised.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _end_in_order)
    try:
        prepare_streams()
        return perform(_parse(sys.argv[1:] if words is None else words))
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get(DEBUG_VARIABLE):
            traceback.print_exc()
        return explain(error)


def perform(verb: Verb) -> int:
    """Execute a verb and print its outcome in the form that is asked for."""
    if not verb.json:
        outcome = verb.execute()
        with _reader_may_leave(buffered=True):
            show(outcome)
        return outcome.exit_code
    with only_json_on_stdout() as stdout:
        outcome = verb.execute()
        with _reader_may_leave(buffered=False):
            write_all(stdout, json_line(outcome.record) + "\n")
    return outcome.exit_code


def _parse(words: Sequence[str]) -> Verb:
    """Parse; `--help` and `--version` are printed there, and their reader may close the stream."""
    try:
        return parse(words)
    except BrokenPipeError:
        leave_stdout()
        raise SystemExit(0) from None
    except SystemExit:
        with _reader_may_leave(buffered=True):
            sys.stdout.flush()
        raise


@contextmanager
def _reader_may_leave(*, buffered: bool) -> Iterator[None]:
    """Ignore a reader of standard output that closes it early, as `head` does.

    Raises
    ------
    OutputError
        Standard output cannot be written for another reason, such as a full disk.
    """
    try:
        yield
    except OSError as error:
        if buffered:  # the rest would fail again when the interpreter ends
            leave_stdout()
        if isinstance(error, BrokenPipeError):
            return
        raise OutputError(
            f"standard output cannot be written: {error.strerror}; the work is done, its result "
            "was not shown"
        ) from error


def explain(error: BaseException) -> int:
    """Print an error in one line and return its exit code."""
    if isinstance(error, KeyboardInterrupt):
        say("secfpp: interrupted")
        return EXIT_INTERRUPTED
    if isinstance(error, SecfppError | MpcError):
        say(f"secfpp: {_one_line(error)}")
        return error.exit_code
    if isinstance(error, MemoryError):
        say(f"secfpp: out of memory: {_one_line(error)}; use less data, or a larger machine")
        return EXIT_FAILED
    if isinstance(error, OSError):
        say(f"secfpp: {_one_line(error)}")
        return EXIT_FAILED
    kind = type(error).__name__
    say(f"secfpp: internal error: {kind}: {_one_line(error)} ({DEBUG_VARIABLE}=1 shows where)")
    return EXIT_FAULT


def _one_line(error: BaseException) -> str:
    """Return an error's message on one line, with control characters escaped."""
    words = " ".join(str(error).split()) or type(error).__name__
    return "".join(c if unicodedata.category(c) != "Cc" else repr(c)[1:-1] for c in words)


def _end_in_order(signum: int, frame: FrameType | None) -> None:
    """Unwind on SIGTERM, so that parties and dealer end too."""
    say("secfpp: ended by SIGTERM")
    raise SystemExit(EXIT_TERMINATED)
