"""JSON files as people and programs write them: with or without a byte-order mark."""

import json
from pathlib import Path
from typing import TypeAlias

from mpc.whole_file import read_whole

__all__ = ["JsonValue", "parse_json", "read_json"]

JsonValue: TypeAlias = "None | bool | int | float | str | list[JsonValue] | dict[str, JsonValue]"


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
        raise ValueError("it is nested too deeply") from None
    return value
