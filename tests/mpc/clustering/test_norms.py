"""A point over the public bound is left out of everything, and only its owner learns of it."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

import mpc.session.job_driver
from mpc import ClusterJob, ClusterResult, PlainSession, SecureSession
from mpc.errors import BudgetError
from mpc.jobs.encoding import point_scale, squared_norm_limit
from mpc.jobs.job import REVEAL_POLICIES, RevealPolicy
from mpc.jobs.result import TOO_SMALL
from mpc.reference.kmeans import ring_points
from mpc.ring.fixedpoint import PAYLOAD_BITS, POINT_BITS, FloatArray, Int64Array
from mpc.traffic import StepCost
from tests.mpc.conftest import Parties
from tests.mpc.opened_labels import labels_of

Session = PlainSession | SecureSession
Rows = tuple[int, ...]
TOLERANCE = 8 * 2.0 ** -(PAYLOAD_BITS + 1) * 1.01
"""Half a unit of payloads whose norms are up to 8."""
N, K = 13, 3


def unit_job(**given: object) -> ClusterJob:
    """Describe a job on points as they are, of norm 1 at most, and payloads of any norm."""
    return ClusterJob(**({"centre": False, "norm_bound": 1.0} | given))  # type: ignore[arg-type]


JOBS: dict[str, ClusterJob] = {
    **{policy: unit_job(k=K, reveal=policy, evaluate=True) for policy in REVEAL_POLICIES},
    "restarts": unit_job(k=K, init="k-means++", restarts=3, seed=3, evaluate=True),
}
jobs = pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)


@pytest.fixture
def cluster(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> Callable[[ClusterJob, FloatArray, FloatArray], ClusterResult]:
    """Run a job whose data owners share whatever they have, without their library's own check."""
    patch_owners(monkeypatch)

    def run(job: ClusterJob, points_ND: FloatArray, payload_NM: FloatArray) -> ClusterResult:
        with np.errstate(invalid="ignore"):
            return session.cluster(job, points_ND, payload_NM)

    return run


def patch_owners(monkeypatch: pytest.MonkeyPatch) -> None:
    def unchecked(points_RD: FloatArray, job: ClusterJob) -> Int64Array:
        return np.rint(points_RD / point_scale(job) * 2.0**POINT_BITS).astype(np.int64)

    monkeypatch.setattr(mpc.session.job_driver, "encode_point", unchecked)


