"""Seconds, rounds and bytes of secure distances, an assignment and a full round, side by side.

`make bench` prints them. Rounds and bytes are exact, in `extra_info`; bytes on the wire vary with
the kernel's timing, and seconds are of this machine.
"""

from collections.abc import Callable

import numpy as np
import pytest
from conftest import D, K, M, N
from pytest_benchmark.fixture import BenchmarkFixture

from mpc import ClusterJob, PlainSession, SecureSession, Traffic
from mpc.ring.fixedpoint import DISTANCE_BITS, GRAM_BITS

ROUNDS = 7
JOBS = ["distances", "assignment", "round"]
SIZES = {"N": N, "D": D, "M": M, "K": K}


@pytest.mark.parametrize("job", JOBS)
def test_ours(
    benchmark: BenchmarkFixture,
    session: PlainSession | SecureSession,
    vectors: tuple[np.ndarray, np.ndarray],
    provenance: dict[str, object],
    jobs: dict[str, ClusterJob],
    job: str,
) -> None:
    benchmark.group = job
    result = benchmark.pedantic(
        session.cluster, args=(jobs[job], *vectors), rounds=ROUNDS, warmup_rounds=1
    )
    traffic = result.traffic
    secure = isinstance(session, SecureSession)
    benchmark.extra_info.update(
        {**provenance, **SIZES},
        provider="dealer" if secure else "none",
        links="tls" if secure else "none",
        parties=getattr(session, "num_parties", 0),
        gram_bits=GRAM_BITS,
        distance_bits=DISTANCE_BITS,
        rounds_online=traffic.rounds_online,
        rounds_offline=traffic.rounds_offline,
        bytes_online=traffic.bytes_online,
        bytes_wire=online_wire_bytes(traffic),
        bytes_online_by_operation=online_bytes_by_operation(traffic),
        bytes_client=traffic.bytes_client_max,
        seconds_online=round(traffic.seconds_online, 4),
        seconds_dealer=round(traffic.seconds_offline, 4),
    )
    assert len(set(result.sizes_N.tolist())) == 1


@pytest.mark.parametrize("job", JOBS)
def test_crypten_as_it_comes(
    benchmark: BenchmarkFixture,
    naive: Callable[..., Callable[..., dict[str, float]]],
    provenance: dict[str, object],
    job: str,
) -> None:
    benchmark.group = job
    run = naive("TFP", (N, D, K))
    counted = run(job, count=True)
    done = benchmark.pedantic(run, args=(job,), rounds=ROUNDS)
    benchmark.extra_info.update(
        {**provenance, **SIZES},
        provider="tfp (insecure)",
        links="gloo",
        parties=2,
        rounds_online=counted["rounds"],
        bytes_online=counted["bytes"],
        bytes_wire=None,
        note="bytes are CrypTen's own count, exact at two parties for large tensors",
    )
    assert done["seconds"] > 0


def online_wire_bytes(traffic: Traffic) -> int | None:
    """Return what all parties sent one another, with all headers; None where it is not known."""
    sent = [role.bytes_wire_sent for role in traffic.roles if role.phase == "online"]
    return None if None in sent else sum(sent)


def online_bytes_by_operation(traffic: Traffic) -> dict[str, int]:
    """Return what all parties sent one another, by kind of message."""
    sums: dict[str, int] = {}
    for entry in traffic.operations:
        if entry.phase == "online":
            sums[entry.operation] = sums.get(entry.operation, 0) + entry.bytes_sent
    return sums
