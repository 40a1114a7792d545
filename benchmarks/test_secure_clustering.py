"""Seconds, rounds and bytes of secure distances, an assignment and a full round, side by side.

`make bench` prints them. Rounds and bytes are exact, in `extra_info`; seconds are of this machine.
"""

from collections.abc import Callable

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from mpc import ClusterJob, PlainSession, SecureSession

ROUNDS = 7
JOBS = ["distances", "assignment", "round"]


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
    benchmark.extra_info.update(
        provenance,
        provider="dealer" if isinstance(session, SecureSession) else "none",
        parties=getattr(session, "num_parties", 0),
        rounds_online=traffic.rounds_online,
        rounds_offline=traffic.rounds_offline,
        bytes_online=traffic.bytes_online,
        bytes_client=traffic.bytes_client_max,
        seconds_online=round(traffic.seconds_online, 4),
        seconds_dealer=round(traffic.seconds_offline, 4),
    )
    assert len(set(result.sizes_N.tolist())) == 1


@pytest.mark.parametrize("job", JOBS)
def test_crypten_as_it_comes(
    benchmark: BenchmarkFixture,
    naive: Callable[[str], dict[str, float]],
    provenance: dict[str, object],
    job: str,
) -> None:
    benchmark.group = job
    done = benchmark.pedantic(naive, args=(job,), rounds=ROUNDS, warmup_rounds=1)
    benchmark.extra_info.update(
        provenance,
        provider="tfp (insecure)",
        parties=2,
        rounds_online=done["rounds"],
        bytes_counted_by_crypten=done["bytes"],
        note="gloo; bytes are CrypTen's own count, exact at two parties for large tensors",
    )
    assert done["seconds"] > 0
