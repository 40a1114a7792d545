"""What the benchmarks run on: our session, its plaintext twin, and CrypTen as it comes.

No `__init__.py` and no import of `benchmarks`: CrypTen's wheel installs a package of that name.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import numpy as np
import provenance as where
import pytest
from companions import Companions, gloo_environments
from targets import print_targets

from mpc import ClusterJob, PlainSession, SecureSession, open_session

N, D, M, K = 20, 1280, 512, 5
Answer = dict[str, object]


class Naive:
    """CrypTen's own k-means steps between two processes over gloo, with a provider of its own.

    Parameters
    ----------
    provider : {"TFP", "TTP"}
        First party; or third party, which is a third process.
    sizes : tuple of int
        N, D, K.
    """

    def __init__(self, provider: str, sizes: tuple[int, int, int]) -> None:
        processes = 3 if provider == "TTP" else 2
        self._peers = Companions(
            "crypten_naive.py",
            [provider, *map(str, sizes)],
            gloo_environments(processes, world_size=2),
        )
        self.close = self._peers.close

    def __call__(self, job: str, *, count: bool = False) -> Answer:
        return self._peers.ask((0, 1), job=job, count=count)[0]


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
        "distances": ClusterJob(k=K, reveal="distances", centre=False),
        "assignment": ClusterJob(
            k=K, iterations=1, init_rows=tuple(range(K)), evaluate=True, centre=False
        ),
        "round": ClusterJob(k=K, centre=False),
    }


@pytest.fixture(scope="session", params=["plain", "2-party", "3-party"])
def session(request: pytest.FixtureRequest) -> Iterator[PlainSession | SecureSession]:
    if request.param == "plain":
        yield PlainSession()
        return
    with open_session(int(request.param[0])) as opened:
        yield opened


@pytest.fixture(scope="session")
def naive() -> Iterator[Callable[[str, tuple[int, int, int]], Naive]]:
    """Start CrypTen as it comes, once for each provider and size."""
    with ExitStack() as stack:

        def start(provider: str, sizes: tuple[int, int, int]) -> Naive:
            started = Naive(provider, sizes)
            stack.callback(started.close)
            return started

        yield cache(start)


@pytest.fixture(scope="session")
def provenance() -> dict[str, object]:
    return where.provenance()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print rounds, bytes, and medians as ratios within this run; then what has a target."""
    measured = terminalreporter.config._benchmarksession.benchmarks
    medians = {bench.name: bench.stats.median for bench in measured}
    terminalreporter.section("rounds, bytes, and time against CrypTen as it comes")
    for bench in measured:
        if "bytes_wire" not in bench.extra_info:
            continue
        naive = medians.get(f"test_crypten_as_it_comes[{bench.group}]")
        ratio = f"{bench.stats.median / naive:.2f} of its time" if naive else ""
        terminalreporter.write_line(
            f"{bench.name:42} {bench.extra_info['rounds_online']:5} rounds  "
            f"{_megabytes(bench.extra_info['bytes_online'])} with frames  "
            f"{_megabytes(bench.extra_info['bytes_wire'])} on the wire  {ratio}"
        )
    print_targets(terminalreporter)


def _megabytes(count: int | None) -> str:
    return f"{'?' if count is None else f'{count / 1e6:.3f}':>8} MB"
