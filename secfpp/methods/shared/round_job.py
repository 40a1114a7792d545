"""The clustering job of a round: where it begins, and from how many first centres."""

from typing import Final

from mpc.jobs.default_start import LEADERS_STARTS, RANDOM_STARTS, open_starts
from mpc.jobs.job import Beginning, ClusterJob, Init
from mpc.jobs.protocol import ProtocolName
from secfpp.config.clustering import ClusteringConfig

__all__ = ["job_of"]

RANDOM_CLUSTERS: Final = 6
"""Most clusters for which some of so many starts at random rows have a row in each: of K equal
clusters, one start in K^K / K! does, 26 for 5 clusters and 65 for 6, but 163 for 7."""
RANDOM_COMPARISONS: Final = 40_960
"""Most comparisons of an iteration over all starts at random rows: 64 starts of 64 participants and
5 clusters, for which the dealer sends 18 MB."""
_FEWEST_STARTS: Final = 32
OPEN_COMPARISONS: Final = 65_536
"""The same if k is left open, over all candidates: 32 starts of 25 participants and up to 8
clusters, for which the dealer sends 23 MB."""
_FEWEST_OPEN_STARTS: Final = 24
LEADERS_UP_TO: Final = 32
"""Most participants whose first centres are leaders, with more clusters: the dealer sends up to 4
MB for them, in place of some 20 rounds of messages. For more, bytes outweigh rounds."""


def job_of(
    settings: ClusteringConfig,
    num_clients: int,
    round_index: int = 0,
    *,
    seed: int = 0,
    label: str = "",
    protocol: ProtocolName = "additive",
) -> ClusterJob:
    """Return the job of a round; never more clusters than participants.

    Protocols that have one start begin every round at rows that are far from one another.
    """
    k = None if settings.k is None else min(settings.k, num_clients)
    start: Beginning = "fresh"
    init: Init = "farthest-first"
    restarts = 1
    if protocol == "additive":
        start = _start(settings, k, round_index)
        init, restarts = _fresh(num_clients, k, settings.k_max)
    return ClusterJob(
        k=k,
        k_max=settings.k_max,
        comparisons=settings.comparisons,
        protocol=protocol,
        iterations=settings.iterations,
        start=start,
        warm_iterations=settings.warm_iterations,
        init=init,
        restarts=restarts,
        seed=seed + round_index,
        reveal=settings.reveal,
        min_cluster_size=settings.min_cluster_size,
        evaluate=settings.evaluate,
        centre=False,  # descriptors have unit norm; their directions are compared
        norm_bound=1.0,
        label=label,
    )


def _start(settings: ClusteringConfig, k: int | None, round_index: int) -> Beginning:
    """Return where a round begins: fresh, warm, or every few rounds at both."""
    if not settings.warm or round_index == 0:
        return "fresh"
    if round_index % settings.fresh_every:
        return "warm"
    if k is None:
        return "fresh"
    return "both" if k > 1 else "warm"


def _fresh(n: int, k: int | None, k_max: int) -> tuple[Init, int]:
    """Return how n participants choose fresh first centres, and from how many starts."""
    if k is None:
        starts = open_starts(n, k_max, OPEN_COMPARISONS)
        return ("random", starts) if starts >= _FEWEST_OPEN_STARTS else ("farthest-first", 1)
    if k == 1:
        return "random", 1
    starts = min(RANDOM_STARTS, RANDOM_COMPARISONS // (n * k * (k - 1) // 2))
    if k <= RANDOM_CLUSTERS and starts >= _FEWEST_STARTS:
        return "random", starts
    return ("leaders", LEADERS_STARTS) if n <= LEADERS_UP_TO else ("farthest-first", 1)
