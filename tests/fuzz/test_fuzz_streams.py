"""Standard streams and locales of all kinds, in processes of their own: the same promise."""

from __future__ import annotations

import itertools
import os
import resource
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
import pytest

from tests.fuzz.command import SECONDS, SEED, STATUSES
from tests.fuzz.test_fuzz import ALONE, PATIENCE_S
from tests.patience import SOON_S

FAMILY: Final = "streams"
LEAST: Final = 3
STDIN: Final = ("", "<&-", "</dev/null", "<.", "<x.npy")
STDOUT: Final = (
    "",
    "",
    ">&-",
    ">/dev/full",
    "| head -c 1",
    ">x.npy.out",
    ">/dev/null",
    "<>/dev/null >&0",
)
STDERR: Final = ("", "", "2>&-", "2>/dev/full", "2>&1", "2>/dev/null")
LOCALES: Final[tuple[dict[str, str], ...]] = (
    {},
    {"LC_ALL": "C"},
    {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    {"LC_ALL": "C.UTF-8"},
    {"LC_ALL": "xx_YY.nowhere"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1:strict"},
    {"PYTHONIOENCODING": "utf-16"},
    {"PYTHONUTF8": "1", "COLUMNS": "1"},
    {"TERM": "dumb", "COLUMNS": "x", "PYTHONOPTIMIZE": "2"},
)
WORDS: Final = (
    ("cluster", "--plain", "--k", "2", "--input", "x.npy"),
    ("cluster", "--plain", "--k", "2", "--input", "x.npy", "--json"),
    ("cluster", "--plain", "--k", "2", "--input", "größe \x1b\udcff.npy"),
    ("cluster", "--plain", "--k", "1", "--input", "-"),
    ("report", "größe\udcff"),
    ("certs", "add", "größe\udcff", "client:1"),
    ("run", "--config", "größe"),
    ("--help",),
    ("cluster", "--k", "größe\udcff"),
    ("--version",),
)


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE_S)
def test_no_stream_or_locale_ends_in_an_internal_error(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[0.0, 1.0], [0.5, 1.0], [9.0, 9.0]]))
    content = (tmp_path / "x.npy").read_bytes()
    alone, _, asked = ALONE.partition(":")
    if ALONE and alone != FAMILY:
        return
    end = _seconds_of_children() + SECONDS / 2
    for number in [int(asked)] if ALONE else itertools.count():
        if not ALONE and number >= LEAST and _seconds_of_children() > end:
            return
        _check(number, tmp_path)
        assert (tmp_path / "x.npy").read_bytes() == content


def _check(number: int, folder: Path) -> None:
    random = Random(f"{SEED} {FAMILY} {number}")
    redirections = " ".join(random.choice(kinds) for kinds in (STDIN, STDERR, STDOUT))
    settings, words = random.choice(LOCALES), random.choice(WORDS)
    done = subprocess.run(
        ["bash", "-c", f'"$@" {redirections}; exit ${{PIPESTATUS[0]}}', "bash"]
        + [sys.executable, "-m", "secfpp.cli", *words],
        cwd=folder,
        env={**os.environ, "SHLVL": "0", **settings},
        capture_output=True,
        timeout=4 * SOON_S,
        check=False,
    )
    said = (done.stdout + done.stderr).replace(b"\0", b"")
    shown = f"{settings} secfpp {words!r} {redirections}: {done.returncode}, {said[-2000:]!r}"
    shown += f"; again: SECFPP_FUZZ_SEED={SEED} SECFPP_FUZZ_CASE={FAMILY}:{number}"
    assert done.returncode in STATUSES, shown
    for odd in (b"Traceback", b"internal error", b"Exception ignored"):
        assert odd not in said, shown


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
