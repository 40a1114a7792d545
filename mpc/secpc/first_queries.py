"""How many masks clients share together with their rows: enough for the first queries."""

from typing import Final

from mpc.jobs.job import ClusterJob
from mpc.reference.separation import largest_candidate
from mpc.secpc.coding import LagrangeCode
from mpc.secpc.masks import num_polynomials

ITERATIONS_AHEAD: Final = 3
"""Iterations whose masks are shared with the rows; most searches end soon after."""


def first_sets(job: ClusterJob, num_points: int) -> int:
    """Return the sets whose means a job asks distances to, in its start and first iterations."""
    if job.k is None:
        sizes = range(1, largest_candidate(num_points, job.k_max) + 1)
        starts = min(num_points, max(sizes) * (job.restarts if job.by_random_rows else 1))
        return 1 + starts + ITERATIONS_AHEAD * sum(sizes)
    singles = num_points if job.by_leaders else min(num_points, job.k * job.restarts)
    side_by_side = 1 if job.at_once else job.restarts
    return 1 + singles + ITERATIONS_AHEAD * job.k * side_by_side


def first_polynomials(job: ClusterJob, code: LagrangeCode, num_points: int) -> int:
    """Return the mask polynomials that each client shares with its rows."""
    count = num_points * first_sets(job, num_points)
    return num_polynomials(code, count, code.num_clients)
