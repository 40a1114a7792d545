"""Statements of privacy in full: unit, neighbours, sampling, trust and accounting."""

from __future__ import annotations

from dataclasses import dataclass

from secfpp.report.comparison.records import Comparison, Guarantee
from secfpp.report.kit.text import NOTHING, count
from secfpp.report.run.headline import Fact

_WORDS = ("name", "unit", "neighbours", "sampling", "trust")
_SHOWN = {"name": "guarantee"}
"""Words that are left out if they are empty, and what they are called."""


@dataclass(frozen=True, kw_only=True)
class BudgetRow:
    """One budget of a method, with its accounted epsilons."""

    cells: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One private method, over all its budgets."""

    title: str
    words: tuple[Fact, ...]
    rows: tuple[BudgetRow, ...]


def statements(found: Comparison) -> tuple[Statement, ...]:
    """Return the statement of each private method; budgets with other texts are separate."""
    groups: dict[tuple[str, ...], list[tuple[str, Guarantee]]] = {}
    for lines in found.private().values():
        for line in lines:
            if line.guarantee is not None:
                words = tuple(getattr(line.guarantee, name) for name in _WORDS)
                groups.setdefault((line.name, *words), []).append((line.title, line.guarantee))
    return tuple(
        Statement(
            title=budgets[0][0],
            words=tuple(
                Fact(name=_SHOWN.get(name, name), value=value or "not stated")
                for name, value in zip(_WORDS, words, strict=True)
                if value or name not in _SHOWN
            ),
            rows=tuple(BudgetRow(cells=_cells(guarantee)) for _, guarantee in budgets),
        )
        for (_, *words), budgets in groups.items()
    )


def _cells(guarantee: Guarantee) -> tuple[str, ...]:
    """Return target, epsilon by PLD, by RDP, by the paper's formula, delta and releases."""
    return (
        f"{guarantee.epsilon_target:g}",
        epsilon_in_words(guarantee.epsilon_pld),
        epsilon_in_words(guarantee.epsilon_rdp),
        epsilon_in_words(guarantee.epsilon_paper),
        NOTHING if guarantee.delta is None else f"{guarantee.delta:g}",
        count(guarantee.compositions),
    )


def epsilon_in_words(epsilon: float | None) -> str:
    """Return an epsilon with three digits."""
    if epsilon is None:
        return NOTHING
    return f"{epsilon:.0f}" if epsilon >= 100 else f"{epsilon:.3g}"
