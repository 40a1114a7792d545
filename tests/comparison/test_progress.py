"""A terminal sees workers, rounds and the time left; a pipe sees plain lines."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from secfpp.comparison.cells import Cell, list_cells
from secfpp.comparison.folder import CompareFolder
from secfpp.comparison.forecast import Forecast
from secfpp.comparison.messages import Report, decode, encode
from secfpp.comparison.pool import Failure
from secfpp.comparison.progress import CompareProgress, clock
from secfpp.comparison.run import _Reports
from secfpp.comparison.table import Row
from tests.comparison.toy import ROUNDS, settings


def report(cell: str) -> Report:
    return Report(
        kind="round", cell=cell, method="promptfl", seconds=100.0, own_mix=0.7264, uniform=0.65
    )


def drawn(*, terminal: bool, to_the_end: bool) -> str:
    """Return what an observed comparison of two cells writes."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=120)
    cells = list_cells(settings("promptfl"))
    progress = CompareProgress(
        Forecast(cells, {}), num_cells=2, cells_done=0, jobs=2, console=console
    )
    with progress:
        for worker, cell in enumerate(cells, start=1):
            progress.cell_started(worker, cell)
            progress.round_done(worker, report(cell.name))
        progress.tick()
        if to_the_end:
            progress.cell_done(1, cells[0])
            progress.cell_failed(2, Failure(cell="seed6", error="no [room] left", exit_code=1))
    return stream.getvalue()


def test_terminal_sees_workers_rounds_and_time_left() -> None:
    seen = drawn(terminal=True, to_the_end=False)
    assert "worker 1: seed5 promptfl: own mix 72.6 uniform 65.0" in seen
    assert f"2/{2 * ROUNDS}" in seen
    assert "left 0:03:20" in seen, "two rounds in each of two workers, 100 s each"
    assert "secfpp: seed6 failed: no [room] left" in drawn(terminal=True, to_the_end=True)


def test_pipe_sees_plain_lines() -> None:
    lines = drawn(terminal=False, to_the_end=True).splitlines()
    assert lines[0] == "secfpp: 2 cells, 0 done before; 2 workers"
    assert lines[1].startswith("secfpp: seed5 done; 1 of 2 cells, 4 of 6 rounds; 0:00:0")
    assert lines[1].endswith("about 0:03:20 left")
    assert lines[2] == "secfpp: seed6 failed: no [room] left"
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "-:--:--"), (0.4, "0:00:00"), (59.6, "0:01:00"), (3661, "1:01:01")],
)
def test_clock(seconds: float | None, shown: str) -> None:
    assert clock(seconds) == shown


def test_messages_survive_the_pipe() -> None:
    assert decode(Report, encode(report("seed5"))) == report("seed5")


def test_the_table_takes_a_small_part_of_the_time_however_many_cells_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing it reads every finished cell, which grows with the comparison."""
    config = settings("zero-shot", seeds=200)
    cells = list_cells(config)
    clock_s = [0.0]
    monkeypatch.setattr("secfpp.comparison.run.time.monotonic", lambda: clock_s[0])
    reports = _Reports(
        CompareFolder.create(config, tmp_path / "c"), cells, 1, Console(file=io.StringIO())
    )
    spent_s: list[float] = []

    def slow(folder: CompareFolder, cells: Sequence[Cell]) -> list[Row]:
        spent_s.append(0.1 * len(spent_s))
        clock_s[0] += spent_s[-1]
        return []

    monkeypatch.setattr("secfpp.comparison.run.read_rows", slow)
    for cell in cells:
        clock_s[0] += 1.0
        reports.cell_done(1, cell)
    assert 5 < len(spent_s) < 100
    assert sum(spent_s) < 0.06 * clock_s[0]
