"""Errors are one line and a stable exit code; standard output carries results alone."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from mpc.errors import InputError, ProcessDiedError
from secfpp.cli import entry
from secfpp.cli.console import json_line
from secfpp.cli.outcome import Outcome
from secfpp.cli.verb import Verb
from secfpp.errors import ConfigError, RunFolderError, RunInterruptedError


@dataclass(frozen=True, kw_only=True)
class Noisy(Verb):
    """Prints where it should not, from Python and from a child process."""

    def execute(self) -> Outcome:
        sys.stdout.write("library chatter\n")
        subprocess.run(["echo", "child chatter"], check=True)
        return Outcome(record={"answer": np.int64(42)}, shown=("the answer is 42",))


@dataclass(frozen=True, kw_only=True)
class Failing(Verb):
    """Raises what it is given."""

    error: BaseException

    def execute(self) -> Outcome:
        raise self.error


def failing(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(entry, "parse", lambda words: Failing(error=error))
    return entry.main([])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("k=12"), 2),
        (InputError("NaN"), 2),
        (RunFolderError("damaged"), 1),
        (ProcessDiedError("party 1 died"), 3),
        (RunInterruptedError("stopped"), 130),
        (KeyboardInterrupt(), 130),
        (FileNotFoundError(2, "No such file", "x"), 1),
        (MemoryError("Unable to allocate 728 TiB"), 1),
        (ZeroDivisionError("oops"), 70),
    ],
)
def test_exit_codes(
    error: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert failing(error, monkeypatch) == code
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("secfpp: ")
    assert streams.err.count("\n") == 1


def test_many_lines_become_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(ConfigError("first\n  second"), monkeypatch)
    assert capsys.readouterr().err == "secfpp: first second\n"


def test_traceback_only_when_debugging(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(ConfigError("k=12"), monkeypatch)
    assert "Traceback" not in capsys.readouterr().err
    monkeypatch.setenv("SECFPP_DEBUG", "1")
    failing(ConfigError("k=12"), monkeypatch)
    assert "Traceback" in capsys.readouterr().err


def test_json_is_alone_on_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    assert entry.perform(Noisy(json=True)) == 0
    streams = capfd.readouterr()
    assert json.loads(streams.out) == {"answer": 42}
    assert "library chatter" in streams.err
    assert "child chatter" in streams.err


def test_people_get_the_other_face(capfd: pytest.CaptureFixture[str]) -> None:
    assert entry.perform(Noisy()) == 0
    assert "the answer is 42" in capfd.readouterr().out


def test_json_is_strict() -> None:
    record = {"nan": float("nan"), "array": np.arange(2), "path": os.devnull, "tuple": (1, 2)}
    assert json.loads(json_line(record)) == {
        "nan": None,
        "array": [0, 1],
        "path": os.devnull,
        "tuple": [1, 2],
    }


def test_a_reader_that_leaves_is_no_error() -> None:
    words = [sys.executable, "-m", "secfpp.cli", "doctor", "--help"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        complaint = process.stderr.read()
        code = process.wait(timeout=60)
    assert (code, complaint) == (0, b"")


def test_sigterm_unwinds(monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_signal(words: list[str]) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("the signal did not unwind")

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(entry, "parse", raise_signal)
    try:
        with pytest.raises(SystemExit) as stop:
            entry.main([])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert stop.value.code == 143
