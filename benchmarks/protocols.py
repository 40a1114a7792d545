"""One table of the protocols that can compute a clustering, measured side by side.

`python benchmarks/protocols.py` runs the same jobs by each protocol, in turns, and prints a table:
who learns what, collusion, dropouts, bytes by role, rounds, seconds, labels beside the plaintext
twin. `--json FILE` saves all that was measured. Rows are those of the default federation in size:
D = 1280 numbers of a descriptor, M = 1792 of an update and prototypes, K = 5.

Shape letters: N clients, K clusters, D dimensions of a descriptor, M of a payload.
"""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from provenance import provenance

from mpc import (
    ClusterJob,
    ClusterResult,
    PlainSession,
    SecPCSession,
    SecPCSettings,
    Session,
    open_session,
)
from mpc.jobs.protocol import PROTOCOLS, ProtocolName
from mpc.ring.fixedpoint import FloatArray
from mpc.session.stamps import Links
from secfpp.config.clustering import ClusteringConfig
from secfpp.methods.shared.round_job import job_of

DIM, PAYLOAD, K = 1280, 1792, 5
NOISE: Final = 0.3
"""Length of the noise of a descriptor, whose domain has length 1: domains are well apart."""
WARM_UP_SEED: Final = 0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is measured."""

    sizes: tuple[int, ...]
    parties: int
    seeds: tuple[int, ...]
    protocols: tuple[ProtocolName, ...]
    links: Links


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """A protocol, its session, and what a job of so many clients promises."""

    name: str
    session: Session
    job: Callable[[ClusterJob], ClusterJob]
    server_learns: str
    client_learns: str
    colluders: str
    dropouts: str


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One job."""

    seed: int
    seconds: float
    rounds: int
    client: int
    """Bytes sent and received by the busiest client."""
    party: int
    """The same of the busiest computing party, all that it sends and receives."""
    dealer: int
    server: int
    labels_equal: bool
    mean_error: float
    """Largest difference of a number of a mean, in units of the payload's bound."""
    iterations: int
    steps: tuple[tuple[str, int, int, float], ...]
    """Name, rounds, bytes that a party sends, seconds."""


