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

HOW_TO_READ = (
    "value > chance: the whole 95 % interval is above that of chance; value ~ chance: they meet. "
    "Intervals are in attacks.json."
)


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
    """Return one table for each attack, and how to read it."""
    tables: list[RenderableType] = []
    for attack in record.attacks:
        rows = [row for row in record.rows if row.attack == attack]
        if rows:
            tables += [_table(TITLES[attack], rows), ""]
    return (*tables, HOW_TO_READ)


def _table(title: str, rows: Sequence[AttackRow]) -> RenderableType:
    """Return a table with a line for each setting and a column for each measure."""
    measures = list(dict.fromkeys(row.measure for row in rows))
    drawn = table(title, "method", "what is seen", *measures)
    drawn.columns[1].justify = "left"
    for column in drawn.columns[2:]:
        column.no_wrap = True
    lines: dict[tuple[str, ...], dict[str, AttackRow]] = {}
    for row in rows:
        method = f"{row.title}, {row.variant}" if row.variant else row.title
        lines.setdefault((method, _seen(row)), {})[row.measure] = row
    for names, found in lines.items():
        drawn.add_row(*names, *(_cell(found.get(measure)) for measure in measures))
    return drawn


def _seen(row: AttackRow) -> str:
    """Say what the attacker sees, and how he attacks where there are several ways."""
    words = [row.setting]
    if row.epsilon is not None:
        words.append(f"epsilon {row.epsilon:g}")
    if row.attack != "stealing":
        words.append(row.technique)
    if row.kind == "positive control":
        words.append("control")
    return ", ".join(words)


def _cell(row: AttackRow | None) -> str:
    """Return a value, whether it is above chance, and the level of chance."""
    if row is None:
        return NOTHING
    sign = ">" if row.above_chance else "~" if row.within_chance else "<"
    return f"{decimal(row.value)} {sign} {decimal(row.chance)}"
