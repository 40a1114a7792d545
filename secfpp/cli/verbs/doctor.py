"""`secfpp doctor`: check whether this machine is ready."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from secfpp.analysis.doctor import Check, Status, examine, healthy
from secfpp.cli.outcome import Outcome
from secfpp.cli.verb import Verb

STYLES: dict[Status, str] = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@dataclass(frozen=True, kw_only=True)
class Doctor(Verb):
    """Check Python, torch, CrypTen, ports, GPU, memory and disk; name a remedy for each failure.

    Exits with 1 when a check fails; warnings do not count as failures.
    """

    certs: Path | None = None
    """Check the credentials of every role in this folder, too, and when they expire."""

    def execute(self) -> Outcome:
        """Run all checks."""
        checks = examine(certs=self.certs)
        well = healthy(checks)
        record = {"healthy": well, "checks": [asdict(check) for check in checks]}
        verdict = "Ready." if well else "Not ready: see the lines marked fail."
        return Outcome(record=record, shown=(_table(checks), verdict), exit_code=0 if well else 1)


def _table(checks: tuple[Check, ...]) -> Table:
    """Draw the findings, one for each line."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for check in checks:
        advice = f"{check.detail} -> {check.remedy}" if check.remedy else check.detail
        table.add_row(Text(check.status, style=STYLES[check.status]), check.name, Text(advice))
    return table
