"""What a job will take before anybody runs it: rounds, bytes by role, work, and waiting.

Everything is counted in a dry run of the protocol and from the layout of messages; nothing is
measured. Seconds need a `Network`, and the `Speeds` of a machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mpc.costs.job_cost import cost_of, job_steps
from mpc.costs.network import Network
from mpc.costs.planned_traffic import PlannedTraffic, planned_traffic
from mpc.costs.work import Work, work_of
from mpc.jobs.job import ClusterJob
from mpc.preprocessing.mask_refs import ITERATION
from mpc.roles.dry_run import JobShape, StepCounts
from mpc.traffic import Phase


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedStep:
    """One step of the protocol."""

    name: str
    rounds: int
    online: int
    """Bytes that a party sends to all others."""
    dealt: int
    """Bytes that the dealer sends for it to all parties, whether it is cut short or not."""
    dealt_to_first: int
    """The part of these that party 0 receives."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobPlan:
    """What one job sends, computes, and waits for."""

    shape: JobShape
    steps: tuple[PlannedStep, ...]
    """In the order in which they are done."""
    traffic: tuple[PlannedTraffic, ...]
    work: Work

    @property
    def rounds(self) -> int:
        """Rounds of messages between the parties."""
        return sum(step.rounds for step in self.steps)

    def bytes_of(self, role: str, phase: Phase | None = None) -> tuple[float, float]:
        """Return the bytes that a role sends and receives, in one phase or in all."""
        own = [line for line in self.traffic if line.role == role and phase in (None, line.phase)]
        return sum(line.sent for line in own), sum(line.received for line in own)

    def seconds_on(self, network: Network) -> float:
        """Return the time that the job's messages take on a network, without any to compute.

        Notes
        -----
        A message takes half a round trip, and the time in which its bytes pass a host's link. The
        messages of a round cross, so a round takes half a round trip. Before the protocol come the
        order, the terms, the shares, and two messages by which the server lets the parties go on;
        after it, the results. The dealer sends the tuples of the first steps as soon as the parties
        have the order, so that they share party 0's link with the owners' shares, which come after
        them. It sends those of a later iteration while the one before is done. Owners have links
        of their own, and a party's carries the messages of all of them.
        """
        way = network.round_trip_s / 2
        first = [step for step in self.steps if not _is_later(step)]
        told, shared = self.bytes_of("party:0", "input")
        ordered = way + network.seconds(self.bytes_of("server", "control")[0])
        dealer = ordered + 2 * way + network.seconds(sum(step.dealt for step in first))
        link = network.seconds(shared + sum(step.dealt_to_first for step in first))
        now = max(dealer, ordered + 2 * way + link) + 2 * way
        ready = dict.fromkeys((step.name for step in first), dealer)
        for step, following in zip(self.steps, (*self.steps[1:], None), strict=True):
            now = max(now, ready[step.name])
            if following is not None and _is_later(following):
                dealer = max(dealer, now + 2 * way) + network.seconds(following.dealt)
                ready[following.name] = dealer
            now += step.rounds * way + network.seconds(step.online)
        return now + way + network.seconds(told)


def plan_job(shape: JobShape, *, iterations: int, converged: bool = True) -> JobPlan:
    """Count what a job takes.

    Parameters
    ----------
    shape : JobShape
        Bounds that the job leaves open are taken as 1.
    iterations : int
        Reassignments that it does; never more than the job's limit.
    converged : bool
        Whether one more iteration finds that nothing changes; there is none after the limit.
    """
    shape = replace(shape, job=as_done(shape.job))
    iterations = min(iterations, shape.job.iterations)
    done = job_steps(shape, iterations=iterations, converged=converged)
    begun = sum(map(_is_iteration, done))
    return plan_of_steps(shape, done, job_steps(shape, iterations=begun))


def plan_of_steps(
    shape: JobShape,
    done: Mapping[str, StepCounts],
    dealt: Mapping[str, StepCounts],
    *,
    meets_owners: bool = True,
) -> JobPlan:
    """Return the plan of a job whose steps are counted.

    Parameters
    ----------
    shape : JobShape
    done, dealt : mapping of str to StepCounts
        Steps in the order in which they are done, and what the dealer deals for each.
    meets_owners : bool
        Whether data owners share and receive; without them only parties and dealer take part.
    """
    counted = tuple(done.values()), tuple(dealt.values())
    traffic, work = planned_traffic(shape, *counted), work_of(shape, *counted)
    if not meets_owners:
        traffic = tuple(line for line in traffic if line.phase in ("online", "offline"))
        work = replace(work, owners=0, shared=0)
    return JobPlan(
        shape=shape,
        steps=tuple(_planned(name, counts, dealt, shape) for name, counts in done.items()),
        traffic=traffic,
        work=work,
    )


def as_done(job: ClusterJob) -> ClusterJob:
    """Return the job as it is done: with all bounds, and if it begins warm, its own limit."""
    if job.start == "warm" and job.warm_iterations is not None:
        job = replace(job, iterations=job.warm_iterations)
    return replace(
        job,
        norm_bound=job.norm_bound or 1.0,
        value_bound=job.value_bound or 1.0,
        payload_bound=job.payload_bound or 1.0,
    )


def _planned(
    name: str, counts: StepCounts, dealt: Mapping[str, StepCounts], shape: JobShape
) -> PlannedStep:
    cost = cost_of(dealt[name])
    return PlannedStep(
        name=name,
        rounds=counts.rounds,
        online=(shape.num_parties - 1) * cost_of(counts).online,
        dealt=cost.dealt(shape.num_parties),
        dealt_to_first=cost.dealer_to_first,
    )


def _is_iteration(name: str) -> bool:
    return name.startswith(ITERATION)


def _is_later(step: PlannedStep) -> bool:
    """Return whether the step is an iteration after the first, which is dealt when it is near."""
    return _is_iteration(step.name) and step.name != f"{ITERATION}1"
