"""Read JSON files, with or without a byte-order mark."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from mpc.whole_file import read_whole

__all__ = ["JsonValue", "parse_json", "read_json"]

JsonValue: TypeAlias = "None | bool | int | float | str | list[JsonValue] | dict[str, JsonValue]"

DEEPEST = 100
"""Nested objects and lists that are accepted; files of this package have ten at most."""
_TOO_DEEP = "it is nested too deeply"


def read_json(path: Path) -> JsonValue:
    """Read a JSON file.

    Raises
    ------
    OSError
        The file cannot be read, or is a device.
    ValueError
        It is not JSON in UTF-8, has NaN or infinity, or is nested too deeply.
    """
    return parse_json(read_whole(path))


def parse_json(content: bytes | str) -> JsonValue:
    """Parse JSON; bytes are UTF-8.

    Raises
    ------
    ValueError
    """
    text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
    try:
        value: JsonValue = json.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    _check(value)
    return value


def _check(value: JsonValue) -> None:
    """Refuse NaN and infinity, which are not JSON, and values that are nested too deeply."""
    level = [value]
    for _ in range(DEEPEST):
        if not all(math.isfinite(item) for item in level if isinstance(item, float)):
            raise ValueError("it has a number that is not finite")
        level = [item for holder in level for item in _items(holder)]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def _items(value: JsonValue) -> Iterable[JsonValue]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
