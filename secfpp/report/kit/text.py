"""Numbers as text: per cent, plus-minus, megabytes, seconds; a dash for None."""

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
    """Return a standard error in per cent, led by a plus-minus sign; empty for None."""
    return "" if value is None else f"{PLUS_MINUS}{NO_BREAK}{100 * value:.1f}"


def decimal(value: float | None, places: int = 2) -> str:
    """Return a number with a fixed number of decimals."""
    return NOTHING if value is None else f"{value:.{places}f}"


def count(value: float | None) -> str:
    """Return a whole number with thin thousands separators."""
    return NOTHING if value is None else f"{value:,.0f}".replace(",", NO_BREAK)


def megabytes(value: float | None) -> str:
    """Return bytes in MB, with decimals by size."""
    if value is None:
        return NOTHING
    size = value / MEGABYTE
    places = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 3
    return f"{size:.{places}f}"


def size(value: float | None) -> str:
    """Return bytes in B, kB or MB."""
    if value is None:
        return NOTHING
    for unit, scale in (("MB", MEGABYTE), ("kB", 1e3)):
        if value >= scale:
            return f"{value / scale:.{0 if value >= 100 * scale else 1}f} {unit}"
    return f"{value:.0f} B"


def seconds(value: float | None) -> str:
    """Return seconds: two decimals below 1, none from 100 on."""
    if value is None:
        return NOTHING
    places = 0 if value >= 100 else 1 if value >= 1 else 2
    return f"{value:.{places}f}"


def spread_of(value: float | None, places: int) -> str:
    """Return a standard error in its own unit, led by a plus-minus sign; empty for None."""
    return "" if value is None else f"{PLUS_MINUS}{NO_BREAK}{value:.{places}f}"


def p_value(value: float | None) -> str:
    """Return a p value with two significant digits; never zero."""
    if value is None:
        return NOTHING
    if value < 0.001:
        return "<.001"
    return f"{value:.{3 if value < 0.1 else 2}f}".removeprefix("0")
