"""What noise costs: no round, no byte between parties, and longer rows of look-ups from the dealer.

A federation's round: 20 clients, 5 clusters, and a budget for 10 rounds.
"""

from dataclasses import replace

import pytest

from mpc import ClusterJob, SecureSession
from mpc.costs.job_cost import Cost, job_cost, total
from mpc.jobs.job import Beginning
from mpc.jobs.noise import noise_of_means
from mpc.roles.dry_run import JobShape
from tests.mpc.clustering.test_noise import FRESH, MEANS, PAYLOAD, PIPELINE, POINTS

JOB = ClusterJob(
    k=5,
    init="random",
    restarts=64,
    centre=False,
    norm_bound=1.0,
    value_bound=1.0,
    payload_bound=1.0,
)


def cost_of(job: ClusterJob, iterations: int, parties: int, n: int = 20) -> Cost:
    shape = JobShape(job=job, num_points=n, dim=1280, payload=1800, num_parties=parties)
    return total(job_cost(shape, iterations=iterations).values())


@pytest.mark.parametrize("parties", [2, 3])
@pytest.mark.parametrize("n", [20, 100, 400])
@pytest.mark.parametrize("start", ["fresh", "warm"])
def test_noise_on_means_takes_no_round_and_hardly_a_byte(
    n: int, start: Beginning, parties: int
) -> None:
    plain = replace(JOB, start=start, iterations=2 if start == "fresh" else 1)
    noised = replace(plain, guarantee="means", epsilon=8.0, releases=10)
    before = cost_of(plain, plain.iterations, parties, n)
    after = cost_of(noised, plain.iterations, parties, n)
    assert (after.rounds, after.online) == (before.rounds, before.online)
    longer = 2 ** noise_of_means(noised, n, 1800, parties).index_bits(n) - 2 ** n.bit_length()
    assert after.dealt(parties) - before.dealt(parties) == 8 * 5 * longer
    assert after.dealt(parties) < 1.01 * before.dealt(parties)


@pytest.mark.parametrize("parties", [2, 3])
def test_a_pipeline_takes_fewer_rounds_than_a_start_that_looks_at_points(parties: int) -> None:
    pipeline = replace(
        JOB,
        guarantee="pipeline",
        epsilon=8.0,
        releases=10,
        init="directions",
        restarts=1,
        iterations=3,
    )
    plain = replace(JOB, init="random", restarts=1, iterations=3)
    before, after = cost_of(plain, 3, parties), cost_of(pipeline, 3, parties)
    assert after.rounds <= before.rounds + 2
    assert after.online <= 1.3 * before.online
    assert after.dealt(parties) <= 1.3 * before.dealt(parties)
    known = replace(JOB, guarantee="known-assignment", epsilon=8.0, start="warm", restarts=1)
    assert cost_of(known, 0, parties).rounds < 0.7 * before.rounds


def test_real_sessions_take_what_was_counted(secure_session: SecureSession) -> None:
    traffic = {}
    for name, job in (("plain", FRESH), ("means", MEANS), ("pipeline", PIPELINE)):
        result = secure_session.cluster(job, POINTS, PAYLOAD)
        sent = {
            role.role: role.bytes_sent for role in result.traffic.roles if role.phase == "online"
        }
        traffic[name] = (result.traffic.rounds_online, sent)
        shape = JobShape(
            job=job,
            num_points=len(POINTS),
            dim=POINTS.shape[1],
            payload=PAYLOAD.shape[1],
            num_parties=secure_session.num_parties,
        )
        counted = job_cost(
            shape, iterations=result.iterations, converged=result.iterations < job.iterations
        )
        assert result.traffic.rounds_online == total(counted.values()).rounds
    assert traffic["means"] == traffic["plain"]
