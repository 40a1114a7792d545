"""The section about attacks as frozen records; every number is formatted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from secfpp.report.attacks.figure import Place, attack_legend, attack_panels
from secfpp.report.attacks.records import Attacks
from secfpp.report.attacks.tables import NOT_SHOWN, AttackTable, attack_tables
from secfpp.report.run.clusters import LegendKey


@dataclass(frozen=True, kw_only=True)
class AttackSection:
    """Everything that the template prints."""

    note: str
    tables: tuple[AttackTable, ...]
    panels: tuple[Markup, ...]
    legend: tuple[LegendKey, ...]


def attack_section(found: Attacks | None, places: Sequence[Place]) -> AttackSection | None:
    """Return the section; None if nothing was attacked."""
    if found is None or not found.rows:
        return None
    seeds = ", ".join(map(str, found.seeds))
    note = f"{NOT_SHOWN} Seeds {seeds}."
    if any(row.attack == "membership" for row in found.rows):
        note += (
            f" Membership inference: {found.shadows} federations for each method and seed, each "
            "the target in turn."
        )
    if not found.complete:
        note += " Not finished: `secfpp attack` goes on where it was stopped."
    return AttackSection(
        note=note,
        tables=attack_tables(found),
        panels=attack_panels(found, places),
        legend=attack_legend(found, places),
    )
