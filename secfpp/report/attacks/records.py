"""Records of attacks for the report: frozen, read once, tolerant of absent values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from secfpp.attacks.names import ATTACKS_NAME
from secfpp.report.kit.fields import Fields
from secfpp.report.run.load import read_object


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One measure of one attack in one setting, with its level of chance."""

    attack: str
    method: str
    variant: str
    title: str
    setting: str
    attacker: str
    technique: str
    epsilon: float | None
    """Budget of what the attacker sees."""
    budget: float | None
    """Budget of the method."""
    is_control: bool
    shown: bool
    """Whether the method itself shows what the attacker sees."""
    measure: str
    value: float
    low: float
    high: float
    chance: float
    chance_low: float
    chance_high: float

    @property
    def above_chance(self) -> bool:
        """Whether the whole interval is above that of chance."""
        return self.low > self.chance_high

    @property
    def within_chance(self) -> bool:
        """Whether the interval meets that of chance."""
        return self.low <= self.chance_high and self.chance_low <= self.high


@dataclass(frozen=True, kw_only=True)
class Attacks:
    """The content of `attacks.json`."""

    complete: bool
    seeds: tuple[int, ...]
    shadows: int
    rows: tuple[Measured, ...]


def load_attacks(folder: Path) -> Attacks | None:
    """Read the attacks on a run or a comparison; None if there were none.

    Raises
    ------
    RunFolderError
        If the file is not JSON.
    """
    found = read_object(folder / ATTACKS_NAME)
    if not found:
        return None
    return Attacks(
        complete=found.flag("complete"),
        seeds=tuple(int(seed) for seed in found.numbers("seeds")),
        shadows=found.whole("shadows"),
        rows=tuple(row for entry in found.children("rows") if (row := _measured(entry))),
    )


def _measured(row: Fields) -> Measured | None:
    """Read one row; None if a number of it is not there."""
    names = ("value", "low", "high", "chance", "chance_low", "chance_high")
    numbers = {name: row.number(name) for name in names}
    known = {name: value for name, value in numbers.items() if value is not None}
    if len(known) < len(names):
        return None
    return Measured(
        attack=row.text("attack"),
        method=row.text("method"),
        variant=row.text("variant"),
        title=row.text("title"),
        setting=row.text("setting"),
        attacker=row.text("attacker"),
        technique=row.text("technique"),
        epsilon=row.number("epsilon"),
        budget=row.number("budget"),
        is_control=row.text("kind") == "positive control",
        shown=row.flag("shown"),
        measure=row.text("measure"),
        **known,
    )


def attack_records(found: Attacks | None) -> list[dict[str, object]]:
    """Return all rows for machines; none if nothing was attacked."""
    return [] if found is None else [asdict(row) for row in found.rows]