def rows_of(num_clients: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return unit descriptors of K domains, (N, D), and updates of norm at most 1, (N, M)."""
    rng = np.random.default_rng(seed)
    domain_N = rng.permutation(np.arange(num_clients) % K)
    centres_KD = rng.normal(size=(K, DIM)) / np.sqrt(DIM)
    noise_ND = NOISE * rng.normal(size=(num_clients, DIM)) / np.sqrt(DIM)
    points_ND = centres_KD[domain_N] + noise_ND
    points_ND /= np.linalg.norm(points_ND, axis=1)[:, None]
    payload_NM = rng.normal(size=(num_clients, PAYLOAD))
    return points_ND, payload_NM / np.linalg.norm(payload_NM, axis=1)[:, None]


def shared_job(points_ND: FloatArray, payload_NM: FloatArray) -> ClusterJob:
    """Return the job that all protocols do: as many iterations as the twin needs, no more."""
    job = ClusterJob(
        k=K,
        init="farthest-first",
        centre=False,
        norm_bound=1.0,
        payload_bound=1.0,
        min_cluster_size=1,
        evaluate=True,
    )
    return replace(job, iterations=PlainSession().cluster(job, points_ND, payload_NM).iterations)


def entrants(settings: Settings, num_clients: int, stack: ExitStack) -> Iterator[Entrant]:
    """Open what each protocol runs on."""
    of_parties: dict[str, str] = {
        "server_learns": "number of iterations",
        "client_learns": "own mean and size",
        "colluders": f"{settings.parties - 1} of {settings.parties} parties, dealer with nobody",
        "dropouts": "clients that have shared: all; parties, dealer: none",
    }
    if {"additive", "crypten"} & set(settings.protocols):
        session = stack.enter_context(
            open_session(
                settings.parties,
                links=settings.links,
                insecure_dev=settings.links == "plain",
            )
        )
    if "additive" in settings.protocols:
        yield Entrant(name="additive", session=session, job=lambda job: job, **of_parties)
        yield Entrant(
            name="additive, default start",
            session=session,
            job=lambda job: default_start(job, num_clients),
            **of_parties,
        )
    if "crypten" in settings.protocols:
        yield Entrant(
            name="crypten",
            session=session,
            job=lambda job: replace(job, protocol="crypten"),
            **of_parties | {"server_learns": "nothing, iterations are fixed"},
        )
    if "secpc" in settings.protocols:
        yield stack.enter_context(coded_session(settings, num_clients))


@contextmanager
def coded_session(settings: Settings, num_clients: int) -> Iterator[Entrant]:
    """Open a session of clients that compute for one another, as the defaults have it."""
    how = SecPCSettings()
    code = how.code(num_clients)
    spare = num_clients - code.answers_for_distances
    with SecPCSession(how, links=settings.links, insecure_dev=settings.links == "plain") as session:
        yield Entrant(
            name="secpc",
            session=session,
            job=lambda job: replace(job, protocol="secpc", reveal="distances", evaluate=False),
            server_learns="labels, distances of rows to means of clusters, sums of clusters",
            client_learns="labels of all, own mean and size",
            colluders=f"{code.colluders} of {num_clients} clients",
            dropouts=f"{spare} of {num_clients} clients",
        )


def default_start(job: ClusterJob, num_clients: int) -> ClusterJob:
    """Return the job from as many starts at random rows as the default federation has."""
    usual = job_of(ClusteringConfig(k=K), num_clients, seed=job.seed)
    return replace(job, init=usual.init, restarts=usual.restarts)


def measured(entrant: Entrant, num_clients: int, seed: int) -> Measured:
    """Run one job, and hold it to the plaintext twin."""
    rows = rows_of(num_clients, seed)
    job = entrant.job(shared_job(*rows))
    result = entrant.session.cluster(job, *rows)
    twin = PlainSession().cluster(replace(job, protocol="additive", reveal="own-mean"), *rows)
    traffic = result.traffic

    def most(role: str) -> int:
        return max(traffic.bytes_of(role), default=0)

    return Measured(
        seed=seed,
        seconds=traffic.seconds_total,
        rounds=traffic.rounds_online,
        client=most("client:"),
        party=most("party:"),
        dealer=most("dealer"),
        server=most("server"),
        labels_equal=same_clusters(result, twin),
        mean_error=float(np.nanmax(np.abs(result.means_NM - twin.means_NM))),
        iterations=result.iterations,
        steps=tuple((s.name, s.rounds, s.bytes_sent, s.seconds) for s in traffic.steps),
    )


def same_clusters(result: ClusterResult, twin: ClusterResult) -> bool:
    """Tell whether both have the same clusters, whatever their numbers."""
    if result.labels_N is None or twin.labels_N is None:
        return False
    pairs = set(zip(result.labels_N.tolist(), twin.labels_N.tolist(), strict=True))
    return len(pairs) == len(set(result.labels_N)) == len(set(twin.labels_N))


def measure(settings: Settings, num_clients: int) -> dict[str, tuple[Entrant, list[Measured]]]:
    """Run every protocol on every seed, in turns; the first job of each is not counted."""
    with ExitStack() as stack:
        found = {e.name: (e, list[Measured]()) for e in entrants(settings, num_clients, stack)}
        for seed in (WARM_UP_SEED, *settings.seeds):
            for name, (entrant, done) in found.items():
                say(f"N = {num_clients}, {name}, seed {seed}")
                one = measured(entrant, num_clients, seed)
                if seed != WARM_UP_SEED:
                    done.append(one)
    return found


COLUMNS: Final = (
    "N",
    "protocol",
    "the server learns",
    "a client learns",
    "may collude",
    "may drop out",
    "client",
    "party",
    "dealer",
    "server",
    "rounds",
    "seconds",
    "labels as the twin",
    "largest error of a mean",
)


def line(num_clients: int, entrant: Entrant, done: Sequence[Measured]) -> list[str]:
    """Return a line of the table: medians over the seeds."""

    def median(field: str) -> float:
        return float(statistics.median(getattr(one, field) for one in done))

    seconds = sorted(one.seconds for one in done)
    return [
        str(num_clients),
        entrant.name,
        entrant.server_learns,
        entrant.client_learns,
        entrant.colluders,
        entrant.dropouts,
        *(size(median(role)) for role in ("client", "party", "dealer", "server")),
        f"{median('rounds'):g}",
        f"{statistics.median(seconds):.2f} ({seconds[0]:.2f} to {seconds[-1]:.2f})",
        f"{sum(one.labels_equal for one in done)} of {len(done)}",
        f"{max(one.mean_error for one in done):.1e}",
    ]


def size(num_bytes: float) -> str:
    """Return bytes in kB or MB; a dash for none."""
    if not num_bytes:
        return "-"
    return f"{num_bytes / 1e6:.3g} MB" if num_bytes >= 1e6 else f"{num_bytes / 1e3:.3g} kB"


Step = tuple[int, int, float]


def typical(done: Sequence[Measured]) -> dict[str, Step]:
    """Return rounds and bytes of every step of the first job, and median seconds over all."""
    seconds: dict[str, list[float]] = {}
    for one in done:
        for name, _, _, taken in one.steps:
            seconds.setdefault(name, []).append(taken)
    return {
        name: (rounds, sent, statistics.median(seconds[name]))
        for name, rounds, sent, _ in done[0].steps
    }


def step_table(ours: Sequence[Measured], theirs: Sequence[Measured]) -> list[list[str]]:
    """Return steps of CrypTen's own operations beside ours: rounds, bytes of a party, seconds."""
    of_ours = typical(ours)
    rows = [["step", "rounds", "a party sends", "milliseconds", "rounds", "bytes", "seconds"]]
    for name, (rounds, sent, seconds) in typical(theirs).items():
        mine = of_ours.get(name)
        ratios = ["-"] * 3
        if mine is not None:
            ratios = [
                f"{theirs_ / ours_:.1f}" if ours_ else "-"
                for theirs_, ours_ in zip((rounds, sent, seconds), mine, strict=True)
            ]
        shown = "-" if mine is None else f"{mine[0]} / {rounds}"
        rows.append([name, shown, pair(mine, 1, sent), pair(mine, 2, seconds), *ratios])
    return rows


def pair(mine: Step | None, at: int, theirs: float) -> str:
    """Return our number and theirs."""
    shown = size if at == 1 else lambda seconds: f"{1e3 * seconds:.0f}"
    return f"{'-' if mine is None else shown(mine[at])} / {shown(theirs)}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(each)} |" for each in lines)


