"""`secfpp attack`: attacks on a finished run or comparison."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro
from rich.console import RenderableType

from secfpp.attacks.names import ATTACKS, AttackName
from secfpp.cli.outcome import Outcome
from secfpp.cli.tables import table
from secfpp.cli.verb import Verb

if TYPE_CHECKING:
    from secfpp.report.attacks.tables import AttackTable


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
        shown = (*_shown(self.folder), f"page: secfpp report {self.folder}")
        return Outcome(record={"folder": str(self.folder), "attacks": to_json(record)}, shown=shown)


def _shown(folder: Path) -> list[RenderableType]:
    """Return one table for each attack, and how to read it."""
    from secfpp.report.attacks.records import load_attacks
    from secfpp.report.attacks.tables import HOW_TO_READ, NOT_SHOWN, attack_tables

    found = load_attacks(folder)
    drawn: list[RenderableType] = []
    for each in attack_tables(found) if found else ():
        drawn += [_table(each), ""]
    return [*drawn, HOW_TO_READ, NOT_SHOWN, "Intervals are in attacks.json and on the page."]


def _table(found: AttackTable) -> RenderableType:
    """Return a table with a line for each setting and a column for each measure."""
    drawn = table(found.title, "method", "what is seen", *found.measures)
    drawn.columns[1].justify = "left"
    for column in drawn.columns[2:]:
        column.no_wrap = True
    for line in found.lines:
        cells = (f"{cell.text} {cell.sign} {cell.chance}".rstrip() for cell in line.cells)
        drawn.add_row(line.method, line.seen, *cells)
    return drawn
