"""Checks of single settings, whose messages name the setting, its value and what it must be."""

from secfpp.errors import ConfigError

LARGEST = 1e9
"""The largest rate, weight, bound or number of seconds; float32 and the kernel hold no more."""


def require(condition: bool, name: str, value: object, limit: str) -> None:
    """Raise ConfigError unless a condition holds."""
    if not condition:
        raise ConfigError(f"{name}={value!r} but it must be {limit}; change {name}")


def require_positive(name: str, value: float, *, zero: bool = False) -> None:
    """Refuse a number that is not positive (zero may be allowed), or above `LARGEST`."""
    ok = value <= LARGEST and (value > 0 or (zero and value == 0))
    require(ok, name, value, f"{'at least' if zero else 'above'} 0 and at most {LARGEST:g}")
