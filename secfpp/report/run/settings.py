"""The resolved configuration and the versions, as foldable lists."""

from __future__ import annotations

from dataclasses import dataclass

from secfpp.report.kit.fields import Fields
from secfpp.report.run.headline import Fact


@dataclass(frozen=True, kw_only=True)
class SettingsGroup:
    """A foldable list of settings or versions."""

    title: str
    facts: tuple[Fact, ...]


def settings_groups(config: Fields, versions: Fields) -> tuple[SettingsGroup, ...]:
    """Return every leaf of both."""
    groups = {"Configuration": config, "Versions": versions}
    return tuple(
        SettingsGroup(
            title=title,
            facts=tuple(Fact(name=name, value=value) for name, value in fields.flattened()),
        )
        for title, fields in groups.items()
    )
