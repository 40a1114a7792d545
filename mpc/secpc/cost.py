"""Rounds and bytes of a job before it is run, without frame headers and control messages."""

from dataclasses import dataclass
from typing import Final

from mpc.jobs.job import ClusterJob
from mpc.reference.separation import largest_candidate
from mpc.secpc.coding import LagrangeCode
from mpc.secpc.first_queries import first_polynomials
from mpc.secpc.masks import num_polynomials
from mpc.secpc.quantiser import slice_width
from mpc.secpc.server import MASKED_AHEAD

_ELEMENT: Final = 8
_SHARE_ROUNDS: Final = 3
"""The server announces, clients exchange, clients report; the same for masks."""
_ASK_ROUNDS: Final = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class CodedCost:
    """What a job takes at most."""

    rounds: int
    bytes_client: int
    """Bytes that a client with one row sends, to the other clients and to the server."""
    bytes_server: int
    """Bytes that the server receives."""


def coded_cost(
    job: ClusterJob,
    code: LagrangeCode,
    *,
    dim: int,
    payload: int,
    iterations: int,
    masking: bool = True,
) -> CodedCost:
    """Return what a job takes in which each client holds one row.

    Parameters
    ----------
    job : ClusterJob
        With one start.
    code : LagrangeCode
    dim, payload : int
        Numbers of a row and of a payload.
    iterations : int
        Reassignments; in each but the first, every cluster has changed.
    masking : bool
    """
    n = code.num_clients
    sizes = range(1, largest_candidate(n, job.k_max) + 1) if job.k is None else (job.k,)
    at_once = job.init_rows is not None or job.init in ("random", "leaders")
    singles = [n if job.by_leaders else max(sizes)] if at_once else [1] * max(sizes)
    means = [sum(sizes)] * (iterations - (job.k is not None))
    queries = [1] * job.centre + singles + means
    polynomials = first_polynomials(job, code, n) if masking else 0
    rounds, left = _SHARE_ROUNDS, polynomials * (n - code.colluders)
    for sets in queries:
        if masking and left < n * sets:
            more = num_polynomials(code, MASKED_AHEAD * n * sets, n)
            polynomials, left = polynomials + more, left + more * (n - code.colluders)
            rounds += _SHARE_ROUNDS
        left -= n * sets
        rounds += _ASK_ROUNDS
    share = slice_width(dim, code.slices) + slice_width(payload, code.slices) + polynomials
    answers = n * sum(queries) + max(sizes) * slice_width(payload, code.slices)
    return CodedCost(
        rounds=rounds + _ASK_ROUNDS + 1,
        bytes_client=_ELEMENT * ((n - 1) * share + answers),
        bytes_server=_ELEMENT * n * answers,
    )
