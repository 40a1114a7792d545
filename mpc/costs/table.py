"""Print the cost of a later iteration by sizes and parties: `python -m mpc.costs.table`.

The figures are counted in dry runs (`mpc.costs.job_cost`); nothing is measured.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Final

from mpc.costs.job_cost import Cost, job_cost
from mpc.jobs.comparisons import Comparisons
from mpc.jobs.job import ClusterJob
from mpc.roles.dry_run import JobShape

SIZES: Final = ((20, 1280, 5), (100, 128, 4), (100, 512, 8), (1000, 128, 8), (5000, 512, 16))
"""N, D, K."""
PARTIES: Final[tuple[tuple[int, Comparisons], ...]] = (
    (2, "fss"),
    (2, "lut"),
    (2, "boolean"),
    (3, "lut"),
    (3, "boolean"),
    (5, "lut"),
)
_ITERATION: Final = 3
"""The first iteration with the cost of all later ones."""


def later_iteration(
    sizes: tuple[int, int, int], num_parties: int, comparisons: Comparisons
) -> Cost:
    """Return the cost of a later iteration under the default policy."""
    num_points, dim, k = sizes
    job = ClusterJob(
        k=k,
        iterations=_ITERATION,
        norm_bound=1.0,
        value_bound=1.0,
        payload_bound=1.0,
        comparisons=comparisons,
        init_rows=tuple(range(k)),  # the cost of the start is not used
    )
    shape = JobShape(job=job, num_points=num_points, dim=dim, payload=1, num_parties=num_parties)
    return job_cost(shape, iterations=_ITERATION)[f"iteration {_ITERATION}"]


def table() -> Iterator[str]:
    """Yield the lines of a table in Markdown, a line for each of `SIZES` and `PARTIES`."""
    yield "| N, D, K | parties, comparisons | rounds | online, a party sends | dealer sends |"
    yield "|---|---|---|---|---|"
    for sizes in SIZES:
        for num_parties, comparisons in PARTIES:
            yield _line(sizes, num_parties, comparisons)


def _line(sizes: tuple[int, int, int], num_parties: int, comparisons: Comparisons) -> str:
    cost = later_iteration(sizes, num_parties, comparisons)
    online = (num_parties - 1) * cost.online
    offline = cost.dealt(num_parties)
    cells: Sequence[object] = (
        ", ".join(map(str, sizes)),
        f"{num_parties}, {comparisons}",
        cost.rounds,
        f"{online / 1e6:.3g} MB",
        f"{offline / 1e6:.3g} MB",
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Print the table."""
    sys.stdout.writelines(f"{line}\n" for line in table())


if __name__ == "__main__":
    main()
