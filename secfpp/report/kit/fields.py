"""Typed reading of JSON objects: a wrong or absent value reads as None, without an exception."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


class Fields:
    """A JSON object with typed getters.

    Parameters
    ----------
    value
        A JSON value; anything but an object reads as an empty object.
    """

    def __init__(self, value: object) -> None:
        self._items: Mapping[str, object] = value if isinstance(value, Mapping) else {}

    def __bool__(self) -> bool:
        return bool(self._items)

    def number(self, *names: str) -> float | None:
        """Return the first of `names` that holds a finite number."""
        for name in names:
            value = self._items.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return _finite(value)
        return None

    def whole(self, name: str, default: int = 0) -> int:
        """Return an integer, or `default`."""
        value = self.number(name)
        return default if value is None else int(value)

    def text(self, name: str, default: str = "") -> str:
        """Return a string, or `default`."""
        value = self._items.get(name)
        return value if isinstance(value, str) else default

    def flag(self, name: str) -> bool:
        """Return whether `name` holds true."""
        return self._items.get(name) is True

    def child(self, name: str) -> Fields:
        """Return the object under `name`, empty if there is none."""
        return Fields(self._items.get(name))

    def children(self, name: str) -> tuple[Fields, ...]:
        """Return the objects of the list under `name`."""
        return tuple(Fields(item) for item in self.items(name))

    def items(self, name: str) -> Sequence[object]:
        """Return the list under `name`, empty if there is none."""
        value = self._items.get(name)
        return value if isinstance(value, list) else []

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return the numbers of the list under `name`; empty if one of them is not a number."""
        return _numbers(self.items(name))

    def pairs(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return the pairs of numbers of the list under `name`; empty if one is not a pair."""
        values = self.items(name)
        found = [_numbers(value) for value in values if isinstance(value, list)]
        kept = tuple((pair[0], pair[1]) for pair in found if len(pair) == 2)
        return kept if len(kept) == len(values) else ()

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the strings of the list under `name`."""
        return tuple(value for value in self.items(name) if isinstance(value, str))

    def names(self) -> tuple[str, ...]:
        """Return the keys, in their order."""
        return tuple(self._items)

    def flattened(self, prefix: str = "") -> tuple[tuple[str, str], ...]:
        """Return every leaf as (dotted name, printed value)."""
        rows: list[tuple[str, str]] = []
        for name, value in self._items.items():
            if isinstance(value, Mapping):
                rows.extend(Fields(value).flattened(f"{prefix}{name}."))
            else:
                rows.append((prefix + name, _printed(value)))
        return tuple(rows)


def _numbers(values: Sequence[object]) -> tuple[float, ...]:
    """Return a list's numbers; none if one of them is not finite."""
    found = [_finite(value) for value in values if isinstance(value, int | float)]
    kept = tuple(number for number in found if number is not None)
    return kept if len(kept) == len(values) else ()


def _finite(value: int | float) -> float | None:
    """Return a number as float; None if it is too large."""
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _printed(value: object) -> str:
    """Return a leaf as text."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_printed(item) for item in value)
    return str(value)
