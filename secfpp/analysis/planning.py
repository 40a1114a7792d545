"""What the secure part of a federation will take, before anybody deploys it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mpc.costs.network import LAN, ONE_MACHINE, WAN, Network
from mpc.costs.plan import JobPlan, plan_job
from mpc.costs.speeds import Memory, Speeds, memory_of
from mpc.errors import InputError
from mpc.roles.dry_run import JobShape
from secfpp.config.clustering import ClusteringConfig
from secfpp.errors import ConfigError
from secfpp.methods.shared.round_job import job_of

__all__ = ["FEW_ITERATIONS", "NETWORKS", "FederationSize", "Plan", "plan_rounds"]

FEW_ITERATIONS: Final = 2
"""Reassignments of k-means in separated clusters, before one that finds that nothing changes."""
NETWORKS: Final = (ONE_MACHINE, LAN, WAN)


@dataclass(frozen=True, kw_only=True)
class FederationSize:
    """What the cost of a federation's secure part depends on."""

    clients: int
    """Clients N that take part in a round."""
    dims: int
    """Numbers of a descriptor D."""
    payload: int
    """Numbers M of a prompt, and of what else is averaged."""
    clusters: int
    """Clusters K."""
    parties: int = 2
    """Computing parties P."""
    rounds: int = 1
    """Rounds of communication."""

    def __post_init__(self) -> None:
        for name in ("clients", "dims", "payload", "clusters", "rounds"):
            if getattr(self, name) < 1:
                raise ConfigError(f"--{name} {getattr(self, name)}: 1 or more are possible")
        if not 2 <= self.parties <= 5:
            raise ConfigError(f"--parties {self.parties}: 2 to 5 are possible")
        if self.clusters > self.clients:
            raise ConfigError(
                f"--clusters {self.clusters}: more than the {self.clients} clients of a round"
            )


@dataclass(frozen=True, kw_only=True)
class PlannedRound:
    """The secure part of one round of communication."""

    begins: str
    """Where its clustering begins: `fresh`, `warm` or `both`; see `mpc.ClusterJob`."""
    times: int
    """How many of the federation's rounds are like this."""
    job: JobPlan


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The secure parts of all rounds."""

    size: FederationSize
    rounds: tuple[PlannedRound, ...]
    """Rounds of each kind, in the order in which they first occur."""
    speeds: Speeds

    def total(self, of: Callable[[JobPlan], float]) -> float:
        """Add up something over all rounds."""
        return sum(each.times * of(each.job) for each in self.rounds)

    def seconds(self, job: JobPlan, network: Network) -> float:
        """Return the time of a job: its messages on a network, and all computing on one machine."""
        return job.seconds_on(network) + self.speeds.seconds(job.work)

    def total_seconds(self, network: Network) -> float:
        """Return the time of the jobs of all rounds."""
        return self.total(lambda job: self.seconds(job, network))

    @property
    def connecting_s(self) -> float:
        """Seconds for all clients to connect to all parties, once, on one machine."""
        return self.size.clients * self.size.parties * self.speeds.connection_s

    @property
    def memory(self) -> Memory:
        """The most memory of any round."""
        taken = [memory_of(each.job) for each in self.rounds]
        return Memory(
            party=max(each.party for each in taken),
            dealer=max(each.dealer for each in taken),
            simulation=max(each.simulation for each in taken),
        )


def plan_rounds(size: FederationSize, speeds: Speeds) -> Plan:
    """Plan the rounds of a federation with default settings.

    Parameters
    ----------
    size : FederationSize
    speeds : Speeds

    Raises
    ------
    ConfigError
        A job of these sizes is not possible.
    """
    settings = ClusteringConfig(k=size.clusters)
    planned: dict[str, list[JobPlan]] = {}
    for index in range(size.rounds):
        job = job_of(settings, size.clients, index)
        if job.start in planned:
            planned[job.start] += planned[job.start][:1]
            continue
        shape = JobShape(
            job=job,
            num_points=size.clients,
            dim=size.dims,
            payload=size.payload,
            num_parties=size.parties,
        )
        try:
            job.check_shapes(size.clients, size.dims, size.payload)
        except InputError as error:
            raise ConfigError(str(error)) from error
        planned[job.start] = [plan_job(shape, iterations=FEW_ITERATIONS)]
    rounds = (
        PlannedRound(begins=begins, times=len(jobs), job=jobs[0])
        for begins, jobs in planned.items()
    )
    return Plan(size=size, rounds=tuple(rounds), speeds=speeds)
