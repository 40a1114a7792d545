"""One number of a table in its printed form."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from secfpp.report.kit.text import percent, spread
from secfpp.report.run.records import SeedMean


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number of a result table."""

    text: str
    spread: str = ""
    best: bool = False
    note: str = ""
    """A third line, for p values."""
    faint: bool = False
    """Whether the number is not significant."""


def percent_column(estimates: Sequence[SeedMean], *, outside: Collection[int] = ()) -> list[Cell]:
    """Return one column of accuracies; all that print like the highest are marked.

    Parameters
    ----------
    estimates
        One for each row.
    outside
        Rows that are never marked.
    """
    best = percent(
        max(
            (e.mean for i, e in enumerate(estimates) if e.mean is not None and i not in outside),
            default=None,
        )
    )
    return [
        Cell(
            text=percent(estimate.mean),
            spread=spread(estimate.standard_error),
            best=estimate.mean is not None
            and index not in outside
            and percent(estimate.mean) == best,
        )
        for index, estimate in enumerate(estimates)
    ]
