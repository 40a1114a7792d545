"""Dry runs of what follows the shards: the second level, reassignments, and handing results back.

Shape letters: N points of a shard, k clusters of a shard, K clusters of the second level, D
dimensions of a point, M of a payload.
"""

from dataclasses import dataclass

from mpc.clustering.distances import distance_tables
from mpc.clustering.reassignment import Centres, join, reassigned
from mpc.clustering.second_level import second_level
from mpc.clustering.shard_results import hand_back
from mpc.clustering.shard_sums import ShardRows
from mpc.clustering.weighted_points import ShardShares
from mpc.engine.context import Party
from mpc.engine.reveal import Revealer
from mpc.engine.steps import Steps
from mpc.jobs.comparisons import Comparisons
from mpc.jobs.job import ClusterJob
from mpc.jobs.sharding import most_weight
from mpc.preprocessing.schedule import Schedule, schedule_of
from mpc.roles.dry_run import StepCounts, at_most_four, counted, zeros


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardShape:
    """The public shape of a shard's result."""

    num_points: int
    owner_of_N: tuple[int, ...]  # noqa: N815


@dataclass(frozen=True, kw_only=True, slots=True)
class ReassignmentShape:
    """Everything that the requests, rounds and bytes of a shard's reassignment depend on."""

    num_points: int
    clusters: int
    """K."""
    dim: int
    payload: int
    most: int
    """A public bound on the sum of all weights."""
    last: bool
    """Whether payloads are added up."""
    comparisons: Comparisons
    num_parties: int


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

    def reassignment(self, shard: int, *, last: bool) -> ReassignmentShape:
        """Return the shape of a reassignment of the points of shard 1, 2, ..."""
        return ReassignmentShape(
            num_points=self.shards[shard - 1].num_points,
            clusters=self.job.k or 1,
            dim=self.dim,
            payload=self.payload,
            most=most_weight(sum(of.num_points for of in self.shards)),
            last=last,
            comparisons=self.job.comparisons,
            num_parties=self.num_parties,
        )


def dry_second_level(shape: SecondLevelShape, *, converges: int = 0) -> dict[str, StepCounts]:
    """Return the counts of each step of the second level, by name; see `mpc.roles.dry_run`."""

    def body(party: Party, revealer: Revealer, steps: Steps) -> None:
        shards = _zero_shards(party, shape, shape.clusters, shape.dim, shape.payload)
        second_level(at_most_four(shape.job), shards, revealer=revealer, meter=steps)

    return counted(body, shape.num_parties, shape.job.comparisons, converges=converges)


def dry_reassignment(shape: ReassignmentShape) -> dict[str, StepCounts]:
    """Return the counts of each step of a shard's reassignment, by name."""
    n, k = shape.num_points, shape.clusters

    def body(party: Party, revealer: Revealer, steps: Steps) -> None:
        rows = ShardRows(
            points_enc_ND=party.holds(zeros(n, shape.dim)),
            valid_enc_N=party.holds(zeros(n)),
            payload_enc_NM=party.holds(zeros(n, shape.payload)),
        )
        centres = Centres(
            sums_enc_KD=party.holds(zeros(k, shape.dim)),
            of_weights=tuple(party.holds(zeros(k)) for _ in distance_tables(1)),
            most=shape.most,
        )
        reassigned(rows, (), centres, last=shape.last, meter=steps)

    return counted(body, shape.num_parties, shape.comparisons)


def dry_join(shape: SecondLevelShape, *, last: bool) -> dict[str, StepCounts]:
    """Return the counts of each step that follows a reassignment of all shards, by name."""
    k = shape.job.k or 1
    columns = (0, shape.payload) if last else (shape.dim, 0)

    def body(party: Party, revealer: Revealer, steps: Steps) -> None:
        shards = _zero_shards(party, shape, k, *columns)
        join(shards, shape.job.min_cluster_size, last=last, meter=steps)

    return counted(body, shape.num_parties, shape.job.comparisons)


def _zero_shards(
    party: Party, shape: SecondLevelShape, clusters: int, dim: int, payload: int
) -> list[ShardShares]:
    """Return shards with zeros for their sums and assignments."""
    return [
        ShardShares(
            points_enc_KD=party.holds(zeros(clusters, dim)),
            payload_enc_KM=party.holds(zeros(clusters, payload + 1)),
            assignment_enc_NK=party.holds(zeros(shard.num_points, clusters)),
            owner_of_N=shard.owner_of_N,
        )
        for shard in shape.shards
    ]


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
