"""The results of attacks as they are kept in `attacks.json`: a tidy table, one row a measure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from secfpp.attacks.intervals import Interval
from secfpp.attacks.names import AttackName
from secfpp.json_file import JsonValue

__all__ = [
    "AttackRecord",
    "AttackRow",
    "Kind",
    "Subject",
    "attack_row",
]

Kind = Literal["attack", "positive control"]
"""A positive control must succeed: it shows that the attack can find what is there."""
IntervalName = Literal["bootstrap over clients", "Clopper-Pearson"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What an attack is about."""

    attack: AttackName
    method: str
    """The method that the clients ran."""
    title: str
    """The same for readers."""
    setting: str
    """What the attacker sees."""
    attacker: str
    """Who sees it."""
    technique: str
    """How the attack works."""
    targets: int
    """Clients that were attacked, over all seeds."""
    kind: Kind = "attack"
    shown: bool = False
    """Whether the method itself shows it to the attacker; otherwise other settings would."""
    epsilon: float | None = None
    """Budget of differential privacy of what the attacker sees, if there is one."""
    budget: float | None = None
    """Budget of the method in its settings, whether what is seen is noised or not."""
    mix: str = ""
    """Mix of a comparison; empty without a grid."""
    variant: str = ""
    """Variant of a method in a comparison; empty for the method as the settings have it."""


@dataclass(frozen=True, kw_only=True)
class AttackRow(Subject):
    """One measure of one attack in one setting."""

    measure: str
    value: float
    low: float
    high: float
    chance: float
    """The same measure if what the attacker sees has nothing to do with the target."""
    chance_low: float
    chance_high: float
    interval: IntervalName
    """How `low` and `high` were found. The level of chance has the same kind, or is exact."""

    @property
    def above_chance(self) -> bool:
        """Whether the whole interval is above that of chance."""
        return self.low > self.chance_high

    @property
    def within_chance(self) -> bool:
        """Whether the interval meets that of chance."""
        return self.low <= self.chance_high and self.chance_low <= self.high


def attack_row(
    subject: Subject,
    measure: str,
    found: Interval,
    chance: Interval,
    interval: IntervalName = "bootstrap over clients",
) -> AttackRow:
    """Join an estimate and its level of chance to a row."""
    return AttackRow(
        **vars(subject),
        measure=measure,
        value=found.value,
        low=found.low,
        high=found.high,
        chance=chance.value,
        chance_low=chance.low,
        chance_high=chance.high,
        interval=interval,
    )


@dataclass(frozen=True, kw_only=True)
class AttackRecord:
    """The content of `attacks.json`."""

    seed: int
    """Of the attacks' own draws."""
    seeds: tuple[int, ...]
    """Seeds of the runs that were attacked."""
    shadows: int
    """Federations that were trained for membership inference, for each method and seed."""
    attacks: tuple[AttackName, ...]
    """Attacks that were asked for."""
    seconds: float
    complete: bool
    versions: Mapping[str, JsonValue] = field(default_factory=dict)
    done: tuple[str, ...] = ()
    """Names of what is finished."""
    rows: tuple[AttackRow, ...] = ()
