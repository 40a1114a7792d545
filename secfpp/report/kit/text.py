"""Numbers as a reader wants them: per cent, plus-minus, megabytes, seconds; a dash for nothing."""

from __future__ import annotations

NOTHING = "\N{EN DASH}"
PLUS_MINUS = "\N{PLUS-MINUS SIGN}"
NO_BREAK = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
MEGABYTE = 1e6


def percent(value: float | None) -> str:
    """Return a fraction in per cent with one decimal, without the sign."""
    return NOTHING if value is None else f"{100 * value:.1f}"


def spread(value: float | None) -> str:
    """Return a standard error in per cent, led by a plus-minus sign; empty when there is none."""
    return "" if value is None else f"{PLUS_MINUS}{NO_BREAK}{100 * value:.1f}"


def decimal(value: float | None, places: int = 2) -> str:
    """Return a number with a fixed number of decimals."""
    return NOTHING if value is None else f"{value:.{places}f}"


def count(value: float | None) -> str:
    """Return a whole number with thin thousands separators."""
    return NOTHING if value is None else f"{value:,.0f}".replace(",", NO_BREAK)


def megabytes(value: float | None) -> str:
    """Return bytes in MB, with as many decimals as the size deserves."""
    if value is None:
        return NOTHING
    size = value / MEGABYTE
    places = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 3
    return f"{size:.{places}f}"


def size(value: float | None) -> str:
    """Return bytes in the unit that suits them."""
    if value is None:
        return NOTHING
    for unit, scale in (("MB", MEGABYTE), ("kB", 1e3)):
        if value >= scale:
            return f"{value / scale:.{0 if value >= 100 * scale else 1}f} {unit}"
    return f"{value:.0f} B"


def seconds(value: float | None) -> str:
    """Return seconds: milliseconds' precision below one, none above a hundred."""
    if value is None:
        return NOTHING
    places = 0 if value >= 100 else 1 if value >= 1 else 2
    return f"{value:.{places}f}"


def spread_of(value: float | None, places: int) -> str:
    """Return a standard error as it is, led by a plus-minus sign; empty when there is none."""
    return "" if value is None else f"{PLUS_MINUS}{NO_BREAK}{value:.{places}f}"


def p_value(value: float | None) -> str:
    """Return a p value with two digits that matter; never zero."""
    if value is None:
        return NOTHING
    if value < 0.001:
        return "<.001"
    return f"{value:.{3 if value < 0.1 else 2}f}".removeprefix("0")
