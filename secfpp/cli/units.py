"""Sizes and durations of any order of magnitude, for people."""

from __future__ import annotations

__all__ = ["byte_size", "duration"]


def byte_size(count: float) -> str:
    """Return bytes in a unit for people."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count:.0f} B"


def duration(seconds: float) -> str:
    """Return seconds, minutes or hours."""
    for unit, factor in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds:.3g} s"
