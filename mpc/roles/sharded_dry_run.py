"""Dry runs of what follows the shards: the second level, and handing results back.

Shape letters: N points of a shard, k clusters of a shard, D dimensions of a point, M of a payload.
"""

from dataclasses import dataclass

from mpc.clustering.second_level import ShardShares, hand_back, second_level
from mpc.engine.context import Party
from mpc.engine.reveal import Revealer
from mpc.engine.steps import Steps
from mpc.jobs.job import ClusterJob
from mpc.preprocessing.schedule import Schedule, schedule_of
from mpc.roles.dry_run import StepCounts, at_most_four, counted, zeros


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardShape:
    """The public shape of a shard's result."""

    num_points: int
    owner_of_N: tuple[int, ...]  # noqa: N815


@dataclass(frozen=True, kw_only=True, slots=True)
class SecondLevelShape:
    """Everything that the requests, rounds and bytes of the second level depend on."""

    job: ClusterJob
    """From `mpc.jobs.sharding.final_job`."""
    shards: tuple[ShardShape, ...]
    clusters: int
    """k."""
    dim: int
    payload: int
    num_parties: int


def dry_second_level(shape: SecondLevelShape, *, converges: int = 0) -> dict[str, StepCounts]:
    """Return the counts of each step of the second level, by name; see `mpc.roles.dry_run`."""

    def body(party: Party, revealer: Revealer, steps: Steps) -> None:
        k = shape.clusters
        shards = [
            ShardShares(
                points_enc_KD=party.holds(zeros(k, shape.dim)),
                payload_enc_KM=party.holds(zeros(k, shape.payload + 1)),
                assignment_enc_NK=party.holds(zeros(shard.num_points, k)),
                owner_of_N=shard.owner_of_N,
            )
            for shard in shape.shards
        ]
        second_level(at_most_four(shape.job), shards, revealer=revealer, meter=steps)

    return counted(body, shape.num_parties, shape.job.comparisons, converges=converges)


def dry_hand_back(
    num_points: int, clusters: int, payload: int, num_parties: int
) -> dict[str, StepCounts]:
    """Return the counts of handing back the results of one shard."""

    def body(party: Party, revealer: Revealer, steps: Steps) -> None:
        with steps.step("means"):
            hand_back(
                party.holds(zeros(num_points, clusters)),
                party.holds(zeros(clusters, payload + 1)),
            )

    return counted(body, num_parties, "auto")


def schedule_from(counts: dict[str, StepCounts], *, limit: int = 0) -> Schedule:
    """Return the preprocessing requests of steps that were counted."""
    return schedule_of({step: of.requests for step, of in counts.items()}, limit=limit)
