"""Time to compute of jobs of different sizes: plans have about the ratio that is measured."""

import pytest

from mpc import open_session
from mpc.costs.network import ONE_MACHINE
from mpc.costs.speeds import TWO_CORES
from secfpp.analysis.calibration import job_points
from secfpp.config.clustering import ClusteringConfig
from secfpp.methods.shared.round_job import job_of
from tests.mpc.plan_table import plan_for

SIZES = ((20, 256, 256, 5), (1000, 64, 64, 8))
"""N, D, M and K."""
TIMES = 7
"""The least time of a few counts, since other programs on the machine only add to it."""
WITHIN = 3.0
"""A factor. Other programs slow both jobs, which take turns, but a small one more than a large."""


@pytest.mark.slow
def test_a_larger_job_takes_as_much_longer_as_planned() -> None:
    given = [job_points(*size, seed=1) for size in SIZES]
    jobs = [job_of(ClusteringConfig(k=k, evaluate=False), n) for n, _, _, k in SIZES]
    with open_session(2) as session:
        turns = [
            [session.cluster(job, *rows) for job, rows in zip(jobs, given, strict=True)]
            for _ in range(TIMES + 1)
        ][1:]  # the first of each waits for dry runs and connections
    planned = []
    for size, result in zip(SIZES, turns[0], strict=True):
        plan = plan_for(result, 0, size)
        planned.append(plan.seconds_on(ONE_MACHINE) + TWO_CORES.seconds(plan.work))
    small, large = (min(turn[of].traffic.seconds_total for turn in turns) for of in range(2))
    ratio = planned[1] / planned[0]
    assert ratio > 2 * WITHIN, "sizes are too much alike for this test"
    assert ratio / WITHIN < large / small < ratio * WITHIN
