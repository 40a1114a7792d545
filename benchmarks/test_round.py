"""One round of 64 bytes between two processes on loopback, over our links and over gloo.

Where the scheduler puts the two processes decides much: on a core each they overlap, on one core
they take turns. Measured as the scheduler likes, and both ways.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest
from companions import Companions, gloo_environments
from pytest_benchmark.fixture import BenchmarkFixture
from targets import Samples, Target, by_turns, note

from mpc.net.certificates import Authority

BLOCK = 100
"""Rounds at a time; a sample is the median of their durations at party 0."""
SAMPLES = 31
TARGETS = {"tls": 1 / 3, "plain": 1 / 6}
Pairs = dict[str, Companions]


@pytest.fixture(scope="module")
def pairs() -> Iterator[Pairs]:
    """Start two processes on gloo, two on TLS and two on plain TCP, and let them meet."""
    environments = {"gloo": gloo_environments(2, world_size=2), "tls": [{}, {}], "plain": [{}, {}]}
    with ExitStack() as stack:
        started = {
            links: stack.enter_context(Companions("round_trip.py", (), environment))
            for links, environment in environments.items()
        }
        started["gloo"].ask((0, 1), links="gloo")
        for links in TARGETS:
            meet(started[links], links)
        yield started


def meet(peers: Companions, links: str) -> None:
    """Hand out credentials and a port, and wait until both are ready."""
    authority = Authority.create() if links == "tls" else None
    session = secrets.token_hex(32)
    port: dict[str, object] = {}
    for rank in range(2):
        credentials = authority and authority.issue(f"party:{rank}").as_json()
        peers.tell(rank, links=links, rank=rank, session=session, credentials=credentials, **port)
        port = port or peers.hear(0)
    for rank in range(2):
        peers.hear(rank)


def cores_of(placement: str) -> list[list[int]]:
    """Return the cores that each of two processes may run on."""
    cores = sorted(os.sched_getaffinity(0))
    return {
        "anywhere": [cores, cores],
        "one core": [cores[:1], cores[:1]],
        "two cores": [cores[:1], cores[-1:]],
    }[placement]


@pytest.mark.parametrize("placement", ["anywhere", "one core", "two cores"])
def test_round_of_64_bytes(
    benchmark: BenchmarkFixture, pairs: Pairs, provenance: dict[str, object], placement: str
) -> None:
    cores = cores_of(placement)
    samples = {name: Samples(partial(one_round, peers, cores)) for name, peers in pairs.items()}
    by_turns(benchmark, samples["tls"], samples["gloo"], samples["plain"], rounds=SAMPLES)
    benchmark.extra_info.update(
        provenance,
        parties=2,
        provider="none",
        links=list(samples),
        cores_of_parties=cores,
        bytes_payload=64,
        rounds_in_a_sample=BLOCK,
        seconds_a_round={links: of.median for links, of in samples.items()},
    )
    gloo = samples["gloo"].median
    for links, bound in TARGETS.items():
        ours = samples[links].median
        target = Target(
            what=f"a round of 64 bytes, {placement}, {links} links / gloo",
            ratio=ours / gloo,
            bound="at most",
            target=bound,
            figures=f"{1e6 * ours:.0f} us / {1e6 * gloo:.0f} us",
        )
        note(benchmark, target)


def one_round(peers: Companions, cores: list[list[int]]) -> float:
    """Return the median of a block of rounds, in seconds."""
    for rank in range(2):
        peers.tell(rank, rounds=BLOCK, cores=cores[rank])
    return [peers.hear(rank) for rank in range(2)][0]["seconds"]
