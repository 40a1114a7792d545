"""Cases of `secfpp report`: the folder of a run or a comparison in which a file is damaged."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.fuzz.command import Case
from tests.fuzz.csv_texts import csv_text
from tests.fuzz.damage import damaged
from tests.fuzz.json_values import mutated
from tests.fuzz.odd_files import foreign, lasting_folder, put
from tests.report.fixture_compare import write_comparison_fixture
from tests.report.fixture_run import write_fixture


def runs(random: Random, folder: Path) -> Case:
    """Return a report about a run."""
    return _report(random, folder, _run_folder())


def comparisons(random: Random, folder: Path) -> Case:
    """Return a report about a comparison."""
    return _report(random, folder, _comparison_folder())


def _report(random: Random, folder: Path, good: Path) -> Case:
    named = folder / random.choice(["run", "run", "run", "größe", "r\udcff", "a b", "<b>"])
    shutil.copytree(good, named)
    files = sorted(path for path in named.rglob("*") if path.is_file())
    for _ in range(random.choice([1, 1, 2])):
        name = random.choice(sorted({path.name for path in files}))
        _spoil(random, random.choice([path for path in files if path.name == name]))
    out = random.choice([folder / "out"] * 9 + [random.choice(files) / "out"])
    words: tuple[str | Path, ...] = ("report", named, "--out", out)
    words += ("--json",) if random.random() < 0.3 else ()
    return Case(words=words, blamed=(str(folder),), kept=(named,))


def _spoil(random: Random, file: Path) -> None:
    """Put something else in the place of a record."""
    way = random.random()
    content = file.read_bytes() if file.is_file() else b"{}"
    if way < 0.05:
        put(random, file, content) if file.is_file() or file.is_symlink() else None
        return
    if way < 0.1:
        content = foreign(random)
    elif way < 0.25:
        content = damaged(random, content)
    elif file.suffix == ".csv":
        content = _other_cells(random, content)
    elif file.suffix == ".jsonl":
        content = _other_line(random, content)
    else:
        content = _mutated(random, content)
    if file.is_file():
        file.write_bytes(content)


def _mutated(random: Random, content: bytes) -> bytes:
    try:
        return mutated(random, json.loads(content))
    except ValueError:
        return content


def _other_line(random: Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    if lines:
        row = random.randrange(len(lines))
        lines[row] = _mutated(random, lines[row]) + b"\n"
    return b"".join(lines)


def _other_cells(random: Random, content: bytes) -> bytes:
    """Change a cell, a heading or the end of a table."""
    lines = content.decode("utf-8", "replace").splitlines()
    if not lines or random.random() < 0.2:
        return csv_text(random)
    row = random.choice([0, random.randrange(len(lines))])
    cells = lines[row].split(",")
    odd = ["", "nan", "inf", "-1", "1e400", "x", "\0", '"', "1,2", "\udcff", "9" * 400, "1.5"]
    cells[random.randrange(len(cells))] = random.choice(odd)
    lines[row] = ",".join(cells)
    return "\n".join(lines).encode("utf-8", "surrogateescape")


@functools.cache
def _run_folder() -> Path:
    """Return the folder of a small made-up run, made once."""
    folder = lasting_folder() / "run"
    return write_fixture(folder, seeds=(0, 1))


@functools.cache
def _comparison_folder() -> Path:
    """Return the folder of a small made-up comparison, made once."""
    folder = lasting_folder() / "comparison"
    return write_comparison_fixture(folder, seeds=(0, 1), epsilons=(1.0,))


MAKERS: dict[str, Callable[[Random, Path], Case]] = {"runs": runs, "comparisons": comparisons}
