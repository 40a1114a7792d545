"""K-means by CrypTen's own operations: one body for the plaintext twin, 2 and 3 parties."""

from dataclasses import replace

import numpy as np
import pytest

from mpc import ClusterJob, ClusterResult, PlainSession, SecureSession
from mpc.engine.reveal import EVALUATION, LABELS, OWN_MEAN, openings_of
from mpc.errors import BudgetError, InputError
from mpc.jobs.bounds import with_bounds
from mpc.jobs.job import RevealPolicy
from mpc.jobs.protocol import MAX_STOCK_POINTS
from mpc.jobs.result import TOO_SMALL
from mpc.ring.fixedpoint import FloatArray, Int64Array
from mpc.roles.dry_run import JobShape, dry_run
from tests.mpc.opened_labels import labels_of

Session = PlainSession | SecureSession
N, K, DIM, PAYLOAD = 20, 4, 12, 9
JOB = ClusterJob(
    k=K,
    protocol="crypten",
    iterations=4,
    centre=False,
    norm_bound=1.0,
    min_cluster_size=1,
    evaluate=True,
)
PRECISION = 2.0**-12
"""Of a mean, in units of the least power of two at or above the payload's bound: 16 fractional bits
and the truncations of a reciprocal, two products and a division."""


def domains(seed: int = 0) -> tuple[FloatArray, FloatArray, Int64Array]:
    """Unit rows near K corners, payloads of norm up to 1, and the corner of each row."""
    rng = np.random.default_rng(seed)
    truth_N = rng.permutation(np.arange(N) % K)
    points_ND = np.eye(K, DIM)[truth_N] + 0.1 * rng.normal(size=(N, DIM)) / np.sqrt(DIM)
    payload_NM = rng.uniform(-1, 1, size=(N, PAYLOAD)) / np.sqrt(PAYLOAD)
    return points_ND / np.linalg.norm(points_ND, axis=1)[:, None], payload_NM, truth_N


def mean_of_each(rows_NX: FloatArray, labels_N: Int64Array) -> FloatArray:
    return np.stack([rows_NX[labels_N == label].mean(axis=0) for label in labels_N])


def assert_near(found: ClusterResult, twin: ClusterResult, unit: float = 1.0) -> None:
    assert np.array_equal(labels_of(found), labels_of(twin))
    assert np.array_equal(found.sizes_N, twin.sizes_N)
    atol = PRECISION * unit
    np.testing.assert_allclose(found.means_NM, twin.means_NM, rtol=0, atol=atol)


@pytest.mark.parametrize(
    "job",
    [JOB, replace(JOB, init="random", seed=5), replace(JOB, init_rows=(17, 12, 2, 10))],
    ids=["farthest first", "random rows", "given rows"],
)
def test_labels_are_those_of_the_twin_and_means_are_right(
    session: Session, job: ClusterJob
) -> None:
    points_ND, payload_NM, _ = domains()
    result = session.cluster(job, points_ND, payload_NM)
    assert (result.protocol, result.iterations) == ("crypten", JOB.iterations) or not isinstance(
        session, SecureSession
    )
    assert_near(result, PlainSession().cluster(job, points_ND, payload_NM))
    exact_NM = mean_of_each(payload_NM, labels_of(result))
    np.testing.assert_allclose(result.means_NM, exact_NM, rtol=0, atol=PRECISION)


def test_ours_and_cryptens_agree_on_clear_data(secure_session: SecureSession) -> None:
    points_ND, payload_NM, truth_N = domains(1)
    theirs = secure_session.cluster(JOB, points_ND, payload_NM)
    ours = secure_session.cluster(replace(JOB, protocol="additive"), points_ND, payload_NM)
    assert_near(theirs, ours)
    pairs = set(zip(labels_of(theirs).tolist(), truth_N.tolist(), strict=True))
    assert len(pairs) == K


def test_rows_over_a_bound_are_in_no_cluster(session: Session) -> None:
    """Points are centred, so that their owners cannot tell. A cluster without points stays empty:
    that of the rejected row, which stands for the origin, between two domains."""
    points_ND, payload_NM, truth_N = domains(2)
    rows = np.flatnonzero(truth_N < 2)
    points_ND, payload_NM, truth_N = points_ND[rows], payload_NM[rows], truth_N[rows]
    points_ND[5] *= 3.0
    first = [int(np.flatnonzero(truth_N == domain)[0]) for domain in (0, 1)]
    job = replace(JOB, k=3, centre=True, norm_bound=1.2, init_rows=(5, *first), min_cluster_size=2)
    result = session.cluster(job, points_ND, payload_NM)
    assert result.rejected_N.nonzero()[0].tolist() == [5]
    assert np.isnan(result.means_NM[5]).all()
    valid = ~result.rejected_N
    assert (labels_of(result)[valid] == truth_N[valid] + 1).all()
    twin = PlainSession().cluster(job, points_ND, payload_NM)
    assert_near(result, twin)


