"""accuracy.csv and costs.csv: the tables of the page with all digits; absent values are empty."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from secfpp.report.comparison.expenses import expenses
from secfpp.report.comparison.groups import grouped
from secfpp.report.comparison.records import COSTS, MEASURES, PAIRED, Comparison, Line

Record = Mapping[str, str | float | None]


def accuracy_records(found: Comparison) -> list[Record]:
    """Return the accuracy table of every mix: fractions, and the paired lead of the reference."""
    return [
        _accuracy_record(part, group.name, line)
        for part in map(found.of_mix, found.mixes)
        for group in grouped(part.lines)
        for line in group.lines
    ]


def _accuracy_record(found: Comparison, group: str, line: Line) -> Record:
    """Return one row."""
    record: dict[str, str | float | None] = {
        "mix": line.mix,
        "group": group,
        "method": line.method,
        "variant": line.variant,
        "title": line.title,
        "epsilon_target": line.rows[0].budget,
        "seeds": len(line.rows),
    }
    for name in (*MEASURES, "ari_first", "ari_last"):
        estimate = line.estimate(name)
        record |= {name: estimate.mean, f"{name}_se": estimate.standard_error}
    hero = found.reference
    for name in PAIRED:
        test = None if hero is None or line is hero else line.behind(hero, name)
        record |= {
            f"reference_ahead_{name}": None if test is None else test.mean,
            f"reference_ahead_{name}_se": None if test is None else test.standard_error,
            f"p_t_{name}": None if test is None else test.p_t,
            f"p_sign_flip_{name}": None if test is None else test.p_sign_flip,
            f"p_holm_{name}": found.p_holm.get((line, name)),
        }
    return record


def cost_records(found: Comparison) -> list[Record]:
    """Return the cost table of every mix: rounds, bytes, seconds; mean over seeds and budgets."""
    return [
        {
            "mix": mix,
            "method": expense.line.method,
            "variant": expense.line.variant,
            "title": expense.line.title,
            "rows": len(expense.line.rows),
            **{name: expense.line.mean(name) for name in COSTS},
        }
        for mix in found.mixes
        for expense in expenses(found.of_mix(mix))
    ]


def write_csv(path: Path, records: Sequence[Record]) -> None:
    """Write records as a table; an empty list makes an empty file."""
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        if records:
            writer = csv.DictWriter(file, list(records[0]))
            writer.writeheader()
            writer.writerows(records)
