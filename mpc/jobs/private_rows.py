"""A job with a guarantee on rows that one process holds, each row being its own payload.

Without a guarantee, bounds, origin and scales are computed from the rows (`mpc.jobs.bounds`). With
one, they must not depend on the rows: the caller gives a norm bound, and rows stay as they are.

Shape letters: N points, D dimensions.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mpc.errors import BudgetError, InputError
from mpc.jobs.bounds import Prepared, prepared
from mpc.jobs.encoding import TOLERANCE
from mpc.jobs.job import ClusterJob
from mpc.jobs.job_numbers import positive
from mpc.jobs.privacy import DEFAULT_DELTA, Guarantee
from mpc.jobs.projection import projected
from mpc.ring.fixedpoint import FloatArray, binary_scale

PIPELINE_ITERATIONS: Final = 3
"""Default reassignments of a pipeline: two noised updates of the centres."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What a caller asks for: a guarantee, and epsilon at delta for one job."""

    epsilon: float
    delta: float = DEFAULT_DELTA
    guarantee: Guarantee = "pipeline"
    dims: int | None = None
    """With `pipeline`: dimensions onto which points are projected before they are shared; None: no
    projection."""

    def __post_init__(self) -> None:
        """Refuse what no single job can promise."""
        if self.guarantee in ("none", "known-assignment"):
            raise InputError(
                f"guarantee={self.guarantee!r} is not one of a single job: an assignment is known "
                "from an earlier job of the same session. Say 'pipeline' or 'means'"
            )
        if self.dims is not None and self.guarantee != "pipeline":
            raise InputError("points are projected with guarantee='pipeline' alone")


def prepared_for(
    points_ND: FloatArray, budget: Budget | None, *, norm_bound: float | None, seed: int
) -> Prepared:
    """Prepare rows for a job, from public numbers alone if there is a budget.

    Raises
    ------
    InputError
        A budget needs a norm bound.
    BudgetError
        A row is over the bound, or numbers are too large for float64.
    """
    if budget is None:
        return prepared(points_ND)
    if norm_bound is None:
        raise InputError(
            "a guarantee needs a norm_bound that does not depend on the rows: no row may be longer"
        )
    bound = positive("norm_bound", norm_bound)
    length_N = np.linalg.norm(points_ND, axis=1)
    if float(length_N.max(initial=0.0)) > bound * (1 + TOLERANCE):
        longest = int(np.argmax(length_N))
        raise BudgetError(
            f"row {longest} has length {length_N[longest]:.6g}, over norm_bound={bound:.6g}; "
            "subtract a public number from all rows, shorten those over the bound, or raise it"
        )
    scale, rows_ND = binary_scale(bound), points_ND
    if budget.dims is not None:
        rows_ND = projected(points_ND, budget.dims, seed=seed, norm_bound=bound)
    dim = points_ND.shape[1]
    return Prepared(
        points_ND=rows_ND,
        payload_ND=points_ND / scale,
        origin_D=np.zeros(dim),
        scale_D=np.full(dim, scale),
    )


def private_job(
    job: ClusterJob,
    budget: Budget | None,
    owners: Sequence[int] | None,
    *,
    iterations: int | None,
    start: Sequence[object],
) -> ClusterJob:
    """Return a job with a guarantee, its norm bound being that of rows as they are.

    Parameters
    ----------
    job : ClusterJob
        Its start does not matter to a pipeline, which begins at public directions.
    budget : Budget or None
        None: the job as it is.
    owners : sequence of int or None
        The owner of each row; None: each has its own. The largest number of rows is public.
    iterations : int or None
        As the caller gave them.
    start : sequence
        What the caller said of a start, each None where nothing was said. A pipeline takes none.
    """
    if budget is None:
        return job
    if job.standardize:
        raise InputError("standardize=True depends on all rows, and no guarantee covers it")
    bound = positive("norm_bound", job.norm_bound)
    changes: dict[str, object] = {}
    if budget.guarantee == "pipeline":
        if any(said is not None and said != "directions" for said in start):
            raise InputError(
                "guarantee='pipeline' begins once, at public directions: give no other start, and "
                "no number of starts"
            )
        most = PIPELINE_ITERATIONS if iterations is None else iterations
        changes = {"init": "directions", "restarts": 1, "iterations": most}
    return replace(
        job,
        guarantee=budget.guarantee,
        epsilon=budget.epsilon,
        delta=budget.delta,
        rows_per_owner=1 if owners is None else max(Counter(owners).values()),
        centre=False,
        value_bound=bound,
        payload_bound=bound / binary_scale(bound),
        **changes,  # type: ignore[arg-type]
    )