def note(settings: Settings) -> str:
    """Return what the table is of, for whoever reads it elsewhere."""
    seeds = ", ".join(map(str, settings.seeds))
    return (
        f"N clients with a descriptor of {DIM} and an update of {PAYLOAD} numbers, {K} clusters, "
        f"{settings.parties} parties, links by {settings.links} on one machine of "
        f"{os.cpu_count()} cores. Bytes are sent and received by the busiest of a role, in a "
        f"whole job. Medians of {len(settings.seeds)} jobs, in turns (seeds {seeds}); in brackets "
        "the fastest and the slowest. Additive and crypten open labels to an evaluator here, to "
        "compare them. Printed by python benchmarks/protocols.py."
    )


def main() -> None:
    settings, file = asked()
    kept: dict[str, object] = {**provenance(), "settings": asdict(settings)}
    rows, jobs = [], []
    for num_clients in settings.sizes:
        found = measure(settings, num_clients)
        for entrant, done in found.values():
            rows.append(line(num_clients, entrant, done))
            jobs += [{"n": num_clients, "protocol": entrant.name, **asdict(o)} for o in done]
        if {"additive", "crypten"} <= found.keys():
            ours, theirs = (found[name][1] for name in ("additive", "crypten"))
            head, *steps = step_table(ours, theirs)
            print_out(f"\nN = {num_clients}, additive / crypten, and crypten over additive:\n")
            print_out(markdown(head, steps))
    print_out("\n" + markdown(COLUMNS, rows))
    kept |= {
        "load_after": os.getloadavg()[0],
        "jobs": jobs,
        "columns": list(COLUMNS),
        "lines": [{"cells": cells} for cells in rows],
        "note": note(settings),
    }
    print_out(f"\n{note(settings)}")
    if file is not None:
        file.write_text(json.dumps(kept, indent=1))


def asked() -> tuple[Settings, Path | None]:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 30, 100])
    parser.add_argument("--parties", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[400, 401, 402])
    parser.add_argument("--protocols", nargs="+", default=list(PROTOCOLS))
    parser.add_argument("--links", choices=["tls", "plain"], default="tls")
    parser.add_argument("--json", type=Path)
    words = parser.parse_args()
    settings = Settings(
        sizes=tuple(words.sizes),
        parties=words.parties,
        seeds=tuple(words.seeds),
        protocols=tuple(words.protocols),
        links=words.links,
    )
    return settings, words.json


def say(words: str) -> None:
    sys.stderr.write(f"{words}\n")


def print_out(words: str) -> None:
    sys.stdout.write(f"{words}\n")


if __name__ == "__main__":
    main()
