"""Measure clustering in shards: its inertia beside one job's, and a chain of very many owners.

`python benchmarks/sharding.py inertia` compares four shards with one job at N = 8000 in the clear,
whose labels are those under sharing, for each given number of `--reassignments` of points.
`python benchmarks/sharding.py chain --owners 100000` runs the whole chain under sharing, in which
every owner has one row and its own links.

Shape letters: N rows, K clusters, D dimensions.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass, replace

import numpy as np
from peers.engines.ours import peak_bytes
from provenance import provenance

from mpc import ClusterJob, ClusterResult, PlainSession, cluster_in_shards, open_session
from mpc.costs.sharded_cost import ShardedShape, sharded_cost
from mpc.costs.sharded_plan import plan_shards
from mpc.costs.speeds import TWO_CORES
from mpc.jobs.default_start import start_of
from mpc.jobs.shard_plan import planned_shards, shard_clusters
from mpc.jobs.sharding import POINT_REASSIGNMENTS
from mpc.ring.fixedpoint import FloatArray
from mpc.roles.dry_run import JobShape
from mpc.roles.sharded_dry_run import ShardShape

ITERATIONS = 10
"""Reassignments in a shard that the planner reckons with."""
KINDS = ("blobs", "uneven", "uniform")
"""Ten clusters that overlap; thirty clusters of uneven sizes, for K = 10; and a plane without any
clusters, for which shards are worst."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What both measurements are told."""

    owners: int
    dim: int
    k: int
    shard_size: int
    seeds: tuple[int, ...]
    parties: int
    restarts: int | None
    reassignments: tuple[int, ...]
    """Of points, after the second level; a chain has the first."""
    links: str


def rows_of(kind: str, settings: Settings, seed: int) -> FloatArray:
    """Return rows of one kind, (N, D)."""
    n, d, k = settings.owners, settings.dim, settings.k
    rng = np.random.default_rng(seed)
    if kind == "uniform":
        flat_ND = 0.01 * rng.normal(size=(n, d))
        flat_ND[:, :2] = rng.uniform(size=(n, 2))
        return flat_ND
    number = k if kind == "blobs" else 3 * k
    sizes = np.full(number, 1 / k) if kind == "blobs" else rng.dirichlet(np.full(number, 0.7))
    centres_KD, spread = rng.normal(size=(number, d)), 2.0 if kind == "blobs" else 1.0
    rows_ND: FloatArray = centres_KD[rng.choice(number, p=sizes, size=n)]
    return rows_ND + spread * rng.normal(size=(n, d))


def job_of(settings: Settings, num_points: int, k: int, seed: int) -> ClusterJob:
    """Return a job with the default start of so many points and clusters."""
    start = start_of(num_points, k, restarts=settings.restarts)
    return ClusterJob(
        k=settings.k,
        init=start.init,
        restarts=start.restarts,
        iterations=start.iterations if settings.restarts is None else k + 3,
        seed=seed,
        point_reassignments=settings.reassignments[0],
    )


def inertia(rows_ND: FloatArray, means_ND: FloatArray) -> float:
    """Return the sum of squared distances of rows to the means that their owners received."""
    gap_ND = rows_ND - means_ND
    return float(np.einsum("nd,nd->", gap_ND, gap_ND))


def ratios(kind: str, settings: Settings, seed: int) -> list[float]:
    """Return the inertia of shards divided by that of one job, by reassignments of points."""
    rows_ND = rows_of(kind, settings, seed)
    alone = job_of(settings, len(rows_ND), settings.k, seed)
    one = inertia(rows_ND, PlainSession().cluster(alone, rows_ND, rows_ND).means_NM)
    job = job_of(settings, settings.shard_size, shard_clusters(settings.k), seed)
    return [
        inertia(
            rows_ND,
            cluster_in_shards(
                PlainSession(),
                replace(job, point_reassignments=again),
                rows_ND,
                rows_ND,
                shard_size=settings.shard_size,
            ).means_NM,
        )
        / one
        for again in settings.reassignments
    ]


