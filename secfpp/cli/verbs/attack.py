"""`secfpp attack`: attacks on a finished run or comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro
from rich.console import RenderableType

from secfpp.attacks.names import ATTACKS, AttackName
from secfpp.cli.outcome import Outcome
from secfpp.cli.tables import table
from secfpp.cli.verb import Verb
from secfpp.report.kit.text import NOTHING, decimal

if TYPE_CHECKING:
    from secfpp.attacks.results import AttackRecord, AttackRow

TITLES = {
    "stealing": "Prompt stealing",
    "membership": "Membership inference",
    "labels": "Label inference",
}


@dataclass(frozen=True, kw_only=True)
class Attack(Verb):
    """Attack a finished run or comparison: steal prompts, find members, infer labels.

    Prints what every attacker gets beside chance, and writes attacks.json into the folder, which
    `secfpp report` shows. A stopped command goes on where it was. Of a grid, the first mix is
    attacked.
    """

    folder: tyro.conf.Positional[Path]
    """Folder of a run or a comparison."""
    attacks: tuple[AttackName, ...] = ATTACKS
    """Attacks to try."""
    shadows: int = 8
    """Federations that membership inference trains for each method and seed, at least 4. Each is
    the target in turn, and the others are the attacker's shadows."""
    seed: int = 0
    """Of the attacks' own draws: halves of images, known clients, bootstrap."""

    def execute(self) -> Outcome:
        """Attack every method of the folder."""
        from secfpp.attacks.suite import AttackSettings, run_attacks
        from secfpp.config.tree import to_json
        from secfpp.experiment.progress import counting

        settings = AttackSettings(attacks=self.attacks, shadows=self.shadows, seed=self.seed)
        with counting("attacks") as watch:
            record = run_attacks(self.folder, settings, watch)
        shown = (*_tables(record), f"page: secfpp report {self.folder}")
        return Outcome(record={"folder": str(self.folder), "attacks": to_json(record)}, shown=shown)


def _tables(record: AttackRecord) -> tuple[RenderableType, ...]:
    """Return one table for each attack."""
    tables: list[RenderableType] = []
    for attack in record.attacks:
        rows = [row for row in record.rows if row.attack == attack]
        if rows:
            tables += [_table(TITLES[attack], rows), ""]
    return tuple(tables)


def _table(title: str, rows: Sequence[AttackRow]) -> RenderableType:
    """Return a table with a line for each setting and measure."""
    drawn = table(title, "method", "what is seen", "epsilon", "measure", "value", "chance", "")
    for row in rows:
        drawn.add_row(
            f"{row.title}{', ' + row.variant if row.variant else ''}",
            f"{row.setting} ({row.technique or 'as it is'})",
            NOTHING if row.epsilon is None else f"{row.epsilon:g}",
            row.measure,
            f"{decimal(row.value)} ({decimal(row.low)} to {decimal(row.high)})",
            f"{decimal(row.chance)} ({decimal(row.chance_low)} to {decimal(row.chance_high)})",
            _verdict(row),
        )
    return drawn


def _verdict(row: AttackRow) -> str:
    """Say whether the attack is above chance; a control is named."""
    found = "above" if row.above_chance else "chance" if row.within_chance else "below"
    return f"{found}, control" if row.kind == "positive control" else found
