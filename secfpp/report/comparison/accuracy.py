"""The accuracy table: every method and budget, and the lead of the reference over each."""

from __future__ import annotations

from dataclasses import dataclass

from secfpp.comparison.paired import PairedTest
from secfpp.report.comparison.groups import TOLD_THE_TRUTH, grouped
from secfpp.report.comparison.records import MEASURES, PAIRED, Comparison, Line, epsilon_equals
from secfpp.report.kit.cells import Cell, percent_column
from secfpp.report.kit.differences import Difference, points, points_spread
from secfpp.report.kit.text import NO_BREAK, NOTHING, decimal, p_value, spread_of

SIGNIFICANT = 0.05


@dataclass(frozen=True, kw_only=True)
class AccuracyRow:
    """One method, at one budget if it is private."""

    title: str
    note: str
    """Budget, or number of finished seeds."""
    hero: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class AccuracyGroup:
    """Rows of one group."""

    title: str
    note: str
    rows: tuple[AccuracyRow, ...]


def accuracy_groups(found: Comparison) -> tuple[AccuracyGroup, ...]:
    """Return the table: accuracies with the best marked, differences, ARI."""
    groups = grouped(found.lines)
    lines = [line for group in groups for line in group.lines]
    outside = {i for i, line in enumerate(lines) if line.method in TOLD_THE_TRUTH}
    columns = {
        name: percent_column([line.estimate(name) for line in lines], outside=outside)
        for name in MEASURES
    }
    cells: dict[Line, tuple[Cell, ...]] = {}
    for index, line in enumerate(lines):
        leading = [
            cell
            for name in PAIRED
            for cell in (columns[name][index], difference_cell(found, line, name))
        ]
        others = [columns[name][index] for name in MEASURES if name not in PAIRED]
        cells[line] = (*leading, *others, _ari(line))
    return tuple(
        AccuracyGroup(
            title=group.title,
            note=group.note,
            rows=tuple(_row(found, line, cells[line]) for line in group.lines),
        )
        for group in groups
    )


def _row(found: Comparison, line: Line, cells: tuple[Cell, ...]) -> AccuracyRow:
    """Return one row."""
    notes = []
    if line.guarantee is not None:
        notes.append(epsilon_equals(line.guarantee.epsilon_target))
    if len(line.rows) < len(found.seeds):
        notes.append(f"{len(line.rows)} of {len(found.seeds)} seeds")
    return AccuracyRow(
        title=line.title,
        note=", ".join(notes),
        hero=line is found.reference,
        cells=cells,
    )


def difference_cell(found: Comparison, line: Line, name: str) -> Cell:
    """Return the lead of the reference, with standard error and p values."""
    reference = found.reference
    test = None if reference is None or line is reference else line.behind(reference, name)
    if test is None:
        return Cell(text=NOTHING, faint=True)
    gap = Difference(mean=test.mean, standard_error=test.standard_error)
    p_holm = found.p_holm.get((line, name))
    return Cell(
        text=points(gap),
        spread=points_spread(gap),
        note=_p_values(test, p_holm),
        faint=p_holm is not None and p_holm >= SIGNIFICANT,
    )


def _p_values(test: PairedTest, p_holm: float | None) -> str:
    """Return p of the t-test, of the sign-flip test and by Holm; empty with one seed."""
    found = [p_value(p) for p in (test.p_t, test.p_sign_flip, p_holm)]
    if set(found) == {NOTHING}:
        return ""
    return f"p{NO_BREAK}" + f"{NO_BREAK}/{NO_BREAK}".join(found)


def _ari(line: Line) -> Cell:
    """Return the agreement of the first clusters with the domains."""
    ari = line.estimate("ari_first")
    return Cell(text=decimal(ari.mean), spread=spread_of(ari.standard_error, 2))
