"""One case of the fuzz test: words and files for the command, and what must hold of its answer."""

from __future__ import annotations

import hashlib
import os
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import pytest

from secfpp.cli import main
from tests.fuzz.odd_files import release

SEED: Final = os.environ.get("SECFPP_FUZZ_SEED", "0")
SECONDS: Final = float(os.environ.get("SECFPP_FUZZ_SECONDS", "4"))
"""Of processor time, over all families of cases together."""
LONGEST_S: Final = 30.0
"""Of processor time for one case: all inputs are small."""
STATUSES: Final = frozenset({0, 1, 2, 3})
"""What a user's input may lead to, see `secfpp.cli.entry`."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is asked of the command."""

    words: tuple[str | Path, ...]
    blamed: tuple[str, ...]
    """A message must have one of these: names of files, of options, of what a file should hold."""
    kept: tuple[Path, ...] = ()
    """Files and folders that must not be altered."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the command said."""

    status: int
    stdout: str
    stderr: str


Maker = Callable[[Random, Path], Case]
"""Makes a case, with its files in a folder."""


def randomness(family: str, number: int) -> Random:
    """Return what case `number` is drawn from, whatever was run before it."""
    return Random(f"{SEED} {family} {number}")


def answer_of(case: Case, capfd: pytest.CaptureFixture[bytes]) -> Answer:
    """Run the command in this process, with nothing of it replaced."""
    capfd.readouterr()
    try:
        status = main([str(word) for word in case.words])
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1
    streams = capfd.readouterr()
    return Answer(status=status, stdout=_text(streams.out), stderr=_text(streams.err))


def _text(written: bytes) -> str:
    return written.decode("utf-8", "surrogateescape")


def faults_of(case: Case, answer: Answer) -> list[str]:
    """Return what is wrong with an answer, in words; empty when nothing is."""
    said = answer.stdout + answer.stderr
    last = answer.stderr.rstrip("\n").rpartition("\n")[2]
    faults = []
    if answer.status not in STATUSES:
        faults.append(f"exit status {answer.status}")
    if "Traceback" in said or "internal error" in said:
        faults.append("a traceback or an internal error is shown")
    if answer.status not in (0, *([1] if "failed: " in answer.stdout else [])):
        if not last.startswith("secfpp: "):
            faults.append("the last line on standard error is no message")
        if not any(name in last for name in case.blamed):
            faults.append(f"the message names none of {', '.join(case.blamed)}")
    return faults


def check(
    family: str, number: int, make: Maker, folder: Path, capfd: pytest.CaptureFixture[bytes]
) -> None:
    """Make a case, run it, and fail with how to see it again if its answer is not as it must be."""
    folder.mkdir()
    case = make(randomness(family, number), folder)
    before = digest(case.kept)
    started = time.process_time()
    try:
        answer = answer_of(case, capfd)
    except BaseException as error:
        error.add_note(how_to_repeat(family, number, case))
        raise
    finally:
        release(folder)
    faults = faults_of(case, answer)
    if time.process_time() - started > LONGEST_S:
        faults.append(f"it took {time.process_time() - started:.0f} s")
    if digest(case.kept) != before:
        faults.append("an input was altered")
    if faults:
        shown = f"{answer.stdout[-1000:]}{answer.stderr[-2000:]}"
        said = f"{'; '.join(faults)}\n{shown}\n{how_to_repeat(family, number, case)}"
        pytest.fail(said.encode("utf-8", "backslashreplace").decode())


def how_to_repeat(family: str, number: int, case: Case) -> str:
    """Return the command with its files, and how to run this case alone."""
    words = shlex.join(str(word) for word in case.words)
    return (
        f"case {number} of {family}, seed {SEED}; its files are kept: secfpp {words}\n"
        f"again: SECFPP_FUZZ_SEED={shlex.quote(SEED)} SECFPP_FUZZ_CASE={family}:{number} "
        "pytest tests/fuzz"
    )


def digest(places: tuple[Path, ...]) -> str:
    """Digest names, kinds and contents of files and folders, links not followed."""
    found = hashlib.sha256()
    for place in places:
        below = sorted(place.rglob("*")) if place.is_dir() and not place.is_symlink() else ()
        for path in (place, *below):
            found.update(repr((path, os.path.lexists(path) and path.lstat().st_mode)).encode())
            if path.is_file() and not path.is_symlink():
                found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()
