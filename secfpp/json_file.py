"""JSON files as people and programs write them: with or without a byte-order mark."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from mpc.whole_file import read_whole

__all__ = ["JsonValue", "parse_json", "read_json"]

JsonValue: TypeAlias = "None | bool | int | float | str | list[JsonValue] | dict[str, JsonValue]"

DEEPEST = 100
"""Objects and lists within one another; no file of ours has more than ten."""
_TOO_DEEP = "it is nested too deeply"


def read_json(path: Path) -> JsonValue:
    """Read a JSON file.

    Raises
    ------
    OSError
        The file cannot be read, or is a device.
    ValueError
        It is not JSON in UTF-8, or nested beyond all use.
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
    _check_depth(value)
    return value


def _check_depth(value: JsonValue) -> None:
    """Refuse what whoever walks through a value would end in a recursion error."""
    level = [value]
    for _ in range(DEEPEST):
        level = [item for holder in level for item in _items(holder)]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def _items(value: JsonValue) -> Iterable[JsonValue]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
