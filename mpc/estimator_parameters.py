"""Checks of the estimator's parameters, which may have any type until `fit` is called."""

import operator
import secrets
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.errors import BudgetError, InputError
from mpc.jobs.bounds import Prepared, measured_rows, public_bound
from mpc.jobs.encoding import TOLERANCE, bounds_of
from mpc.jobs.job import INITS, ClusterJob, Init
from mpc.jobs.privacy import Guarantee
from mpc.jobs.private_rows import Budget

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


def budget_of(
    epsilon: float | None, delta: float, guarantee: Guarantee, dims: object
) -> Budget | None:
    """Return the guarantee that is asked for; None without an epsilon."""
    if epsilon is None:
        return None
    onto = None if dims is None else whole("dp_dims", dims)
    return Budget(epsilon=epsilon, delta=delta, guarantee=guarantee, dims=onto)


def named_init(init: object, budget: Budget | None) -> Init | None:
    """Return the name of a start; None for rows, or where a pipeline has the one it names."""
    name = next((name for name in INITS if says(init, name)), None)
    return None if budget is not None and name == "directions" else name


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


def owners_of(
    owners: int | Sequence[int] | npt.NDArray[np.int64] | None, num_rows: int
) -> tuple[int, ...] | None:
    """Return the owner of each row, (N,), or None if each row has its own."""
    if owners is None:
        return None
    if isinstance(owners, Sequence | np.ndarray):
        named = tuple(whole("owners", owner, least=0) for owner in owners)
        if len(named) != num_rows:
            raise InputError(f"owners names {len(named)} rows, but X has {num_rows}")
        return named
    num_owners = whole("owners", owners)
    return tuple(row % num_owners for row in range(num_rows))


def check_norms(given: Prepared, job: ClusterJob) -> None:
    """Refuse rows over the given norm bound; this process holds the rows and can test them."""
    rows_ND, bound = measured_rows(job, given.points_ND), bounds_of(job)[0]
    if float(np.linalg.norm(rows_ND, axis=1).max()) > bound * (1 + TOLERANCE):
        raise BudgetError(
            f"a row of X is farther from the mean than norm_bound={bound:.6g}; raise it to "
            f"{public_bound(rows_ND):.6g}, or clip the row"
        )
