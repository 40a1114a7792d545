"""Print plans beside measured jobs: `python -m tests.mpc.plan_table`, in the checkout.

Each job is done on one machine, and by parties and a dealer that run as programs of their own and
are joined by slow networks, which a relay of the tests imitates. The relay is too slow for a LAN.
The least time of a few counts, since other programs only add to it.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mpc import ClusterResult, SecureSession, open_session
from mpc.costs.network import ONE_MACHINE, WAN, Network
from mpc.costs.plan import JobPlan, plan_job
from mpc.costs.speeds import TWO_CORES, Speeds, read_speeds
from mpc.roles.dry_run import JobShape
from mpc.session.session import join_session
from secfpp.analysis.calibration import job_points
from secfpp.config.clustering import ClusteringConfig
from secfpp.methods.shared.round_job import job_of
from tests.mpc.deployment import free_addresses, make_credentials, running
from tests.mpc.slow_network import slow_network

NEAR_WAN = Network(name="20 ms, 50 Mbit/s", round_trip_s=20e-3, bits_per_s=50e6)
SIZES = ((20, 1280, 1792, 5), (100, 128, 2048, 5), (400, 64, 256, 8))
"""N, D, M and K; the first is a round of the default experiment."""
_PORTS = 12


@contextmanager
def joined(network: Network, clients: int) -> Iterator[SecureSession]:
    """Open a session of two parties on a network."""
    if network == ONE_MACHINE:
        with open_session(2) as session:
            yield session
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = make_credentials(Path(scratch) / "deployment", clients)
        ports = [int(place.rsplit(":", 1)[1]) for place in free_addresses(_PORTS)]
        limits = {"round_trip_s": network.round_trip_s, "bits_per_s": network.bits_per_s}
        with (
            slow_network(folder, ports, **limits) as files,
            running(folder, networks=files),
            join_session(files["outside"], folder) as session,
        ):
            yield session


def least(session: SecureSession, start: int, size: tuple[int, ...], times: int) -> ClusterResult:
    """Do a job of a round several times; return the result that took least time."""
    n, d, m, k = size
    settings = ClusteringConfig(k=k, evaluate=False)
    given = job_points(n, d, m, k, seed=n)
    if start:
        session.cluster(job_of(settings, n), *given)
    done = [session.cluster(job_of(settings, n, start), *given) for _ in range(times + 1)][1:]
    return min(done, key=lambda result: result.traffic.seconds_total)


def plan_for(result: ClusterResult, start: int, size: tuple[int, ...]) -> JobPlan:
    """Plan the job that gave a result."""
    n, d, m, k = size
    job = job_of(ClusteringConfig(k=k, evaluate=False), n, start)
    shape = JobShape(job=job, num_points=n, dim=d, payload=m, num_parties=2)
    steps = {step.name for step in result.traffic.steps}
    return plan_job(
        shape,
        iterations=result.iterations,
        converged=f"iteration {result.iterations + 1}" in steps,
    )


def line(
    network: Network, start: int, size: tuple[int, ...], result: ClusterResult, speeds: Speeds
) -> str:
    """Return a line of the table."""
    plan = plan_for(result, start, size)
    planned_s = plan.seconds_on(network) + speeds.seconds(plan.work)
    traffic = result.traffic
    planned = sum(sum(plan.bytes_of(role)) for role in ("party:0", "dealer"))
    moved = sum(
        sum(traffic.bytes_of(role, "online", "offline", "input")) for role in ("party:0", "dealer")
    )
    cells = (
        ", ".join(map(str, size)),
        result.start,
        network.name,
        f"{plan.rounds}, {traffic.rounds_online}",
        f"{planned / 1e6:.2f}, {moved / 1e6:.2f}",
        f"{planned_s:.3f}, {traffic.seconds_total:.3f}",
        f"{planned_s / traffic.seconds_total:.2f}",
    )
    return f"| {' | '.join(cells)} |"


def say(words: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5, help="how often each job is done")
    parser.add_argument("--speeds", type=Path, help="file of `secfpp plan --calibrate --speeds`")
    given = parser.parse_args()
    speeds = TWO_CORES if given.speeds is None else read_speeds(given.speeds)
    say("| N, D, M, K | job | network | rounds | MB of party 0 and dealer | seconds | ratio |")
    say("|---|---|---|---|---|---|---|")
    for network in (ONE_MACHINE, NEAR_WAN, WAN):
        for size in SIZES:
            with joined(network, size[0]) as session:
                for start in range(2):
                    result = least(session, start, size, given.times)
                    say(line(network, start, size, result, speeds))


if __name__ == "__main__":
    main()
