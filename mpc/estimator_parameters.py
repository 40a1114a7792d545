"""Checks of the estimator's parameters, which may have any type until `fit` is called."""

import operator
import secrets
from typing import Final

import numpy as np

from mpc.errors import InputError
from mpc.jobs.job import INITS

_SEED_BITS: Final = 32


def init_rows(init: object) -> tuple[int, ...] | None:
    """Return the public start, or None if first centres are secret-shared."""
    if init is None or any(says(init, name) for name in INITS):
        return None
    rows = np.asarray(init)
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise InputError(
            f"init must be {' or '.join(map(repr, INITS))}, or n_clusters row numbers of X, since "
            "only rows can be first centres; an array of "
            f"{rows.dtype}, shape {rows.shape}, was given"
        )
    return tuple(rows.tolist())


def says(init: object, name: str) -> bool:
    """Whether a start is given by this name, and not as an array."""
    return isinstance(init, str) and init == name


def seed_of(random_state: int | np.random.RandomState | None) -> int:
    """Return the seed of public draws."""
    if random_state is None:
        return secrets.randbits(_SEED_BITS)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(1 << (_SEED_BITS - 1)))
    return whole("random_state", random_state, least=0)


def whole(name: str, value: object, *, least: int = 1) -> int:
    """Return a parameter that must be an integer of at least `least`."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise InputError(f"{name}={value!r} is not a whole number") from None
    if number < least:
        raise InputError(f"{name}={value!r} but at least {least} is needed")
    return number