def blobs(seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Points within norm 1 in three clouds that overlap a little, so that Lloyd has work."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(K, 6))[np.arange(N) % K] + 1.5 * rng.normal(size=(N, 6))
    return points / np.linalg.norm(points, axis=1).max(), rng.normal(size=(N, 2))


def push_out(points_ND: FloatArray, rows: Rows, times: float = 1.01) -> FloatArray:
    """Put some points just over the bound."""
    points_ND = points_ND.copy()
    norm_R1 = np.linalg.norm(points_ND[list(rows)], axis=1, keepdims=True)
    points_ND[list(rows)] *= times / norm_R1
    return points_ND


def assert_close(found: FloatArray, expected: FloatArray) -> None:
    """Hold means against others; both are NaN where a cluster is too small."""
    assert np.allclose(found, expected, rtol=0, atol=TOLERANCE, equal_nan=True)


def assert_as_without(
    result: ClusterResult, points: FloatArray, payload: FloatArray, job: ClusterJob, rows: Rows
) -> None:
    """Hold a result against the twin's on the other rows only."""
    valid = np.setdiff1d(np.arange(len(points)), rows)
    without = PlainSession().cluster(job, points[valid], payload[valid])
    assert result.labels_N is not None
    assert without.labels_N is not None
    assert np.array_equal(np.flatnonzero(result.rejected_N), sorted(rows))
    assert np.isnan(result.means_NM[list(rows)]).all()
    assert (result.k, result.iterations) == (without.k, without.iterations)
    assert np.array_equal(labels_of(result)[valid], without.labels_N)
    assert np.array_equal(result.sizes_N[valid], without.sizes_N)
    assert_close(result.means_NM[valid], without.means_NM)
    assert not result.labels_N[list(rows)].any()


@pytest.mark.slow
@jobs
@pytest.mark.parametrize(
    ("rows", "seed"),
    [
        ((0,), 5),
        pytest.param((6,), 3, marks=pytest.mark.slow),
        pytest.param((N - 1,), 3, marks=pytest.mark.slow),
        ((0, 1, 7), 3),
    ],
    ids=str,
)
def test_the_result_is_that_without_the_left_out(
    cluster: Callable[..., ClusterResult], job: ClusterJob, rows: Rows, seed: int
) -> None:
    points, payload = blobs(seed)
    points = push_out(points, rows)
    result = cluster(job, points, payload)
    assert result.iterations > 2
    assert_as_without(result, points, payload, job, rows)


def test_neither_size_nor_payload_of_the_left_out_matters(
    cluster: Callable[..., ClusterResult],
) -> None:
    points, payload = blobs(seed=3)
    points, payload[0] = push_out(points, (0,), times=3.0), 9000.0
    job = unit_job(k=K, evaluate=True, payload_bound=2.0**14)
    assert_as_without(cluster(job, points, payload), points, payload, job, (0,))


def test_k_is_chosen_without_the_left_out(cluster: Callable[..., ClusterResult]) -> None:
    points, payload = blobs(seed=4)
    points = push_out(points, (0, 5))
    job = unit_job(k=None, reveal="distances", evaluate=True)
    assert_as_without(cluster(job, points, payload), points, payload, job, (0, 5))


@jobs
def test_everybody_left_out(cluster: Callable[..., ClusterResult], job: ClusterJob) -> None:
    points, payload = blobs()
    points = push_out(points, tuple(range(N)))
    result = cluster(job, points, payload)
    assert result.rejected_N.all()
    assert np.isnan(result.means_NM).all()
    assert np.array_equal(labels_of(result), [0] * N)
    assert result.iterations == 2


@pytest.mark.slow
@jobs
def test_fewer_kept_than_clusters(cluster: Callable[..., ClusterResult], job: ClusterJob) -> None:
    points, payload = blobs()
    points = push_out(points, tuple(row for row in range(N) if row not in (2, 9)))
    result = cluster(replace(job, min_cluster_size=1), points, payload)
    assert np.flatnonzero(~result.rejected_N).tolist() == [2, 9]
    assert result.sizes_N[[2, 9]].tolist() == [1, 1]
    assert np.abs(result.means_NM[[2, 9]] - payload[[2, 9]]).max() <= TOLERANCE


def test_a_cluster_is_small_when_its_kept_members_are_few(
    cluster: Callable[..., ClusterResult],
) -> None:
    points = np.array([[0.0, 0.1], [0.0, 0.2], [0.0, 1.5], [0.9, 0.0], [0.91, 0.0], [0.92, 0.0]])
    payload = np.arange(12.0).reshape(6, 2)
    result = cluster(unit_job(k=2, min_cluster_size=3), points, payload)
    assert result.sizes_N.tolist() == [TOO_SMALL, TOO_SMALL, 0, 3, 3, 3]
    assert result.too_small_N.tolist() == [True, True, False, False, False, False]
    assert np.isnan(result.means_NM[:3]).all()
    assert np.allclose(result.means_NM[5], payload[3:].mean(axis=0), atol=TOLERANCE)


@pytest.mark.parametrize("reveal", REVEAL_POLICIES)
def test_a_named_centre_that_is_left_out_is_at_the_origin(
    cluster: Callable[..., ClusterResult], reveal: RevealPolicy
) -> None:
    """Who clusters opened distances knows of no origin, and takes the mean of who counts."""
    points, payload = blobs(seed=5)
    rows, centre = (4, 2, 3), np.zeros(6)
    out = push_out(points, (0, 4))
    if reveal == "distances":
        centre = np.delete(points, (0, 4), axis=0).mean(axis=0)
    result = cluster(unit_job(k=K, reveal=reveal, init_rows=rows, evaluate=True), out, payload)
    valid = np.delete(np.arange(N), (0, 4))
    given = points[valid]
    first = np.stack([centre, points[2], points[3]])
    model = KMeans(K, init=first, n_init=1, tol=0).fit(given)
    assert np.array_equal(labels_of(result)[valid], model.labels_)


@pytest.mark.slow
@jobs
def test_the_transcript_is_the_same_whoever_is_left_out(
    secure_session: SecureSession, monkeypatch: pytest.MonkeyPatch, job: ClusterJob
) -> None:
    """Up to the number of iterations, which is public; the last one shows by how it ends."""
    patch_owners(monkeypatch)
    points, payload = blobs()

    def steps(rows: Rows) -> tuple[dict[str, tuple[int, int]], int]:
        with np.errstate(invalid="ignore"):
            result = secure_session.cluster(
                replace(job, iterations=3), push_out(points, rows), payload
            )
        assert np.flatnonzero(result.rejected_N).tolist() == list(rows)
        return {step.name: shape_of(step) for step in result.traffic.steps}, result.iterations

    def shape_of(step: StepCost) -> tuple[int, int]:
        return step.rounds, step.bytes_sent

    everybody, iterations = steps(())
    assert len(everybody) >= 4
    for rows in [(0,), (5, N - 1), tuple(range(N - 1)), tuple(range(N))]:
        seen, done = steps(rows)
        common = min(iterations, done)
        last = max(iterations, done)
        later = {f"iteration {i}" for i in range(common + 1, last + 1)}
        assert {n: s for n, s in seen.items() if n not in later} == {
            n: s for n, s in everybody.items() if n not in later
        }


def stop_bits(result: ClusterResult) -> list[str]:
    return [entry.why for entry in result.ledger if entry.what.startswith("one bit")]


@pytest.mark.slow
@jobs
def test_the_stop_bit_of_an_iteration_is_opened_in_the_next(
    secure_session: SecureSession, job: ClusterJob
) -> None:
    """From the second iteration on, and never when no further one may follow."""
    points, payload = blobs(seed=5)
    bits_are_opened = job.reveal == "own-mean"
    result = secure_session.cluster(job, points, payload)
    assert result.iterations > 2
    whys = [f"iteration {i}: when to stop" for i in range(2, result.iterations + 1)]
    assert stop_bits(result) == (whys if bits_are_opened else [])
    for limit in range(1, result.iterations + 1):
        ended = secure_session.cluster(replace(job, iterations=limit), points, payload)
        assert ended.iterations == limit
        assert stop_bits(ended) == (whys[: max(0, limit - 2)] if bits_are_opened else [])
    begun = [step.name for step in result.traffic.steps if step.name.startswith("iteration")]
    by_parties = result.iterations if job.reveal != "distances" else 0
    assert len(begun) == by_parties + bits_are_opened


def test_the_owner_s_library_refuses_before_anything_is_shared(
    secure_session: SecureSession,
) -> None:
    points, payload = blobs()
    with pytest.raises(BudgetError, match="over the public bound"):
        secure_session.cluster(unit_job(k=K), push_out(points, (3,)), payload)


def vector_of(squared_norm: int) -> list[int]:
    """Return five whole numbers whose squares add up to one."""
    rest, found = squared_norm, []
    for _ in range(2):
        found.append(math.isqrt(rest))
        rest -= found[-1] ** 2
    few = range(math.isqrt(rest) + 1)
    triples = ((a, b, math.isqrt(max(rest - a * a - b * b, 0))) for a in few for b in few)
    return [*found, *next(three for three in triples if sum(x * x for x in three) == rest)]


def test_the_limit_itself_is_kept(any_parties: Parties) -> None:
    limit = squared_norm_limit(unit_job(k=1, payload_bound=1.0), 5)
    squares = [0, limit - 1, limit, limit + 1, 1 << 37, (1 << 38) - 1]
    ring = np.array([vector_of(square) for square in squares], dtype=np.int64)
    assert [sum(int(x) ** 2 for x in row) for row in ring] == squares
    valid = any_parties("within_bound", ring)[: len(squares)]
    assert valid.tolist() == [1, 1, 1, 0, 0, 0]


@settings(max_examples=100, deadline=None)
@given(
    direction=st.lists(st.integers(-50, 50), min_size=1, max_size=3000).filter(any),
    bound=st.floats(1e-6, 1e6),
)
def test_a_point_at_the_bound_is_never_left_out(direction: list[int], bound: float) -> None:
    at_bound = np.array([direction], dtype=np.float64)
    at_bound *= bound / np.linalg.norm(at_bound)
    job = unit_job(k=1, norm_bound=bound, payload_bound=1.0)
    assert ring_points(at_bound, job)[1].all()
    slack = 2.0**-28 + np.sqrt(len(direction)) / 2.0 ** (POINT_BITS - 1)
    assert not ring_points(at_bound * (1 + slack) * (1 + 2.0**-30), job)[1].any()


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_the_twin_gives_what_it_gives_without_them(data: st.DataObject) -> None:
    """Small integers, so that ties are frequent and sums exact."""
    n = data.draw(st.integers(2, 9))
    rows = tuple(sorted(data.draw(st.sets(st.integers(0, n - 1), max_size=n - 1))))
    small = st.lists(st.integers(-4, 4), min_size=3, max_size=3)
    points = np.array(data.draw(st.lists(small, min_size=n, max_size=n)), dtype=np.float64)
    points[list(rows)] += 8.0 * data.draw(st.integers(2, 10**6))
    payload = np.arange(2.0 * n).reshape(n, 2)
    job = unit_job(
        k=data.draw(st.integers(1, n - len(rows))),
        min_cluster_size=data.draw(st.integers(1, 4)),
        iterations=data.draw(st.integers(1, 5)),
        norm_bound=8.0,
        init=data.draw(st.sampled_from(["farthest-first", "k-means++"])),
        seed=data.draw(st.integers(0, 99)),
    )
    result = PlainSession().cluster(job, points, payload)
    assert_as_without(result, points, payload, job, rows)


@pytest.mark.parametrize("points", [1e300, -1e200])
def test_absurd_points_are_left_out_too(points: float) -> None:
    given_ND = np.array([[points, points], [0.1, 0.0], [0.2, 0.0], [0.3, 0.1]])
    result = PlainSession().cluster(unit_job(k=1), given_ND, np.ones((4, 1)))
    assert result.sizes_N.tolist() == [0, 3, 3, 3]
