"""Checks of the numbers in a job's description, which a party gets from the server."""

import operator
from typing import Final

import numpy as np

from mpc.errors import InputError

MAX_INTEGER_BITS: Final = 256
"""Most bits of any integer of a job, such as the seed."""

_LEAST_BOUND: Final = 2.0**-1000
GREATEST_BOUND: Final = 2.0**1000
"""Smallest and largest bound: the quotient of any two is a finite float."""


def bounds_of(name: str, value: object) -> float | tuple[float, ...]:
    """Return a checked bound, or a checked bound for each feature."""
    several = name == "feature_bounds" or (name == "value_bound" and not np.isscalar(value))
    if not several:
        return positive(name, value)
    if not isinstance(value, list | tuple | np.ndarray):
        raise InputError(f"{name}={value!r} but a number for each feature is needed")
    return tuple(positive(name, bound) for bound in value)


def positive(name: str, value: object) -> float:
    """Return a checked positive number."""
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        raise InputError(f"{name}={value!r} but a positive number is needed")
    if not (_LEAST_BOUND <= value <= GREATEST_BOUND):
        raise InputError(
            f"{name}={value!r} but a positive number is needed, from 2^-1000 to 2^1000"
        )
    return float(value)


def integer_of(name: str, value: object) -> int:
    """Return a checked integer."""
    try:
        integer = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise InputError(f"{name}={value!r} but an integer is needed") from None
    if integer.bit_length() > MAX_INTEGER_BITS:  # too many digits to show
        raise InputError(
            f"{name} has {integer.bit_length()} bits, but at most {MAX_INTEGER_BITS} are possible"
        )
    return integer
