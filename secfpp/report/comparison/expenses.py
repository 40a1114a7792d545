"""The cost table of a comparison: one row for each method and variant, over all its budgets."""

from __future__ import annotations

from dataclasses import dataclass

from secfpp.report.comparison.groups import grouped
from secfpp.report.comparison.records import COSTS, Comparison, Line
from secfpp.report.run.cost import CostRow, cost_cells
from secfpp.report.run.records import Costs


@dataclass(frozen=True, kw_only=True)
class Expense:
    """The cost of one method, mean over seeds and budgets of the sum over rounds."""

    line: Line
    """All its rows, for all budgets."""
    costs: Costs


def expenses(found: Comparison) -> tuple[Expense, ...]:
    """Return the cost of every method, in the order of the accuracy table."""
    rows: dict[str, list[Line]] = {}
    for group in grouped(found.lines):
        for line in group.lines:
            rows.setdefault(line.name, []).append(line)
    return tuple(
        _expense(Line(rows=tuple(row for line in lines for row in line.rows)))
        for lines in rows.values()
    )


def _expense(line: Line) -> Expense:
    """Average the costs of all rows."""
    means = {name: line.mean(name) for name in COSTS}
    return Expense(
        line=line,
        costs=Costs(
            rounds=means["secure_rounds"],
            bytes_client=means["bytes_client"],
            bytes_party=means["bytes_party"],
            seconds_train=means["seconds_train"],
            seconds_share=means["seconds_share"],
            seconds_online=means["seconds_online"],
            seconds_dealer=means["seconds_dealer"],
        ),
    )


def expense_rows(found: Comparison) -> tuple[CostRow, ...]:
    """Return the cost table."""
    hero = found.reference
    return tuple(
        CostRow(
            title=expense.line.title,
            hero=hero is not None and expense.line.name == hero.name,
            cells=cost_cells(expense.costs),
        )
        for expense in expenses(found)
    )


def timing_note(found: Comparison) -> str:
    """Explain seconds that were measured while several runs shared a machine."""
    jobs = found.config.number("jobs")
    if jobs == 1:
        return "One run at a time: seconds are those of a run alone on the machine."
    workers = "As many runs as there were processors" if jobs is None else f"Up to {jobs:.0f} runs"
    return (
        f"{workers} shared the machine: seconds include waiting for one another, and serve to "
        "compare methods here, not machines. Rounds and bytes are exact."
    )
