"""`secfpp ledger`: whether the ledgers of several roles are whole, and tell the same story."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from mpc.consent.spending import SPENT, Spending
from mpc.jobs.privacy import DEFAULT_DELTA
from secfpp.cli.outcome import Outcome
from secfpp.cli.tables import table
from secfpp.cli.verb import Verb
from secfpp.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from mpc.consent.chain import RoleLedger


@dataclass(frozen=True, kw_only=True)
class Verify(Verb):
    """Check each ledger's chain of hashes, and compare what the roles wrote down.

    Exits with 1 at the first line that was changed, or if roles contradict one another.
    """

    files: tyro.conf.Positional[tuple[Path, ...]]
    """Ledgers of roles of one deployment: parties, dealer, data owners."""

    def execute(self) -> Outcome:
        """Read all, then compare all."""
        from mpc.consent.chain import read_ledger
        from mpc.consent.compare import differences

        if not self.files:
            raise ConfigError("no ledger is named; try ledger-party-0.jsonl ledger-party-1.jsonl")
        ledgers = [read_ledger(path) for path in self.files]
        found = list(differences(ledgers))
        record = {
            "agree": not found,
            "roles": [ledger.role for ledger in ledgers],
            "jobs": len({job for ledger in ledgers for job in ledger.jobs}),
            "differences": found,
        }
        verdict = "All chains hold." if len(ledgers) == 1 else "All chains hold, and all agree."
        shown = (_table(ledgers), "", *(found or [verdict]))
        return Outcome(record=record, shown=shown, exit_code=1 if found else 0)


@dataclass(frozen=True, kw_only=True)
class Show(Verb):
    """Print one role's ledger, a line an event, after checking its chain of hashes."""

    file: tyro.conf.Positional[Path]
    """Ledger of a role."""

    def execute(self) -> Outcome:
        """Read and print."""
        from mpc.consent.chain import read_ledger

        ledger = read_ledger(self.file)
        drawn = table(f"Ledger of {ledger.role}", "line", "at", "job", "event", "what")
        for column in drawn.columns:
            column.justify = "left"
        for line in ledger.lines:
            given = line.values
            at, job = str(given.get("at", "")), str(given.get("job", ""))
            drawn.add_row(str(given["line"]), at, job, line.event, _details(given))
        spending = _spending_of(ledger)
        record: dict[str, object] = {
            "role": ledger.role,
            "lines": [line.values for line in ledger.lines],
            "spent": {
                name: {"jobs": spending.jobs[name], "rho": rho}
                for name, rho in spending.rho.items()
            },
        }
        spent = (_spent_table(spending),) if spending.rho else ()
        return Outcome(record=record, shown=(drawn, *spent))


@dataclass(frozen=True, kw_only=True)
class Ledger(Verb):
    """Print the ledger of a role, or check the ledgers of several roles of a deployment.

    `secfpp ledger show FILE` prints, `secfpp ledger verify FILE ...` compares; both take --json.
    """

    action: (
        Annotated[Verify, tyro.conf.subcommand("verify", prefix_name=False)]
        | Annotated[Show, tyro.conf.subcommand("show", prefix_name=False)]
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "json", self.json or self.action.json)  # before or after the verb

    def execute(self) -> Outcome:
        """Run the chosen action."""
        return self.action.execute()


def _details(line: dict[str, Any]) -> str:
    """Return an event's own values in a few words."""
    if line["event"] == "opened":
        return f"{line.get('what')} to {line.get('to')}: {line.get('why')}"
    if refusals := line.get("refusals"):
        return "; ".join(f"{each.get('role')}: {each.get('field')}" for each in refusals)
    if line["event"] == SPENT:
        return f"rho {line['rho']:.4g} of each of {len(line['owners'])} owners, {line['guarantee']}"
    known = ("why", "digest", "requests", "shape", "cut")
    return ", ".join(f"{name} {str(line[name])[:60]}" for name in known if name in line)


def _spending_of(ledger: RoleLedger) -> Spending:
    """Return what owners have spent by a ledger's lines."""
    spending = Spending()
    for line in ledger.lines:
        spending.add_line(line.values)
    return spending


def _spent_table(spending: Spending) -> RenderableType:
    drawn = table(
        "Spent of privacy budgets", "owner", "jobs", "rho", f"epsilon at delta {DEFAULT_DELTA:g}"
    )
    for name, rho in spending.rho.items():
        epsilon = spending.epsilon_with(name, 0.0, DEFAULT_DELTA)
        drawn.add_row(name, str(spending.jobs[name]), f"{rho:.4g}", f"{epsilon:.4g}")
    return drawn


def _table(ledgers: Sequence[RoleLedger]) -> RenderableType:
    drawn = table("Ledgers", "role", "lines", "jobs", "opened", "last hash")
    for ledger in ledgers:
        opened = sum(line.event == "opened" for line in ledger.lines)
        last = str(ledger.lines[-1].values["hash"])[:16]
        drawn.add_row(ledger.role, str(len(ledger.lines)), str(len(ledger.jobs)), str(opened), last)
    return drawn
