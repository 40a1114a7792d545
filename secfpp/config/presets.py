"""Ready settings for published data sets, shipped with the package: `--config preset:NAME`.

A preset is a file in `secfpp/assets/presets`: settings as in config.json of a run folder, with the
paper that they follow and every departure from it.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from secfpp.config.tree import from_json, read_settings
from secfpp.errors import ConfigError
from secfpp.json_file import JsonValue

__all__ = ["PREFIX", "Preset", "load_preset", "preset_names", "read_start"]

PREFIX: Final = "preset:"
_SUFFIX: Final = ".json"


@dataclass(frozen=True, kw_only=True)
class _Story:
    """What a preset says about itself."""

    title: str
    pages: str
    after: str
    departures: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Ready settings for a published data set."""

    name: str
    title: str
    """Data set, classes, clients."""
    pages: str
    """Names of the official pages of the data. Nothing is downloaded."""
    after: str
    """The paper whose setting it follows."""
    departures: tuple[str, ...]
    """Where it departs from the paper, and why."""
    settings: JsonValue
    """A subset of the settings of a run."""


@cache
def preset_names() -> tuple[str, ...]:
    """Return the names of all presets, in alphabetical order."""
    found = (file.name for file in _folder().iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)))


def load_preset(name: str) -> Preset:
    """Read a preset.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    if name not in preset_names():
        raise ConfigError(f"there is no preset {name!r}; known are {', '.join(preset_names())}")
    with as_file(_folder() / f"{name}{_SUFFIX}") as path:
        value = read_settings(path)
    if not isinstance(value, dict):
        raise ConfigError(f"preset {name!r} is not an object; install the package again")
    story = from_json(_Story, {key: item for key, item in value.items() if key != "settings"})
    return Preset(
        name=name,
        title=story.title,
        pages=story.pages,
        after=story.after,
        departures=story.departures,
        settings=value.get("settings", {}),
    )


def read_start(place: Path) -> JsonValue:
    """Read the settings that `--config` names: those of a file, or of `preset:NAME`.

    Raises
    ------
    ConfigError
        If the preset is unknown, or the file cannot be read or is not JSON.
    """
    if str(place).startswith(PREFIX):
        return load_preset(str(place).removeprefix(PREFIX)).settings
    return read_settings(place)


def _folder() -> Traversable:
    return files("secfpp") / "assets" / "presets"
