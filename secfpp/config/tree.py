"""Convert settings to JSON and back; unknown keys and wrong types are refused.

Any tree of dataclasses works whose fields are numbers, strings, booleans, paths, literals, tuples
of those, unions with None, objects of any JSON values, or dataclasses of the same kind.
"""

import dataclasses
import os
import types
from collections.abc import Mapping
from pathlib import Path
from typing import (
    Final,
    Literal,
    Protocol,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    runtime_checkable,
)

from mpc.jobs.comparisons import FORMER_COMPARISONS
from secfpp.errors import ConfigError, reason
from secfpp.json_file import JsonValue, read_json

__all__ = ["JsonValue", "from_json", "read_settings", "to_json"]

ConfigT = TypeVar("ConfigT")

FORMER_VALUES: Final[Mapping[str, Mapping[object, str]]] = {
    "clustering.comparisons": FORMER_COMPARISONS
}
"""What settings were called in the last release, so that its runs can be gone on with."""


@runtime_checkable
class _Versioned(Protocol):
    """A dataclass that reads files of older versions, whose keys had other places."""

    @staticmethod
    def from_older_json(value: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        """Return the same settings with today's keys."""


def to_json(value: object) -> JsonValue:
    """Turn a tree of dataclasses, mappings and sequences into plain JSON values.

    Parameters
    ----------
    value : object
        A dataclass instance, or anything a field of one may hold.

    Returns
    -------
    JsonValue
        Objects for dataclasses, lists for tuples, strings for paths.

    Raises
    ------
    ConfigError
        If a value has no JSON form.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {f.name: to_json(getattr(value, f.name)) for f in fields}
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ConfigError(f"{value!r} of type {type(value).__name__} cannot be written as JSON")


def from_json(kind: type[ConfigT], value: JsonValue, *, where: str = "") -> ConfigT:
    """Build a dataclass from JSON values; missing fields take their defaults.

    Parameters
    ----------
    kind : type
        The dataclass to build.
    value : JsonValue
        An object with a subset of its fields.
    where : str
        Dotted place of `value` in the settings, for messages.

    Returns
    -------
    ConfigT
        The instance, checked by its own rules.

    Raises
    ------
    ConfigError
        If a key is unknown, a type is wrong, or a value is out of range.
    """
    name = where or "the configuration"
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"{name} is {_shown(value)} but must be an object; see config.json of a run"
        )
    if isinstance(kind, _Versioned):
        value = kind.from_older_json(value)
    try:
        return kind(**_read_fields(get_type_hints(kind), value, where))
    except TypeError as error:
        raise ConfigError(f"{name} is incomplete: {error}") from error


def _read_fields(
    hints: Mapping[str, object], value: Mapping[str, JsonValue], where: str
) -> dict[str, object]:
    """Read the values of an object, each as the type of its field says."""
    unknown = sorted(set(value) - set(hints))
    if unknown:
        raise ConfigError(
            f"unknown key {_shown(unknown[0])} in {where or 'the configuration'}; known are "
            f"{', '.join(sorted(hints))}"
        )
    prefix = f"{where}." if where else ""
    return {key: _read(hints[key], item, prefix + key) for key, item in value.items()}


def read_settings(path: Path) -> JsonValue:
    """Read the JSON value of a file of settings.

    Raises
    ------
    ConfigError
        If the file cannot be read or is not JSON.
    """
    try:
        return read_json(path)
    except OSError as error:
        raise ConfigError(f"cannot read settings from {path}: {reason(error)}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not valid JSON: {error}") from error


def _read(hint: object, value: JsonValue, where: str) -> object:
    """Read one value as the annotated type says."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_json(hint, value, where=where)
    origin = get_origin(hint)
    if origin is Literal:
        return _read_literal(get_args(hint), value, where)
    if origin in (Union, types.UnionType):
        return _read_optional(get_args(hint), value, where)
    if origin is Mapping:
        return _read_mapping(value, where)
    if origin is tuple:
        return _read_tuple(get_args(hint), value, where)
    return _read_scalar(hint, value, where)


def _read_literal(choices: tuple[object, ...], value: JsonValue, where: str) -> object:
    if isinstance(value, str):
        value = FORMER_VALUES.get(where, {}).get(value, value)
    if value in choices and isinstance(value, (str, int)):
        return value
    raise ConfigError(
        f"{where}={_shown(value)} but it must be one of {', '.join(map(str, choices))}"
    )


def _read_optional(members: tuple[object, ...], value: JsonValue, where: str) -> object:
    if value is None and type(None) in members:
        return None
    rest = [member for member in members if member is not type(None)]
    if len(rest) != 1:
        raise ConfigError(f"{where} has a type that settings cannot hold: {members}")
    return _read(rest[0], value, where)


def _read_mapping(value: JsonValue, where: str) -> dict[str, JsonValue]:
    """Return an object as it is; who uses its values checks them."""
    if not isinstance(value, dict):
        raise ConfigError(f"{where}={_shown(value)} but it must be an object")
    return value


def _read_tuple(members: tuple[object, ...], value: JsonValue, where: str) -> object:
    if not isinstance(value, list):
        raise ConfigError(f"{where}={_shown(value)} but it must be a list")
    if len(members) == 2 and members[1] is Ellipsis:
        members = (members[0],) * len(value)
    if len(members) != len(value):
        raise ConfigError(f"{where} has {len(value)} entries but it must have {len(members)}")
    pairs = zip(members, value, strict=True)
    return tuple(_read(hint, item, f"{where}[{i}]") for i, (hint, item) in enumerate(pairs))


def _read_scalar(hint: object, value: JsonValue, where: str) -> object:
    """Read a number, string, boolean or path; integers pass as floats, booleans do not."""
    if isinstance(value, str) and not _can_be_named(value):
        raise ConfigError(f"{where}={_shown(value)} but it must be text that can name a file")
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return _as_float(value, where)
    if hint is int and isinstance(value, int) and not isinstance(value, bool):
        _as_float(value, where)
        return value
    if hint in (bool, str) and type(value) is hint:
        return value
    wanted = getattr(hint, "__name__", str(hint))
    raise ConfigError(f"{where}={_shown(value)} but it must be of type {wanted}")


def _shown(value: object) -> str:
    """Return a value for a message, cut if it is long."""
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}..."


def _as_float(value: int | float, where: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ConfigError(f"{where} has {len(str(value))} digits; change {where}") from None


def _can_be_named(text: str) -> bool:
    """Tell whether the system accepts this file name: no zero byte, no lone surrogate."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False
