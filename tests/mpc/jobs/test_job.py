"""Nothing in a job is unbounded, and what is over a bound is refused by name."""

import json

import numpy as np
import pytest

from mpc import ClusterJob, SecureSession
from mpc.errors import BudgetError, InputError
from mpc.jobs.comparisons import FORMER_COMPARISONS
from mpc.jobs.job import MAX_ENTRIES, MAX_ITERATIONS, MAX_JOBS, MAX_LABEL, MAX_POINTS

POINTS = np.random.default_rng(3).normal(size=(8, 4)) / 8


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"k": 2, "iterations": 10_001}, "iterations=10001 but a job has 10000 at most"),
        ({"k": 2, "iterations": 1 << 24}, "iterations=16777216 but a job has 10000"),
        ({"k": 2, "min_cluster_size": 8192}, "at most 8191 points"),
        ({"k": 1025}, "more than 1024 centres"),
        ({"k": 2, "seed": 1 << 256}, "seed has 257 bits"),
        ({"k": 2, "seed": 1 << 99_999}, "seed has 100000 bits"),
        ({"k": 2, "label": "x" * 1001}, "a label of 1001 characters"),
        ({"k": 2, "iterations": -(1 << 99_999)}, "iterations has 100000 bits"),
        ({"k": 2.5}, "k=2.5 but an integer is needed"),
        ({"k": "2"}, "k='2' but an integer is needed"),
        ({"k": 2, "iterations": float("inf")}, "iterations=inf but an integer"),
        ({"k": 2, "iterations": 20.0}, "iterations=20.0 but an integer"),
        ({"k": 2, "init_rows": (0, 1.5)}, "init_rows=1.5 but an integer"),
        ({"k": 2, "seed": None}, "seed=None but an integer"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else str(value),
)
def test_what_is_over_a_limit_is_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ClusterJob(**given)  # type: ignore[arg-type]


def test_the_limits_themselves_are_possible() -> None:
    job = ClusterJob(
        k=1024,
        iterations=MAX_ITERATIONS,
        min_cluster_size=MAX_POINTS,
        seed=(1 << 64) - 1,
        label="x" * MAX_LABEL,
    )
    width = MAX_ENTRIES // MAX_POINTS
    job.check_shapes(MAX_POINTS, width - 1, 1)
    with pytest.raises(BudgetError, match=f"at most {MAX_ENTRIES} are shared in a job"):
        job.check_shapes(MAX_POINTS, width, 1)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((8, 0, 1), "no job"),
        ((8, 1, 0), "no job"),
        ((0, 1, 1), "no job"),
        ((8192, 1, 1), "at most 8191"),
        ((8, 1 << 24, 1), "are shared in a job"),
        ((8, 1, 1 << 40), "are shared in a job"),
        ((1, 2, 2), "k=2 but only 1 points"),
    ],
)
def test_shapes_that_no_job_can_have_are_refused(shape: tuple[int, int, int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ClusterJob(k=2).check_shapes(*shape)


def test_integers_of_numpy_are_integers() -> None:
    rows = tuple(np.arange(2))
    job = ClusterJob(k=np.int64(2), iterations=np.int32(5), init_rows=rows)  # type: ignore[arg-type]
    assert ClusterJob.from_json(json.loads(json.dumps(job.as_json()))) == job


def test_a_session_has_so_many_jobs_and_no_more(secure_session: SecureSession) -> None:
    done = secure_session._jobs
    try:
        secure_session._jobs = MAX_JOBS
        with pytest.raises(InputError, match="4294967295 jobs at most; open a new one"):
            secure_session.cluster(ClusterJob(k=2), POINTS, POINTS)
    finally:
        secure_session._jobs = done
    assert secure_session.cluster(ClusterJob(k=2), POINTS, POINTS).k == 2


def test_a_way_to_compare_under_its_former_name_is_understood_with_a_warning() -> None:
    for former, present in FORMER_COMPARISONS.items():
        with pytest.warns(FutureWarning, match=f"comparisons={former!r} is now {present!r}"):
            assert ClusterJob(k=2, comparisons=former).comparisons == present  # type: ignore[arg-type]
    with pytest.raises(InputError, match="comparisons='key' is none of auto, fss, lut, boolean"):
        ClusterJob(k=2, comparisons="key")  # type: ignore[arg-type]
