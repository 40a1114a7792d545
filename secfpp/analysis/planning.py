"""What the secure part of a federation will take, before anybody deploys it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from mpc.costs.network import LAN, ONE_MACHINE, WAN, Network
from mpc.costs.plan import JobPlan, plan_job
from mpc.costs.sharded_plan import kept_bytes, plan_shards
from mpc.costs.speeds import Memory, Speeds, memory_of
from mpc.errors import InputError
from mpc.jobs.job import MAX_POINTS
from mpc.jobs.shard_plan import SHARD_SIZE
from mpc.roles.dry_run import JobShape
from secfpp.analysis.estimate.secure_cost import FEW_ITERATIONS
from secfpp.config.clustering import ClusteringConfig
from secfpp.errors import ConfigError
from secfpp.methods.shared.round_job import job_of

__all__ = ["NETWORKS", "FederationSize", "Plan", "plan_rounds"]

REASSIGNMENTS: Final = FEW_ITERATIONS - 1
"""Reassignments of k-means in separated clusters, before one that finds that nothing changes."""
SHARD_REASSIGNMENTS: Final = 10
"""The same in a shard, which has more clusters than are looked for, and in the second level."""
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

    @property
    def in_shards(self) -> bool:
        """Whether clients are more than a job holds, and are clustered in shards."""
        return self.clients > MAX_POINTS

    @property
    def shape(self) -> JobShape:
        """The shape of a round's clustering that begins fresh, as one job."""
        return JobShape(
            job=job_of(ClusteringConfig(k=self.clusters, evaluate=False), self.clients),
            num_points=self.clients,
            dim=self.dims,
            payload=self.payload,
            num_parties=self.parties,
        )


@dataclass(frozen=True, kw_only=True)
class PlannedJob:
    """A kind of job."""

    name: str
    """Where a round's clustering begins: `fresh`, `warm` or `both`, see `mpc.ClusterJob`; or with
    shards one of `mpc.costs.sharded_plan.ShardedPlan`."""
    times: int
    """How often it is done in all rounds."""
    job: JobPlan


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The secure parts of all rounds."""

    size: FederationSize
    jobs: tuple[PlannedJob, ...]
    """Each kind of job, in the order in which they first occur."""
    speeds: Speeds

    @property
    def iterations(self) -> int:
        """Reassignments that are reckoned with where k-means begins fresh."""
        return SHARD_REASSIGNMENTS if self.size.in_shards else REASSIGNMENTS

    def total(self, of: Callable[[JobPlan], float]) -> float:
        """Add up something over all jobs."""
        return sum(each.times * of(each.job) for each in self.jobs)

    def seconds(self, job: JobPlan, network: Network) -> float:
        """Return the time of a job: its messages on a network, and all computing on one machine."""
        return job.seconds_on(network) + self.speeds.seconds(job.work)

    def total_seconds(self, network: Network) -> float:
        """Return the time of the jobs of all rounds."""
        return self.total(lambda job: self.seconds(job, network))

    @property
    def connecting_s(self) -> float:
        """Seconds for all clients to connect to all parties, on one machine.

        It is once, but if clients are more than a job holds: those of a shard connect for it, and
        again for its results.
        """
        once = self.size.clients * self.size.parties * self.speeds.connection_s
        return 2 * self.size.rounds * once if self.size.in_shards else once

    @property
    def memory(self) -> Memory:
        """The most memory of any job.

        With shards, owners of two of them are connected, and the parties keep what owners shared.
        """
        shards = 2 if self.size.in_shards else 1
        kept = kept_bytes(self.size.shape) if self.size.in_shards else 0
        taken = [
            memory_of(each.job, connected=shards * each.job.shape.num_owners)
            for each in self.jobs
            if each.job.bytes_of("client") != (0, 0)
        ]
        return Memory(
            party=max(each.party for each in taken) + kept,
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
    shape = size.shape
    planned = _in_shards if size.in_shards else _rounds
    try:
        shape.job.check_shapes(min(size.clients, SHARD_SIZE), size.dims, size.payload)
        return Plan(size=size, jobs=tuple(planned(shape, size)), speeds=speeds)
    except InputError as error:
        raise ConfigError(str(error)) from error


def _rounds(shape: JobShape, size: FederationSize) -> Iterator[PlannedJob]:
    """Plan each kind of round; clusterings after the first may begin at the one before."""
    settings = ClusteringConfig(k=size.clusters, evaluate=False)
    jobs = [job_of(settings, size.clients, index) for index in range(size.rounds)]
    times = Counter(job.start for job in jobs)
    for start, many in times.items():
        job = next(job for job in jobs if job.start == start)
        plan = plan_job(replace(shape, job=job), iterations=REASSIGNMENTS)
        yield PlannedJob(name=start, times=many, job=plan)


def _in_shards(shape: JobShape, size: FederationSize) -> Iterator[PlannedJob]:
    """Plan the jobs of a clustering in shards, which is done in every round."""
    for name, many, plan in plan_shards(shape, iterations=SHARD_REASSIGNMENTS):
        yield PlannedJob(name=name, times=size.rounds * many, job=plan)
