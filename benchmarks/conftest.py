"""What the benchmarks run on: our session, its plaintext twin, and CrypTen as it comes.

No `__init__.py` and no import of `benchmarks`: CrypTen's wheel installs a package of that name.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from mpc import ClusterJob, PlainSession, SecureSession, open_session
from mpc.fixedpoint import DISTANCE_BITS, GRAM_BITS
from mpc.transport import listen

N, D, M, K = 20, 1280, 512, 5


class Naive:
    """CrypTen's own k-means steps between two processes over gloo, first-party provider."""

    def __init__(self) -> None:
        with listen() as probe:
            port = probe.getsockname()[1]
        self._children = [self._start(rank, port) for rank in range(2)]

    @staticmethod
    def _start(rank: int, port: int) -> "subprocess.Popen[str]":
        environment = {
            **os.environ,
            "RANK": str(rank),
            "WORLD_SIZE": "2",
            "RENDEZVOUS": "env://",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "GLOO_SOCKET_IFNAME": "lo",
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }
        return subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "crypten_naive.py"), *map(str, (N, D, K))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def __call__(self, job: str) -> dict[str, float]:
        for child in self._children:
            child.stdin.write(job + "\n")
            child.stdin.flush()
        return [json.loads(child.stdout.readline()) for child in self._children][0]

    def close(self) -> None:
        for child in self._children:
            child.kill()
            child.wait(timeout=10)
            child.stdin.close()
            child.stdout.close()


@pytest.fixture(scope="session")
def vectors() -> tuple[np.ndarray, np.ndarray]:
    """K separated groups of unit vectors, and payloads: the sizes of the default experiment."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(K, D))[np.arange(N) % K] + 0.3 * rng.normal(size=(N, D))
    return points / np.linalg.norm(points, axis=1, keepdims=True), rng.normal(size=(N, M))


@pytest.fixture(scope="session")
def jobs() -> dict[str, ClusterJob]:
    """Distances only, one assignment to given centres, and what one federated round asks for."""
    return {
        "distances": ClusterJob(k=K, reveal="distances"),
        "assignment": ClusterJob(k=K, iterations=1, init_rows=tuple(range(K)), evaluate=True),
        "round": ClusterJob(k=K),
    }


@pytest.fixture(scope="session", params=["plain", "2-party", "3-party"])
def session(request: pytest.FixtureRequest) -> Iterator[PlainSession | SecureSession]:
    if request.param == "plain":
        yield PlainSession()
        return
    with open_session(int(request.param[0])) as opened:
        yield opened


@pytest.fixture(scope="session")
def naive() -> Iterator[Naive]:
    peer = Naive()
    yield peer
    peer.close()


@pytest.fixture(scope="session")
def provenance() -> dict[str, object]:
    """Where and with what a figure was measured."""
    return {
        "N": N,
        "D": D,
        "M": M,
        "K": K,
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "crypten": version("crypten"),
        "gram_bits": GRAM_BITS,
        "distance_bits": DISTANCE_BITS,
        "network": "loopback, all processes on one machine",
    }


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what is exact, rounds and bytes, and medians as ratios within this run."""
    measured = terminalreporter.config._benchmarksession.benchmarks
    medians = {bench.name: bench.stats.median for bench in measured}
    terminalreporter.section("rounds, bytes, and time against CrypTen as it comes")
    for bench in measured:
        naive = medians.get(f"test_crypten_as_it_comes[{bench.group}]")
        sent = bench.extra_info.get(
            "bytes_online", bench.extra_info.get("bytes_counted_by_crypten")
        )
        ratio = f"{bench.stats.median / naive:.2f} of its time" if naive else ""
        terminalreporter.write_line(
            f"{bench.name:42} {bench.extra_info['rounds_online']:5} rounds "
            f"{sent / 1e6:7.2f} MB  {ratio}"
        )
