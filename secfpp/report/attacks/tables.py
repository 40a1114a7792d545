"""Tables of attacks: a row for each setting, a column for each measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secfpp.report.attacks.records import Attacks, Measured
from secfpp.report.kit.text import NOTHING, decimal

TITLES = {
    "stealing": "Prompt stealing",
    "membership": "Membership inference",
    "labels": "Label inference",
}
HOW_TO_READ = (
    "value > chance: the whole 95 % interval is above that of chance; value ~ chance: the two "
    "meet; value < chance: it is below."
)
NOT_SHOWN = (
    "* what the method does not show: other policies, sizes of clusters or noise, a client's own "
    "prompt, controls."
)


@dataclass(frozen=True, kw_only=True)
class AttackCell:
    """One measure in one setting."""

    text: str
    chance: str
    above: bool
    sign: str
    interval: str
    """Both intervals in words."""


@dataclass(frozen=True, kw_only=True)
class AttackLine:
    """One setting."""

    method: str
    seen: str
    attacker: str
    is_control: bool
    cells: tuple[AttackCell, ...]


@dataclass(frozen=True, kw_only=True)
class AttackTable:
    """One attack."""

    title: str
    measures: tuple[str, ...]
    lines: tuple[AttackLine, ...]


def attack_tables(found: Attacks) -> tuple[AttackTable, ...]:
    """Return a table for each attack that was tried."""
    tables = []
    for attack, title in TITLES.items():
        rows = [row for row in found.rows if row.attack == attack]
        if rows:
            tables.append(_table(title, rows))
    return tuple(tables)


def _table(title: str, rows: Sequence[Measured]) -> AttackTable:
    """Return the table of one attack."""
    measures = tuple(dict.fromkeys(row.measure for row in rows))
    lines: dict[tuple[str, str], dict[str, Measured]] = {}
    for row in rows:
        lines.setdefault((_method(row), _seen(row)), {})[row.measure] = row
    return AttackTable(
        title=title,
        measures=measures,
        lines=tuple(
            AttackLine(
                method=method,
                seen=seen,
                attacker=next(iter(by_measure.values())).attacker,
                is_control=next(iter(by_measure.values())).is_control,
                cells=tuple(_cell(by_measure.get(measure)) for measure in measures),
            )
            for (method, seen), by_measure in lines.items()
        ),
    )


def _method(row: Measured) -> str:
    """Return the method's name for readers, with its variant, marked if it does not show this."""
    title = f"{row.title}, {row.variant}" if row.variant else row.title
    return title if row.shown else f"{title} *"


def _seen(row: Measured) -> str:
    """Say what the attacker sees, and how he attacks where there are several ways."""
    words = [row.setting]
    if row.epsilon is not None:
        words.append(f"epsilon {row.epsilon:g}")
    if row.attack != "stealing":
        words.append(row.technique)
    if row.is_control:
        words.append("control")
    return ", ".join(words)


def _cell(row: Measured | None) -> AttackCell:
    """Return one measure, whether it is above chance, and the level of chance."""
    if row is None:
        return AttackCell(text=NOTHING, chance="", above=False, sign="", interval="")
    places = [decimal(value) for value in (row.low, row.high, row.chance_low, row.chance_high)]
    return AttackCell(
        text=decimal(row.value),
        chance=decimal(row.chance),
        above=row.above_chance,
        sign=">" if row.above_chance else "~" if row.within_chance else "<",
        interval="{} to {}; chance {} to {}".format(*places),
    )