def test_nothing_is_opened_of_a_cluster_with_few_owners(session: Session) -> None:
    points_ND, payload_NM, truth_N = domains(3)
    owners = np.arange(N)
    rows = np.flatnonzero(truth_N == 0)
    owners[rows] = owners[rows[0]]
    owners = np.unique(owners, return_inverse=True)[1]
    job = replace(JOB, min_cluster_size=2)
    result = session.cluster(job, points_ND, payload_NM, owners=owners.tolist())
    assert (result.sizes_N == TOO_SMALL).nonzero()[0].tolist() == rows.tolist()
    assert np.isnan(result.means_NM[rows]).all()
    others = truth_N != 0
    exact_NM = mean_of_each(payload_NM, truth_N)
    np.testing.assert_allclose(result.means_NM[others], exact_NM[others], rtol=0, atol=PRECISION)


@pytest.mark.parametrize("k", [1, 2])
def test_few_clusters(session: Session, k: int) -> None:
    points_ND, payload_NM, _ = domains(4)
    job = replace(JOB, k=k, init_rows=tuple(range(k)), payload_bound=5.0)
    result = session.cluster(job, points_ND, 4 * payload_NM)
    assert_near(result, PlainSession().cluster(job, points_ND, 4 * payload_NM), unit=8.0)


def test_a_cluster_of_one_among_many_is_within_the_precision(
    secure_session: SecureSession,
) -> None:
    points_ND = np.tile([1.0, 0.0], (MAX_STOCK_POINTS, 1))
    points_ND[0] = 0.0, 1.0
    payload_NM = np.full((MAX_STOCK_POINTS, 3), 0.5)
    owners = (np.arange(MAX_STOCK_POINTS) % 8).tolist()
    job = replace(JOB, k=2, iterations=2, payload_bound=1.0)
    result = secure_session.cluster(job, points_ND, payload_NM, owners=owners)
    assert result.sizes_N[:2].tolist() == [1, MAX_STOCK_POINTS - 1]
    np.testing.assert_allclose(result.means_NM, payload_NM, rtol=0, atol=PRECISION)


@pytest.mark.parametrize("reveal", ["own-mean", "assignments"])
@pytest.mark.parametrize("evaluate", [False, True])
def test_a_session_opens_what_its_policy_allows_and_no_bit(
    secure_session: SecureSession, reveal: RevealPolicy, evaluate: bool
) -> None:
    points_ND, payload_NM, _ = domains()
    job = replace(JOB, reveal=reveal, evaluate=evaluate, iterations=1)
    ledger = secure_session.cluster(job, points_ND, payload_NM).ledger
    opened = {(entry.to, entry.what) for entry in ledger}
    assert opened == openings_of(job)
    assert opened == {OWN_MEAN} | ({LABELS} if reveal == "assignments" else set()) | (
        {EVALUATION} if evaluate else set()
    )


def test_rounds_are_those_of_a_dry_run(secure_session: SecureSession) -> None:
    points_ND, payload_NM, _ = domains()
    job = with_bounds(replace(JOB, reveal="assignments", min_cluster_size=2), points_ND, payload_NM)
    steps = secure_session.cluster(job, points_ND, payload_NM).traffic.steps
    parties = secure_session.num_parties
    shape = JobShape(job=job, num_points=N, dim=DIM, payload=PAYLOAD, num_parties=parties)
    counts = dry_run(shape)
    assert {step.name: step.rounds for step in steps} == {
        name: count.rounds for name, count in counts.items()
    }
    if parties == 2:  # with more, truncation is a message to party 0 alone
        assert [step.payload_sent for step in steps] == [
            8 * counts[step.name].elements for step in steps
        ]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"k": None}, "does not choose k"),
        ({"reveal": "distances"}, "reveal='own-mean' or 'assignments'"),
        ({"init": "k-means++"}, "init='farthest-first' or 'random'"),
        ({"init": "leaders"}, "init='farthest-first' or 'random'"),
        ({"init": "random", "restarts": 2}, "restarts=1"),
        ({"start": "warm"}, "start='fresh'"),
        ({"standardize": True, "centre": True}, "standardize=False"),
        ({"comparisons": "fss"}, "comparisons='auto'"),
        ({"shards": 2, "final_k": 2, "evaluate": False}, "shards=1"),
        ({"protocol": "spdz"}, "'spdz' is none of additive"),
    ],
)
def test_what_it_does_not_honour_is_refused(asked: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ClusterJob.from_json(JOB.as_json() | asked)


def test_too_many_points_or_too_large_values_are_refused(session: Session) -> None:
    many = np.ones((MAX_STOCK_POINTS + 1, 2)) / 2
    with pytest.raises(BudgetError, match=f"at most {MAX_STOCK_POINTS}"):
        session.cluster(JOB, many, many)
    far = np.ones((5, 2)) * 300
    with pytest.raises(BudgetError, match="subtract a public number"):
        session.cluster(replace(JOB, centre=True), far, far)


def test_rounds_of_an_iteration_are_as_documented() -> None:
    job = with_bounds(JOB, *domains()[:2])
    shape = JobShape(job=replace(job, k=5), num_points=100, dim=8, payload=8, num_parties=2)
    rounds = {name: counts.rounds for name, counts in dry_run(shape).items()}
    assert (rounds["iteration 1"], rounds["iteration 2"]) == (22 + 1, 30 + 30 + 1)
