"""The program: parse, perform, print; every failure is one line and a stable exit code.

| code | meaning |
|---|---|
| 0 | done |
| 1 | a run failed, or `doctor` found a failure |
| 2 | wrong flags, files, shapes or values; nothing was shared |
| 3 | the secure part failed: a party or the dealer died, a link broke |
| 70 | a fault of this program |
| 130, 143 | stopped by Ctrl-C, by SIGTERM; what was done is saved |
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from types import FrameType

from mpc.errors import MpcError
from secfpp.cli.console import json_line, only_json_on_stdout, say, show, write_all
from secfpp.cli.parse import parse
from secfpp.cli.verb import Verb
from secfpp.errors import SecfppError

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
        return perform(parse(sys.argv[1:] if words is None else words))
    except BrokenPipeError:
        return _reader_left()
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get(DEBUG_VARIABLE):
            traceback.print_exc()
        return explain(error)


def perform(verb: Verb) -> int:
    """Execute a verb and print its outcome on the stream and in the form asked for."""
    if not verb.json:
        outcome = verb.execute()
        show(outcome)
        return outcome.exit_code
    with only_json_on_stdout() as stdout:
        outcome = verb.execute()
        write_all(stdout, json_line(outcome.record) + "\n")
    return outcome.exit_code


def explain(error: BaseException) -> int:
    """Say in one line what went wrong and return the exit code it stands for."""
    if isinstance(error, KeyboardInterrupt):
        say("secfpp: interrupted")
        return EXIT_INTERRUPTED
    if isinstance(error, SecfppError | MpcError):
        say(f"secfpp: {_one_line(error)}")
        return error.exit_code
    if isinstance(error, OSError):
        say(f"secfpp: {_one_line(error)}")
        return EXIT_FAILED
    kind = type(error).__name__
    say(f"secfpp: internal error: {kind}: {_one_line(error)} ({DEBUG_VARIABLE}=1 shows where)")
    return EXIT_FAULT


def _one_line(error: BaseException) -> str:
    """Return an error's message on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _end_in_order(signum: int, frame: FrameType | None) -> None:
    """Unwind on SIGTERM, so that parties and dealer are ended too."""
    say("secfpp: ended by SIGTERM")
    raise SystemExit(EXIT_TERMINATED)


def _reader_left() -> int:
    """Keep quiet when standard output was closed early, as by `head`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE
