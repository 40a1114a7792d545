"""A plan is held to real jobs: bytes of every role and rounds, and the time on a slow network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mpc import ClusterJob, ClusterResult, SecureSession
from mpc.costs.network import LAN, ONE_MACHINE, WAN, Network
from mpc.costs.plan import JobPlan, plan_job
from mpc.costs.sharded_cost import ShardedShape, sharded_cost
from mpc.costs.sharded_plan import plan_shards
from mpc.costs.speeds import TWO_CORES, Speeds, memory_of, read_speeds
from mpc.costs.work import COUNTS, Work
from mpc.errors import InputError
from mpc.ring.fixedpoint import FloatArray
from mpc.roles.dry_run import JobShape
from mpc.roles.sharded_dry_run import ShardShape
from mpc.session.session import join_session
from tests.mpc.deployment import free_addresses, make_credentials, running
from tests.mpc.slow_network import slow_network

JOBS = {
    "random rows": (ClusterJob(k=3, init="random", restarts=16, evaluate=True), 30, 20, 40),
    "farthest-first": (ClusterJob(k=4), 60, 5, 30),
    "k-means++": (ClusterJob(k=3, init="k-means++", restarts=4, iterations=6), 40, 16, 8),
    "warm": (ClusterJob(k=3, start="warm", warm_iterations=1), 40, 12, 100),
    "circuits": (ClusterJob(k=3, comparisons="boolean", iterations=3), 24, 6, 10),
}
BYTES = 0.10
REPORTS = 0.25
"""Reports to the server are a few kilobytes of text."""
TIME = 0.25


def points_of(n: int, d: int, m: int, k: int) -> tuple[FloatArray, FloatArray]:
    """Return points in k separated clusters, and payloads."""
    rng = np.random.default_rng(7)
    points = rng.normal(size=(k, d))[np.arange(n) % k] + 0.1 * rng.normal(size=(n, d))
    return points / np.linalg.norm(points, axis=1).max(), rng.normal(size=(n, m)) / m


def planned(
    job: ClusterJob, n: int, d: int, m: int, parties: int, result: ClusterResult
) -> JobPlan:
    """Plan the job that gave a result."""
    steps = {step.name for step in result.traffic.steps}
    return plan_job(
        JobShape(job=job, num_points=n, dim=d, payload=m, num_parties=parties),
        iterations=result.iterations,
        converged=f"iteration {result.iterations + 1}" in steps,
    )


@pytest.mark.parametrize("name", JOBS)
def test_a_plan_has_the_bytes_and_rounds_of_a_real_job(
    secure_session: SecureSession, name: str
) -> None:
    job, n, d, m = JOBS[name]
    job = replace(job, centre=False, norm_bound=1.0, value_bound=1.0, payload_bound=1.0)
    given = points_of(n, d, m, job.k or 1)
    if job.start == "warm":
        secure_session.cluster(replace(job, start="fresh"), *given)
    result = secure_session.cluster(job, *given)
    assert result.start == job.start
    plan = planned(job, n, d, m, secure_session.num_parties, result)
    assert plan.rounds == result.traffic.rounds_online
    looked_at = set()
    for line in result.traffic.roles:
        role = "client" if line.role.startswith("client") else line.role
        sent, received = plan.bytes_of(role, line.phase)
        assert sent == pytest.approx(line.bytes_sent, rel=BYTES), line
        near = REPORTS if role == "server" else BYTES
        assert received == pytest.approx(line.bytes_received, rel=near), line
        looked_at.add((role, line.phase))
    assert looked_at >= {(line.role, line.phase) for line in plan.traffic}


@pytest.mark.slow
def test_a_plan_has_the_time_of_a_real_job_on_a_slow_network(tmp_path: Path) -> None:
    network = Network(name="slow", round_trip_s=0.08, bits_per_s=40e6)
    job, n, d, m = ClusterJob(k=4, centre=False, norm_bound=1.0), 24, 64, 1000
    given = points_of(n, d, m, 4)
    folder = make_credentials(tmp_path / "deployment", n)
    ports = [int(place.rsplit(":", 1)[1]) for place in free_addresses(12)]
    joined = slow_network(
        folder, ports, round_trip_s=network.round_trip_s, bits_per_s=network.bits_per_s
    )
    with (
        joined as files,
        running(folder, networks=files),
        join_session(files["outside"], folder) as session,
    ):
        results = [session.cluster(job, *given) for _ in range(4)]
    plan = planned(job, n, d, m, 2, results[0])
    expected = plan.seconds_on(network) + TWO_CORES.seconds(plan.work)
    least = min(result.traffic.seconds_total for result in results)  # others only add to it
    assert least == pytest.approx(expected, rel=TIME)
    assert plan.seconds_on(network) > 20 * plan.seconds_on(LAN)


def test_networks_are_ordered_and_bytes_count() -> None:
    shape = JobShape(job=ClusterJob(k=3), num_points=30, dim=8, payload=500, num_parties=3)
    plan = plan_job(shape, iterations=2)
    times = [plan.seconds_on(network) for network in (ONE_MACHINE, LAN, WAN)]
    assert times[0] == 0
    assert times == sorted(set(times))
    larger = plan_job(replace(shape, payload=5000), iterations=2)
    assert larger.seconds_on(WAN) > 1.3 * times[-1]
    assert memory_of(larger).party > memory_of(plan).party
    assert larger.rounds == plan.rounds


@pytest.mark.parametrize(
    ("round_trip_s", "bits_per_s"), [(-1.0, 1e9), (float("nan"), 1e9), (0.1, 0.0), (0.1, -5.0)]
)
def test_no_such_network(round_trip_s: float, bits_per_s: float) -> None:
    with pytest.raises(InputError, match=r"round trip|bandwidth"):
        Network(name="odd", round_trip_s=round_trip_s, bits_per_s=bits_per_s)


def test_speeds_are_found_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    weights = {name: 10.0**-index for index, name in enumerate(COUNTS)}
    true = Speeds(machine="one", weights=weights, connection_s=0.5)
    works = [Work(**dict(zip(COUNTS, row, strict=True))) for row in rng.random((40, len(COUNTS)))]
    found = Speeds.fitted(
        [(work, true.seconds(work)) for work in works], machine="two", connection_s=0.5
    )
    assert [found.weights[name] for name in COUNTS] == pytest.approx(list(weights.values()))
    found.write(tmp_path / "speeds.json")
    assert read_speeds(tmp_path / "speeds.json") == found


@pytest.mark.parametrize("text", ["{}", "[]", '{"machine": "x", "weights": {}, "connection_s": 1}'])
def test_files_that_hold_no_speeds_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "speeds.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"speeds\.json"):
        read_speeds(path)


@pytest.mark.parametrize("again", [0, 1, 3])
def test_a_plan_in_shards_has_the_rounds_and_bytes_of_its_jobs(again: int) -> None:
    job = ClusterJob(
        k=3,
        centre=False,
        norm_bound=1.0,
        value_bound=1.0,
        payload_bound=1.0,
        point_reassignments=again,
    )
    shape = JobShape(job=job, num_points=90, dim=4, payload=5, num_parties=2)
    plans = plan_shards(shape, iterations=4, shard_size=30)
    assert [(name, times) for name, times, _ in plans] == [
        ("shard", 3),
        ("second level", 1),
        *([("reassignment", 3 * again - 3), ("join", again - 1)] if again > 1 else []),
        *([("last reassignment", 3), ("last join", 1)] if again else []),
        ("results", 3),
    ]
    of_shard = replace(job, k=6, final_k=3, shards=3)
    points = ShardShape(num_points=30, owner_of_N=tuple(range(30)))
    whole = ShardedShape(job=of_shard, shards=(points,) * 3, dim=4, payload=5, num_parties=2)
    cost = sharded_cost(whole, iterations=[4] * 3, final=4)
    assert sum(times * plan.rounds for _, times, plan in plans) == cost.rounds
    payloads = sum(times * step.online for _, times, plan in plans for step in plan.steps)
    assert payloads == cost.online
    assert plans[1][2].bytes_of("client") == (0, 0)
