"""The two ways in which the runs of a comparison differ besides seeds and budgets.

A *mix* is a named partition of the images, in which every method is run. A *variant* is a method
with settings of its own, which has rows beside those of the method.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final

from secfpp.config.tree import JsonValue, from_json, to_json
from secfpp.config.workload import WorkloadConfig
from secfpp.errors import ConfigError
from secfpp.experiment.config import RunConfig
from secfpp.methods.registry import METHODS, MethodName

__all__ = ["OF_EACH_CELL", "Mix", "Variant", "patched", "slug"]

OF_EACH_CELL: Final = ("methods", "seeds", "first_seed", "out", "resume")
"""Settings of a run that each cell has of its own."""
_COMMON: Final = (
    *(field.name for field in fields(WorkloadConfig)),
    "training.num_context",
    "partition.score_on",
    "privacy.epsilon",
)
"""Settings that all cells share: workers load data and model once."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_MOST_LETTERS: Final = 40


@dataclass(frozen=True, kw_only=True)
class Mix:
    """A named partition of the images among clients."""

    name: str
    """In tables, and in the names of folders."""
    settings: Mapping[str, JsonValue] = field(default_factory=dict)
    """Settings that differ from the comparison's `base`, in the form of a run's config.json."""
    tuned: Mapping[str, Mapping[str, JsonValue]] = field(default_factory=dict)
    """Settings of single methods in this mix, by the method's name, in the same form."""

    def __post_init__(self) -> None:
        """Refuse a name that cannot name a folder."""
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"grid: {self.name!r} but a mix is named by up to 60 letters, digits, dots, "
                "hyphens and underscores, a letter or digit first; change its name"
            )
        for name in self.tuned:
            if name not in METHODS:
                raise ConfigError(
                    f"mix {self.name!r} tunes {name!r}, which is no method; rename it"
                )


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A method with settings of its own."""

    method: MethodName
    label: str
    """What is different, for tables: `P_L 0.003`."""
    settings: Mapping[str, JsonValue] = field(default_factory=dict)
    """Settings that differ from those of the mix, in the form of a run's config.json."""
    front: str = ""
    """Name of the strength that is varied. Variants of one method and front are joined by a line
    in pictures, in the order of the settings."""

    def __post_init__(self) -> None:
        """Refuse a label that is empty or too long for a table."""
        if not slug(self.label) or len(self.label) > _MOST_LETTERS:
            raise ConfigError(
                f"variants: {self.label!r} but a label has a letter or a digit and at most "
                f"{_MOST_LETTERS} characters; change it"
            )


def slug(label: str) -> str:
    """Return a label as it stands in the name of a folder."""
    return re.sub(r"[^a-z0-9.]+", "-", label.lower()).strip("-.")


def patched(base: RunConfig, patch: Mapping[str, JsonValue], *, owner: str) -> RunConfig:
    """Return settings with some of them replaced.

    Parameters
    ----------
    base : RunConfig
    patch : mapping
        A part of a run's config.json.
    owner : str
        Whose settings these are, for messages.

    Raises
    ------
    ConfigError
        If a setting is unknown, out of range, or must be the same in all cells.
    """
    if own := sorted(set(OF_EACH_CELL) & set(patch)):
        raise ConfigError(f"{owner} sets {own[0]}, which each run has of its own; drop it")
    old = to_json(base)
    if not isinstance(old, dict):
        raise TypeError("settings do not make a JSON object")
    try:
        found = from_json(RunConfig, _merged(old, patch))
    except ConfigError as error:
        raise ConfigError(f"{owner}: {error}") from error
    new = to_json(found)
    for name in _COMMON:
        if _leaf(new, name) != _leaf(old, name):
            raise ConfigError(
                f"{owner} sets {name}, which must be the same in the whole comparison; set it in "
                "base, or start another comparison"
            )
    return found


def _merged(old: Mapping[str, JsonValue], patch: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return `old` with the leaves of `patch`."""
    found = dict(old)
    for name, value in patch.items():
        before = found.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            found[name] = _merged(before, value)
        else:
            found[name] = value
    return found


def _leaf(value: JsonValue, name: str) -> JsonValue:
    """Return a setting by its dotted name."""
    for key in name.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
