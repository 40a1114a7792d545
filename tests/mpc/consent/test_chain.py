"""Ledgers of one role: a later change shows, a sudden end loses nothing, nobody else may write."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mpc.consent.chain import Ledger, read_ledger
from mpc.errors import InputError, LedgerError

Lines = list[bytes]


def written(path: Path, count: int = 4) -> Path:
    ledger = Ledger(path, role="party:0")
    for number in range(1, count + 1):
        ledger.write("agreed", run="r", job=number, digest=f"{number:064x}")
    ledger.close()
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    ledger = read_ledger(written(tmp_path / "l.jsonl"))
    assert ledger.role == "party:0"
    assert ledger.jobs == [("r", number) for number in range(1, 5)]
    assert ledger.of(("r", 2), "agreed")[0]["digest"] == f"{2:064x}"
    assert ledger.of(("r", 2), "opened") == []


def test_a_ledger_goes_on_where_it_ended(tmp_path: Path) -> None:
    path = written(tmp_path / "l.jsonl")
    again = Ledger(path, role="party:0")
    again.write("done", run="r", job=4)
    again.close()
    assert [line.event for line in read_ledger(path).lines] == ["agreed"] * 4 + ["done"]


def test_a_line_that_was_cut_off_by_a_sudden_end_is_removed_and_noted(tmp_path: Path) -> None:
    path = written(tmp_path / "l.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(LedgerError, match="line 4"):
        read_ledger(path)
    Ledger(path, role="party:0").close()
    events = [line.event for line in read_ledger(path).lines]
    assert events == ["agreed"] * 3 + ["mended"]


def changed(lines: Lines) -> None:
    line = json.loads(lines[1])
    line["digest"] = "f" * 64
    lines[1] = json.dumps(line).encode()


def removed(lines: Lines) -> None:
    del lines[1]


def swapped(lines: Lines) -> None:
    lines[1], lines[2] = lines[2], lines[1]


def doubled(lines: Lines) -> None:
    lines.insert(1, lines[1])


def garbled(lines: Lines) -> None:
    lines[1] = b"nothing"


def bare(lines: Lines) -> None:
    lines[1] = b"{}"


def rehashed(lines: Lines) -> None:
    """Change a line and its own hash, but not the lines after it."""
    from mpc.consent.chain import _hash_of

    line = json.loads(lines[1])
    line["digest"] = "f" * 64
    del line["hash"]
    lines[1] = json.dumps(line | {"hash": _hash_of(line)}).encode()


CHANGES = {changed: 2, removed: 2, swapped: 2, doubled: 3, garbled: 2, bare: 2, rehashed: 3}
"""Ways to change the second line, and the line that then breaks the chain."""


@pytest.mark.parametrize(("change", "line"), CHANGES.items())
def test_a_later_change_shows(tmp_path: Path, change: Callable[[Lines], None], line: int) -> None:
    path = written(tmp_path / "l.jsonl")
    lines = path.read_bytes().splitlines()
    change(lines)
    path.write_bytes(b"\n".join(lines) + b"\n")
    for reading in (read_ledger, lambda path: Ledger(path, role="party:0")):
        with pytest.raises(LedgerError, match=rf"l\.jsonl, line {line}: "):
            reading(path)


def test_two_writers_at_once_are_refused(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "l.jsonl", role="party:0")
    second = "from pathlib import Path; from mpc.consent.chain import Ledger; import sys\n"
    second += "Ledger(Path(sys.argv[1]), role='party:0')"
    words = [sys.executable, "-c", second, str(tmp_path / "l.jsonl")]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "another process writes it" in ended.stderr
    first.close()


def test_the_ledger_of_another_role_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="is the ledger of party:0"):
        Ledger(written(tmp_path / "l.jsonl"), role="party:1")


def test_a_place_where_nothing_can_be_written_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none" / "l.jsonl", Path("/dev/null")):
        with pytest.raises(InputError, match="cannot write the ledger"):
            Ledger(path, role="party:0")


def test_an_empty_ledger_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / "l.jsonl").write_text("")
    with pytest.raises(LedgerError, match="empty"):
        read_ledger(tmp_path / "l.jsonl")
    with pytest.raises(InputError, match="cannot read"):
        read_ledger(tmp_path / "none.jsonl")
