"""Print what clustering in shards costs by sizes: `python -m mpc.costs.sharded_table`.

The figures are counted in dry runs (`mpc.costs.sharded_cost`); nothing is measured.
"""

import sys
from collections.abc import Iterator
from typing import Final

from mpc.costs.sharded_cost import ShardedShape, sharded_cost
from mpc.jobs.job import ClusterJob
from mpc.jobs.shard_plan import shard_clusters
from mpc.roles.sharded_dry_run import ShardShape

SIZES: Final = (
    (8000, 4, 2),
    (8000, 4, 3),
    (100_000, 25, 2),
    (1_000_000, 125, 2),
)
"""Points of all shards, shards, and parties."""
DIM: Final = 64
"""D, and M too."""
K: Final = 10
ITERATIONS: Final = 10
"""Of every shard, from one start, and of the second level."""


def shape_of(num_points: int, shards: int, num_parties: int) -> ShardedShape:
    """Return the shape of a clustering in shards of about one size, each owner with one point."""
    ends = [num_points * done // shards for done in range(shards + 1)]
    sizes = [last - first for first, last in zip(ends[:-1], ends[1:], strict=True)]
    job = ClusterJob(
        k=shard_clusters(K),
        init="k-means++",
        iterations=ITERATIONS,
        norm_bound=1.0,
        value_bound=1.0,
        payload_bound=1.0,
        shards=shards,
        final_k=K,
        final_iterations=ITERATIONS,
    )
    return ShardedShape(
        job=job,
        shards=tuple(ShardShape(num_points=n, owner_of_N=tuple(range(n))) for n in sizes),
        dim=DIM,
        payload=DIM,
        num_parties=num_parties,
    )


def table() -> Iterator[str]:
    """Yield the lines of a table in Markdown, a line for each of `SIZES`."""
    yield "| points | shards | parties | rounds | online, a party sends | dealer sends |"
    yield "|---|---|---|---|---|---|"
    for num_points, shards, num_parties in SIZES:
        cost = sharded_cost(shape_of(num_points, shards, num_parties))
        online = (num_parties - 1) * cost.online
        offline = cost.dealt(num_parties)
        cells = (
            f"{num_points:,}",
            str(shards),
            str(num_parties),
            f"{cost.rounds:,}",
            f"{online / 1e9:.3g} GB",
            f"{offline / 1e9:.3g} GB",
        )
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    sys.stdout.writelines(f"{line}\n" for line in table())


if __name__ == "__main__":
    main()
