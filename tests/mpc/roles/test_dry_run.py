"""What a dry run says is what a job draws: kinds, shapes, names, formulas, and their order."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from mpc import ClusterJob, PlainSession, SecureSession
from mpc.errors import ProcessDiedError
from mpc.jobs.bounds import with_bounds
from mpc.jobs.job import RevealPolicy
from mpc.preprocessing.mask_refs import MaskStore
from mpc.preprocessing.request_rules import MASKS_OF
from mpc.preprocessing.requests import Shape, TupleRequest
from mpc.roles.dry_run import JobShape, schedule_for
from mpc.session.local_group import ProcessGroup
from tests.mpc.programs.checking_party import FORGET

JOBS = {
    "by Gram matrix": (ClusterJob(k=3), 12, 8),
    "by rows": (ClusterJob(k=3), 70, 5),
    "one iteration": (ClusterJob(k=3, iterations=1), 12, 5),
    "two iterations": (ClusterJob(k=3, iterations=2, evaluate=True), 12, 5),
    "three iterations": (ClusterJob(k=3, iterations=3), 70, 5),
    "as many points": (ClusterJob(k=3, min_cluster_size=1), 3, 5),
    "one cluster": (ClusterJob(k=1), 6, 5),
    "a single point": (ClusterJob(k=1, min_cluster_size=1), 1, 1),
    "many clusters": (ClusterJob(k=18, iterations=4), 24, 5),
    "a tournament of points": (ClusterJob(k=3, iterations=2), 120, 3),
    "given rows": (ClusterJob(k=3, init_rows=(0, 5, 7), evaluate=True), 12, 5),
    "given rows, by Gram matrix": (ClusterJob(k=3, init_rows=(0, 5, 7)), 12, 9),
    "k-means++": (ClusterJob(k=3, init="k-means++"), 20, 5),
    "restarts": (ClusterJob(k=3, init="k-means++", restarts=4, evaluate=True), 20, 5),
    "restarts by Gram matrix": (ClusterJob(k=2, init="k-means++", restarts=3), 20, 12),
    "assignments": (ClusterJob(k=3, reveal="assignments"), 12, 5),
    "assignments, once": (ClusterJob(k=3, reveal="assignments", iterations=1), 40, 5),
    "assignments, given": (ClusterJob(k=2, reveal="assignments", init_rows=(3, 4)), 40, 5),
    "assignments, drawn": (ClusterJob(k=2, reveal="assignments", init="k-means++"), 30, 5),
    "assignments, restarts": (
        ClusterJob(k=2, reveal="assignments", init="k-means++", restarts=3),
        30,
        5,
    ),
    "boolean": (ClusterJob(k=3, comparisons="boolean", evaluate=True), 40, 5),
    "k left open": (ClusterJob(k=None, k_max=4), 24, 5),
    "k left open, by Gram matrix": (ClusterJob(k=None, reveal="assignments"), 18, 9),
    "leaders": (ClusterJob(k=4, init="leaders", restarts=3, evaluate=True), 14, 5),
    "leaders, once": (ClusterJob(k=4, init="leaders", restarts=3, iterations=1), 14, 9),
    "leaders, twice": (ClusterJob(k=4, init="leaders", restarts=3, iterations=2), 14, 9),
    "random rows": (ClusterJob(k=4, init="random", restarts=20, evaluate=True), 14, 9),
    "random rows, by rows": (ClusterJob(k=4, init="random", restarts=3), 14, 5),
    "random rows, one start": (ClusterJob(k=4, init="random", reveal="assignments"), 14, 9),
    "random rows, once": (ClusterJob(k=4, init="random", restarts=3, iterations=1), 14, 9),
    "warm": (ClusterJob(k=3, start="warm"), 12, 8),
    "warm, once": (ClusterJob(k=3, start="warm", warm_iterations=1), 12, 8),
    "warm, by rows": (ClusterJob(k=3, start="warm", evaluate=True), 40, 5),
    "beside leaders": (ClusterJob(k=4, init="leaders", restarts=2, start="both"), 14, 9),
    "beside random rows": (ClusterJob(k=4, init="random", restarts=9, start="both"), 14, 9),
    "beside random rows, by rows": (ClusterJob(k=4, init="random", start="both"), 14, 5),
    "beside k-means++": (ClusterJob(k=3, init="k-means++", start="both"), 20, 12),
    "distances": (ClusterJob(k=3, reveal="distances", evaluate=True), 12, 5),
    "distances, no k": (ClusterJob(k=None, reveal="distances"), 24, 5),
    "as they are": (ClusterJob(k=3, centre=False), 12, 5),
    "far from the origin": (ClusterJob(k=3, value_bound=2.0**24), 12, 5),
    "standardised": (ClusterJob(k=3, standardize=True), 12, 5),
    "standardised, far": (ClusterJob(k=3, standardize=True, value_bound=2.0**22), 12, 5),
}


@pytest.fixture(scope="module", params=[2, 3], ids=["2-party", "3-party"])
def checking_session(request: pytest.FixtureRequest) -> Iterator[SecureSession]:
    group = ProcessGroup(
        request.param, timeout_s=60, party_module="tests.mpc.programs.checking_party"
    )
    with SecureSession(group, job_timeout_s=120, insecure=()) as session:
        yield session


def points(n: int, d: int) -> np.ndarray:
    return np.random.default_rng(n).normal(size=(n, d)) / 8


@pytest.mark.slow
@pytest.mark.parametrize("name", JOBS)
def test_a_job_draws_what_its_dry_run_says(checking_session: SecureSession, name: str) -> None:
    """The parties look at every tuple; what goes wrong without one shows in the result, too."""
    job, n, d = JOBS[name]
    plain = PlainSession()
    if job.start != "fresh":
        for session in (checking_session, plain):
            session.cluster(replace(job, start="fresh"), points(n, d), points(n, 2))
    result = checking_session.cluster(job, points(n, d), points(n, 2))
    twin = plain.cluster(job, points(n, d), points(n, 2))
    assert result.start == twin.start == job.start
    assert np.array_equal(result.sizes_N, twin.sizes_N)
    assert np.allclose(result.means_NM, twin.means_NM, rtol=0, atol=2.0**-24, equal_nan=True)
    assert result.iterations == twin.iterations


NOISED = ClusterJob(k=3, guarantee="means", epsilon=8.0, payload_bound=1.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "job",
    [
        NOISED,
        replace(NOISED, k=None, k_max=4),
        replace(
            NOISED,
            guarantee="pipeline",
            init="directions",
            centre=False,
            norm_bound=1.0,
            iterations=6,
        ),
        replace(NOISED, guarantee="known-assignment", start="warm"),
    ],
    ids=lambda job: f"{job.guarantee}-{job.k}",
)
def test_a_job_with_noise_draws_what_its_dry_run_says(
    checking_session: SecureSession, job: ClusterJob
) -> None:
    checking_session.cluster(ClusterJob(k=3), points(20, 5), points(20, 2))
    for _ in range(2):
        result = checking_session.cluster(job, points(20, 5), points(20, 2))
        assert result.privacy is not None


@pytest.mark.slow
@pytest.mark.parametrize("step", ["norms", "iteration 2"])
def test_a_tuple_that_was_not_in_the_dry_run_would_be_missed(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setenv(FORGET, step)
    group = ProcessGroup(2, timeout_s=20, party_module="tests.mpc.programs.checking_party")
    with (
        SecureSession(group, job_timeout_s=60, insecure=()) as session,
        pytest.raises(ProcessDiedError, match=f"{step} drew TupleRequest"),
    ):
        session.cluster(JOBS["by rows"][0], points(20, 5), points(20, 5))


def tuples_of(job: ClusterJob, n: int, d: int, parties: int) -> dict[str, list[TupleRequest]]:
    bounded = with_bounds(job, points(n, d), points(n, 2))
    shape = JobShape(job=bounded, num_points=n, dim=d, payload=2, num_parties=parties)
    schedule = schedule_for(shape)
    steps = [*schedule.once, *(f"iteration {i}" for i in range(1, schedule.limit + 1))]
    return {step: list(schedule.tuples_of(step)) for step in steps}


@pytest.mark.slow
@pytest.mark.parametrize("parties", [2, 3])
@pytest.mark.parametrize("name", JOBS)
def test_every_mask_that_is_multiplied_is_kept(name: str, parties: int) -> None:
    """In the order in which the dealer is asked: steps done once, then iterations."""
    kept = MaskStore[Shape]()
    multiplied = 0
    for step, tuples in tuples_of(*JOBS[name], parties).items():
        kept.begin(step)
        for request in tuples:
            for _ in range(MASKS_OF.get(request.kind, 0)):
                kept.keep(request.shapes[0])
            if request.kind == "product":
                multiplied += 1
                for mask, shape in zip(request.masks, request.shapes, strict=True):
                    assert np.prod(shape) == np.prod(kept[mask]), (step, request)
    assert multiplied > 5


@pytest.mark.parametrize("reveal", ["own-mean", "assignments"])
def test_later_iterations_need_what_the_last_of_the_dry_run_does(reveal: RevealPolicy) -> None:
    steps = tuples_of(ClusterJob(k=3, reveal=reveal, iterations=50), 30, 5, 2)
    assert steps["iteration 50"] == steps["iteration 4"] == steps["iteration 3"]
    assert steps["iteration 2"] != steps["iteration 1"]
