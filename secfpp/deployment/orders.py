"""What the server orders in a round, and what a client expects of it: one job.

It works without torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Final

from mpc.consent.terms import Terms
from mpc.jobs.job import ClusterJob
from mpc.jobs.result import ClusterResult
from secfpp.deployment.config import FederationConfig, label_of
from secfpp.deployment.lengths import Lengths
from secfpp.methods.shared.round_job import job_of
from secfpp.seeds import Seeds

__all__ = ["GIVEN_DIM", "KeptClusters", "Order", "expected_job", "next_order", "unexpected"]

GIVEN_DIM: Final = 1
"""Numbers of a point of a job that does not look at points."""
_CLOSE: Final = 1e-9
"""Relative difference of two machines' floating point."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """A job, and how many numbers each client shares in it."""

    job: ClusterJob
    dim: int
    payload: int


@dataclass(kw_only=True)
class KeptClusters:
    """The clusters that the parties of one session keep, for rounds with a budget."""

    clients: frozenset[str] = field(default=frozenset())
    k: int = 0

    def done(self, order: Order, names: Sequence[str], result: ClusterResult) -> None:
        """Note what a finished job found."""
        if order.job.guarantee != "known-assignment":
            self.clients, self.k = frozenset(names), result.k


def next_order(
    config: FederationConfig,
    lengths: Lengths,
    number: int,
    names: Sequence[str],
    kept: KeptClusters,
) -> Order:
    """Return the job of a round.

    With a budget, clusters are found in the first round of a session, and when a client takes part
    that is in none. In other rounds the parties use those that they keep.
    """
    label = label_of(config, lengths.model, number)
    jobs = config.noised_jobs
    if jobs is None:
        job = _without_noise(config, number, len(names), label)
        return Order(job=job, dim=lengths.dim, payload=lengths.payload)
    if kept.clients.issuperset(names) and len(names) >= kept.k:
        job = jobs.move(len(names), kept.k, label)
        dim = GIVEN_DIM
    else:
        job, dim = jobs.cluster_and_move(len(names), label), lengths.dim
    return Order(job=replace(job, round=number), dim=dim, payload=lengths.payload)


def _without_noise(
    config: FederationConfig, number: int, num_clients: int, label: str
) -> ClusterJob:
    job = job_of(
        config.clustering,
        num_clients,
        number - 1,
        seed=Seeds(config.seed).number("first centres"),
        label=label,
    )
    return replace(job, payload_bound=config.payload_bound, round=number)


def expected_job(config: FederationConfig, terms: Terms, label: str) -> ClusterJob | None:
    """Return the job with a budget that a client's own settings make of announced terms.

    None without a budget. The number of clusters that the parties keep is taken from the terms.
    """
    jobs = config.noised_jobs
    if jobs is None:
        return None
    if terms.job.guarantee == "known-assignment" and terms.job.k is not None:
        job = jobs.move(terms.owners, terms.job.k, label)
    else:
        job = jobs.cluster_and_move(terms.owners, label)
    return replace(job, round=terms.job.round)


def unexpected(asked: ClusterJob, expected: ClusterJob) -> str | None:
    """Return the first field in which an announced job is not the expected one, or None."""
    for each in fields(ClusterJob):
        one, other = getattr(asked, each.name), getattr(expected, each.name)
        if isinstance(one, float) and isinstance(other, float):
            if abs(one - other) > _CLOSE * abs(other):
                return each.name
        elif one != other:
            return each.name
    return None
