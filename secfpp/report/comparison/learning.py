"""Disclosures: the card of each method, and the ledger of the secure ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secfpp.methods.registry import METHODS
from secfpp.report.comparison.groups import grouped
from secfpp.report.comparison.records import Comparison, Line
from secfpp.report.run.disclosures import Disclosure, disclosures
from secfpp.report.run.records import Reveal


@dataclass(frozen=True, kw_only=True)
class CardRow:
    """The card of one method."""

    title: str
    sends: str
    gets: str
    privacy: str
    hero: bool


@dataclass(frozen=True, kw_only=True)
class MethodLedger:
    """Openings of one method, counted over all its runs."""

    method: str
    lines: tuple[Disclosure, ...]


def ledgers(reveals: Sequence[Reveal]) -> tuple[MethodLedger, ...]:
    """Return the openings of each method."""
    methods = dict.fromkeys(reveal.method for reveal in reveals)
    return tuple(
        MethodLedger(
            method=method,
            lines=disclosures([reveal for reveal in reveals if reveal.method == method]),
        )
        for method in methods
    )


def card_rows(found: Comparison) -> tuple[CardRow, ...]:
    """Return the card of every method of the table that this version knows, by groups."""
    cards = {str(name): method.card for name, method in METHODS.items()}
    firsts: dict[str, Line] = {}
    for group in grouped(found.lines):
        for line in group.lines:
            firsts.setdefault(line.method, line)
    return tuple(
        CardRow(
            title=line.rows[0].title,
            sends=cards[method].sends,
            gets=cards[method].gets,
            privacy=cards[method].privacy,
            hero=line is found.reference,
        )
        for method, line in firsts.items()
        if method in cards
    )
