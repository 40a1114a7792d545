"""Fields of a job that is one shard of a larger clustering.

More points than a job holds are clustered in shards. Each shard is a job of its own, whose cluster
sums, sizes and assignment stay at the parties as shares. A second level then clusters the clusters
of all shards, each weighing as much as it has points; see `mpc.clustering.second_level`.

Shape letters: N points of all shards, J clusters of all shards, K clusters of the second level.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mpc.errors import InputError
from mpc.jobs.job_numbers import integer_of
from mpc.jobs.privacy import PrivacyFields
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.public_draws import public_rows

if TYPE_CHECKING:
    from mpc.jobs.job import ClusterJob

MAX_WEIGHT: Final = 8191
"""Most weight of all clusters of all shards: as much as a job may have points, for the same reason,
that squared sums fit the ring."""
MAX_SHARD_CLUSTERS: Final = 4095
"""Most clusters of all shards together: half of `MAX_WEIGHT`, so that weights can tell them apart.
"""
SECOND_LEVEL: Final = "second level"
HAND_BACK: Final = "hand back"
"""What a server asks of parties after the shards."""
FINAL_STARTS: Final = 32
"""Default starts of the second level."""
FINAL_ITERATIONS: Final = 30
"""Default limit of reassignments of the second level."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardFields(PrivacyFields):
    """What a job says of the larger clustering that it is a shard of.

    A data owner that takes part in a shard consents to all of it: its result comes after the second
    level, and the parties keep its assignment, as shares, until then.
    """

    shards: int = 1
    """Number of shards; 1: the job is all of the clustering. If there are more, the job opens
    nothing to owners, and the parties keep its result, as shares, for the second level."""
    shard: int = 1
    """Which shard this is, 1 .. `shards`."""
    final_k: int | None = None
    """Clusters of the second level; needed if there are several shards. `k` is the number of
    clusters of each shard, and `min_cluster_size` is judged by the second level."""
    final_restarts: int = FINAL_STARTS
    """Starts of the second level, by k-means++; the one with least inertia is kept. Fewer if
    `final_k` is so large that they would have more than `mpc.jobs.job.MAX_COLUMNS` centres."""
    final_iterations: int = FINAL_ITERATIONS
    """Most reassignments of the second level."""

    @property
    def is_shard(self) -> bool:
        """Whether the job is one of several shards."""
        return self.shards > 1

    def _take_shard_integers(self) -> None:
        names = ["shards", "shard", "final_restarts", "final_iterations"]
        names += ["final_k"] if self.final_k is not None else []
        for name in names:
            number = integer_of(name, getattr(self, name))
            if number < 1:
                raise InputError(f"{name}={number} but at least 1 is needed")
            object.__setattr__(self, name, number)
        if self.shard > self.shards:
            raise InputError(f"shard={self.shard} but there are {self.shards} shards")
        if (self.final_k is None) == self.is_shard:
            raise InputError(
                f"final_k={self.final_k}, shards={self.shards}: several shards need the number of "
                "clusters of the second level, and a job without shards has none"
            )


def check_shard(job: "ClusterJob") -> None:
    """Refuse settings of a shard that no second level could follow.

    Raises
    ------
    InputError
    """
    if not job.is_shard:
        return
    for name, possible in _POSSIBLE.items():
        if getattr(job, name) not in possible:
            listed = " or ".join(map(repr, possible))
            raise InputError(f"{name}={getattr(job, name)!r} but a shard has {name}={listed}")
    if job.k is None or job.init_rows is not None:
        raise InputError("a shard has k given, and no init_rows: its centres stay secret")
    clusters = job.k * job.shards
    if clusters > MAX_SHARD_CLUSTERS:
        raise InputError(
            f"{job.shards} shards of {job.k} clusters are {clusters} clusters, but a second level "
            f"has {MAX_SHARD_CLUSTERS} at most; lower k"
        )
    if job.final_k is not None and job.final_k > clusters:
        raise InputError(f"final_k={job.final_k} but the shards have only {clusters} clusters")
    final_job(job)


_POSSIBLE: Final[dict[str, tuple[object, ...]]] = {
    "reveal": ("own-mean",),
    "evaluate": (False,),
    "start": ("fresh",),
    "init": ("k-means++", "farthest-first", "random"),
    "standardize": (False,),
}
"""Values that fields of a shard may have."""


def final_job(job: "ClusterJob") -> "ClusterJob":
    """Return the second level of a shard's clustering as a job on the clusters of all shards."""
    return replace(
        job,
        label=f"{job.label}, second level".removeprefix(", "),
        k=job.final_k,
        iterations=job.final_iterations,
        init="k-means++",
        init_rows=None,
        restarts=job.final_restarts,
        centre=False,
        value_bound=None,
        shards=1,
        shard=1,
        final_k=None,
    )


def ledger_label(job: "ClusterJob") -> str:
    """Return the job's label, and which shard it is, for the ledger."""
    if not job.is_shard:
        return job.label
    return f"{job.label}, shard {job.shard} of {job.shards}".removeprefix(", ")


def same_clustering(one: "ClusterJob", other: "ClusterJob") -> bool:
    """Whether two jobs may be shards of one clustering: they differ in number and label only."""
    return replace(one, shard=1, label="") == replace(other, shard=1, label="")


def weights_of_sizes(most: int, num_points: int, num_clusters: int) -> Int64Array:
    """Return the public table of weights by the size of a shard's cluster, (2^d,).

    Parameters
    ----------
    most : int
        Points of the largest shard, of bit length d.
    num_points : int
        N.
    num_clusters : int
        J.

    Returns
    -------
    ndarray of int64
        The size itself, if all points fit `MAX_WEIGHT`. Otherwise a multiple of it, rounded, at
        least 1 for a cluster with points. The sum of all weights is at most `MAX_WEIGHT`.
    """
    sizes = np.arange(1 << most.bit_length(), dtype=np.int64)
    if num_points <= MAX_WEIGHT:
        return sizes
    room = MAX_WEIGHT - num_clusters
    weights = np.maximum((2 * sizes * room + num_points) // (2 * num_points), 1)
    return np.where(sizes > 0, weights, 0)


def most_weight(num_points: int) -> int:
    """Return a bound on the sum of all weights."""
    return min(num_points, MAX_WEIGHT)


def drawn_order(seed: int, names: Sequence[str]) -> list[str]:
    """Return names in a public order, drawn with a seed, so that shards are alike."""
    return [names[at] for at in public_rows(seed, len(names), 1, len(names))[0]]
