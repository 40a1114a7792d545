"""A ledger file of one role: a line an event, each with the hash of the line before.

Whoever changes, removes or inserts a line breaks the chain, and `read_ledger` names the line. Lines
that are cut off at the end leave a chain that holds; `mpc.consent.compare` finds them in the
ledgers of other roles. A ledger holds public values only.
"""

import contextlib
import datetime as dt
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mpc.consent.spending import Spending
from mpc.errors import InputError, LedgerError
from mpc.whole_file import read_whole

Listener = Callable[[str, Mapping[str, object]], None]
"""Takes an event and its public values."""
_FIRST: Final = "0" * 64
"""Stands for the hash before the first line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One event in a role's ledger."""

    values: dict[str, Any]

    @property
    def event(self) -> str:
        """What happened, e.g. `agreed` or `opened`."""
        return str(self.values["event"])

    @property
    def job(self) -> tuple[str, int]:
        """Run and number of the job; the number is 0 for what belongs to no job."""
        return str(self.values.get("run", "")), int(self.values.get("job", 0))


@dataclass(frozen=True, slots=True)
class RoleLedger:
    """A ledger that was read, and whose chain holds."""

    path: Path
    role: str
    lines: tuple[Line, ...]

    def of(self, job: tuple[str, int], event: str) -> list[dict[str, Any]]:
        """Return the values of a job's events of one kind, in order."""
        return [line.values for line in self.lines if line.job == job and line.event == event]

    @property
    def jobs(self) -> list[tuple[str, int]]:
        """Jobs in the order of their first line."""
        return list(dict.fromkeys(line.job for line in self.lines if line.job[1]))


class Ledger:
    """Appends to a role's ledger file, or to none.

    Parameters
    ----------
    path : Path or None
        The file. It is made, or continued if its chain holds. None: events are not written.
    role : str
    listener : callable
        Is told of every event and its values.

    Raises
    ------
    InputError
        The file cannot be written, or another process writes it.
    LedgerError
        The chain of an existing file is broken, or it is another role's.
    """

    def __init__(
        self, path: Path | None, *, role: str, listener: Listener = lambda event, values: None
    ) -> None:
        self._role = role
        self._listener = listener
        self.spending = Spending()
        """What owners have spent, in this ledger's earlier runs too."""
        self._descriptor = -1
        self._count, self._last = 0, _FIRST
        if path is not None:
            self._open(path)

    def _open(self, path: Path) -> None:
        try:
            self._descriptor = os.open(
                path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640
            )
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            whole = read_whole(path, pipes=False)
            finished = whole[: whole.rfind(b"\n") + 1]
            lines = _chained(path, finished)
            for line in lines:
                self.spending.add_line(line)
            os.ftruncate(self._descriptor, len(finished))  # what was cut off by a sudden end
        except OSError as error:
            self.close()
            what = (
                "another process writes it"
                if isinstance(error, BlockingIOError)
                else error.strerror
            )
            raise InputError(f"cannot write the ledger {path}: {what}") from None
        except LedgerError:
            self.close()
            raise
        roles = {line["role"] for line in lines} - {self._role}
        if roles:
            self.close()
            raise LedgerError(f"{path} is the ledger of {', '.join(sorted(roles))}")
        if lines:
            self._count, self._last = len(lines), lines[-1]["hash"]
        if len(finished) < len(whole):
            self.write("mended", cut=len(whole) - len(finished))

    def write(self, event: str, **values: object) -> None:
        """Append an event with public values; it outlives this process, but see `sync`."""
        self.spending.add_line({"event": event, **values})
        self._listener(event, values)
        if self._descriptor < 0:
            return
        self._count += 1
        line = {
            "line": self._count,
            "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "role": self._role,
            "event": event,
            **values,
            "before": self._last,
        }
        self._last = line["hash"] = _hash_of(line)
        text = memoryview(json.dumps(line).encode() + b"\n")
        try:
            while text:
                text = text[os.write(self._descriptor, text) :]
        except OSError as error:
            raise LedgerError(f"{self._role} cannot write its ledger: {error.strerror}") from None

    def sync(self) -> None:
        """Wait until all events are on disk, where they outlive the machine's power, too."""
        if self._descriptor >= 0:
            os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1


def read_ledger(path: Path) -> RoleLedger:
    """Read a role's ledger, and check its chain.

    Raises
    ------
    InputError
        The file cannot be read.
    LedgerError
        A line was changed, removed or inserted, or the ledger is empty or of several roles.
    """
    try:
        whole = read_whole(path, pipes=False)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    lines = _chained(path, whole)
    roles = sorted({str(line["role"]) for line in lines})
    if len(roles) != 1:
        raise LedgerError(f"{path} is the ledger of {', '.join(roles) or 'nobody: it is empty'}")
    return RoleLedger(path=path, role=roles[0], lines=tuple(Line(line) for line in lines))


def _chained(path: Path, text: bytes) -> list[dict[str, Any]]:
    """Return all lines; raise `LedgerError` where the chain breaks."""
    lines, last = [], _FIRST
    for number, line in _parsed(path, text):
        what = ""
        if line["line"] != number:
            what = f"it calls itself line {line['line']!r}"
        elif line["before"] != last:
            what = "it does not follow the line before"
        elif line["hash"] != _hash_of({name: line[name] for name in line if name != "hash"}):
            what = "it was changed"
        if what:
            raise LedgerError(f"{path}, line {number}: {what}")
        last = line["hash"]
        lines.append(line)
    return lines


def _parsed(path: Path, text: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, raw in enumerate(text.removesuffix(b"\n").split(b"\n") if text else (), start=1):
        try:
            line = json.loads(raw)
            missing = {"line", "role", "event", "before", "hash"} - line.keys()
        except (ValueError, AttributeError, RecursionError):
            raise LedgerError(f"{path}, line {number}: it is no JSON object") from None
        if missing:
            raise LedgerError(f"{path}, line {number}: {', '.join(sorted(missing))} missing")
        yield number, line


def _hash_of(line: dict[str, Any]) -> str:
    text = json.dumps(line, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