def compare(settings: Settings) -> None:
    """Print the ratio of inertias for every kind of rows: mean, and standard error over seeds."""
    for kind in KINDS:
        found = np.array([ratios(kind, settings, seed) for seed in settings.seeds])
        for again, of_seeds in zip(settings.reassignments, found.T, strict=True):
            several = len(of_seeds) > 1
            error = of_seeds.std(ddof=1) / np.sqrt(len(of_seeds)) if several else float("nan")
            show(
                kind=kind,
                n=settings.owners,
                shard_size=settings.shard_size,
                reassignments=again,
                seeds=list(settings.seeds),
                ratios=of_seeds.round(5).tolist(),
                mean=round(float(of_seeds.mean()), 5),
                standard_error=round(float(error), 5),
            )


def chain(settings: Settings) -> None:
    """Print predicted and measured rounds and bytes, seconds, and peak memory of every process."""
    seed, n = settings.seeds[0], settings.owners
    rows_ND = rows_of("blobs", settings, seed)
    job = job_of(settings, settings.shard_size, shard_clusters(settings.k), seed)
    first, shards = planned_shards(job, rows_ND, rows_ND, None, shard_size=settings.shard_size)
    shape = ShardedShape(
        job=first,
        shards=tuple(
            ShardShape(num_points=len(each.rows), owner_of_N=tuple(range(len(each.rows))))
            for each in shards
        ),
        dim=settings.dim,
        payload=settings.dim,
        num_parties=settings.parties,
    )
    most = sharded_cost(shape)
    show(
        **provenance(),
        shards=len(shards),
        most_rounds=most.rounds,
        most_online=most.online,
        predicted=predicted(job, settings),
    )
    began = time.perf_counter()
    plain = settings.links == "plain"
    with open_session(
        settings.parties,
        timeout_s=600,
        job_timeout_s=7200,
        links="plain" if plain else "tls",
        insecure_dev=plain,
    ) as session:
        result = cluster_in_shards(session, job, rows_ND, rows_ND, shard_size=settings.shard_size)
        peaks = {role: peak_bytes(pid) for role, pid in session.pids.items()}
    show(
        n=n,
        seconds=round(time.perf_counter() - began, 1),
        seconds_online=round(result.traffic.seconds_online, 1),
        rounds=result.traffic.rounds_online,
        bytes=bytes_by_role(result),
        peak_memory=peaks | {"server and owners": peak_bytes(os.getpid())},
        inertia_of_truth=round(inertia(rows_ND, result.means_NM) / (4.0 * rows_ND.size), 4),
        clusters=len(np.unique(result.sizes_N)),
        iterations=result.iterations,
        ledger=len(result.ledger),
        links=settings.links,
    )


def predicted(job: ClusterJob, settings: Settings) -> dict[str, float]:
    """Return the seconds that the planner expects of all jobs, and of connecting twice."""
    shape = JobShape(
        job=job,
        num_points=settings.owners,
        dim=settings.dim,
        payload=settings.dim,
        num_parties=settings.parties,
    )
    plans = plan_shards(shape, iterations=ITERATIONS, shard_size=settings.shard_size)
    return {
        "jobs": round(sum(times * TWO_CORES.seconds(plan.work) for _, times, plan in plans), 1),
        "connecting": round(2 * settings.owners * settings.parties * TWO_CORES.connection_s, 1),
    }


def bytes_by_role(result: ClusterResult) -> dict[str, int]:
    """Return the bytes that parties and dealer sent."""
    sent: dict[str, int] = {}
    for each in result.traffic.roles:
        if not each.role.startswith("client:"):
            sent[each.role] = sent.get(each.role, 0) + each.bytes_sent
    return sent


def show(**values: object) -> None:
    """Print one line of JSON."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("inertia", "chain"))
    parser.add_argument("--owners", type=int, default=8000)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--shard-size", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[350, 351, 352])
    parser.add_argument("--parties", type=int, default=2)
    parser.add_argument("--restarts", type=int, help="starts of each shard; default: by its size")
    parser.add_argument(
        "--reassignments",
        type=int,
        nargs="+",
        default=[POINT_REASSIGNMENTS],
        help="of points, after the second level; a chain has the first",
    )
    parser.add_argument("--links", choices=("tls", "plain"), default="tls")
    given = vars(parser.parse_args())
    what = given.pop("what")
    lists = {name: tuple(given[name]) for name in ("seeds", "reassignments")}
    settings = Settings(**{**given, **lists})
    compare(settings) if what == "inertia" else chain(settings)


if __name__ == "__main__":
    main()
