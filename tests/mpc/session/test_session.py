"""One test body for the plaintext twin and for 2 and 3 real parties."""

import json

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, load_wine

from mpc import ClusterJob, ClusterResult, PlainSession, SecureSession
from mpc.consent.terms import DIGEST_BYTES
from mpc.errors import BudgetError, InputError
from mpc.jobs.bounds import public_bound
from mpc.jobs.result import TOO_SMALL
from mpc.net.frames import HEADER_BYTES
from mpc.ring.fixedpoint import PAYLOAD_BITS
from tests.mpc.opened_labels import labels_of

Session = PlainSession | SecureSession
TOLERANCE = 8 * 2.0 ** -(PAYLOAD_BITS + 1) * 1.01
"""Half a unit of payloads whose norms are up to 8."""


def blobs(n: int, d: int, k: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % k
    points = rng.normal(size=(k, d))[truth] + 0.1 * rng.normal(size=(n, d))
    points /= np.linalg.norm(points, axis=1).max()
    return points, rng.normal(size=(n, 3)), truth


def same_partition(a: np.ndarray, b: np.ndarray) -> bool:
    return np.array_equal(a[:, None] == a[None, :], b[:, None] == b[None, :])


def bounded(points: np.ndarray) -> float:
    return float(np.linalg.norm(points, axis=1).max())


def twin_of(job: ClusterJob, points: np.ndarray, payload: np.ndarray) -> ClusterResult:
    return PlainSession().cluster(job, points, payload)


@pytest.mark.parametrize("reveal", ["own-mean", "assignments", "distances"])
def test_agrees_with_the_twin(session: Session, reveal: str) -> None:
    points, payload, truth = blobs(20, 12, 4, seed=0)
    job = ClusterJob(k=4, reveal=reveal, evaluate=True)  # type: ignore[arg-type]
    result, twin = session.cluster(job, points, payload), twin_of(job, points, payload)
    assert same_partition(labels_of(result), truth)
    assert np.array_equal(labels_of(result), labels_of(twin))
    assert np.array_equal(result.sizes_N, twin.sizes_N)
    assert result.iterations == twin.iterations
    assert np.abs(result.means_NM - twin.means_NM).max() <= TOLERANCE


@pytest.mark.parametrize("load", [load_iris, load_wine], ids=["iris", "wine"])
def test_agrees_with_scikit_learn_from_the_same_start(session: Session, load: object) -> None:
    points = load().data.astype(np.float64)  # type: ignore[operator]
    rows = (0, 60, 120)
    job = ClusterJob(
        k=3,
        init_rows=rows,
        reveal="assignments",
        iterations=100,
        norm_bound=bounded(points),
        min_cluster_size=1,
    )
    result = session.cluster(job, points, points, owners=[0] * len(points))
    model = KMeans(3, init=points[list(rows)], n_init=1, tol=0).fit(points)
    assert np.array_equal(labels_of(result), model.labels_)
    within = public_bound(points) * 2.0**-24
    assert np.abs(result.means_NM - model.cluster_centers_[model.labels_]).max() < within


def test_nothing_of_a_small_cluster_is_opened(session: Session) -> None:
    points = np.array([[0.0, 0.1], [0.0, 0.2], [0.0, 0.15], [0.9, 0.0], [0.91, 0.0]])
    payload = np.arange(10.0).reshape(5, 2)
    result = session.cluster(ClusterJob(k=2, min_cluster_size=3), points, payload)
    assert result.sizes_N.tolist() == [3, 3, 3, TOO_SMALL, TOO_SMALL]
    assert np.allclose(result.means_NM[0], payload[:3].mean(axis=0), atol=TOLERANCE)
    assert np.isnan(result.means_NM[3:]).all()


def test_a_minimum_above_all_points_opens_nothing(session: Session) -> None:
    """Two owners would have each other's payload from a mean of all."""
    points, payload = np.array([[0.1], [0.2]]), np.array([[1.0], [3.0]])
    result = session.cluster(ClusterJob(k=1), points, payload)
    assert result.sizes_N.tolist() == [TOO_SMALL] * 2
    assert np.isnan(result.means_NM).all()


def test_a_mean_with_and_without_one_client_differs_by_that_client(session: Session) -> None:
    """The attack over rounds, which a minimum size cannot stop: SECURITY.md says so."""
    points, payload = np.full((5, 1), 0.5), np.array([[1.0], [3.0], [100.0], [-4.0], [7.0]])
    job = ClusterJob(k=1)
    with_all, without = (
        session.cluster(job, points[:count], payload[:count], owners=list(range(count)))
        for count in (5, 4)
    )
    victim = 5 * with_all.means_NM[0] - 4 * without.means_NM[0]
    assert np.allclose(victim, payload[4], atol=10 * TOLERANCE)


def test_an_owner_of_two_of_three_rows_does_not_get_the_third(session: Session) -> None:
    points, payload = np.full((3, 1), 0.5), np.array([[1.0], [3.0], [100.0]])
    result = session.cluster(ClusterJob(k=1), points, payload, owners=[0, 0, 1])
    assert result.sizes_N.tolist() == [TOO_SMALL] * 3
    assert np.isnan(result.means_NM).all()


def test_identical_points_are_one_cluster(session: Session) -> None:
    points = np.full((6, 4), 0.3)
    payload = np.arange(6.0)[:, None]
    result = session.cluster(ClusterJob(k=3), points, payload)
    assert result.sizes_N.tolist() == [6] * 6
    assert np.allclose(result.means_NM, 2.5, atol=TOLERANCE)


def test_a_single_point(session: Session) -> None:
    job = ClusterJob(k=1, min_cluster_size=1)
    result = session.cluster(job, np.array([[0.5]]), np.array([[-7.25]]))
    assert result.sizes_N.tolist() == [1]
    assert result.means_NM.tolist() == [[-7.25]]


def test_as_many_clusters_as_points(session: Session) -> None:
    points = np.eye(4) * np.array([[0.4], [0.6], [0.8], [1.0]])
    job = ClusterJob(k=4, min_cluster_size=1, evaluate=True)
    result = session.cluster(job, points, points)
    assert len(set(labels_of(result).tolist())) == 4
    assert np.abs(result.means_NM - points).max() <= TOLERANCE


def test_k_is_chosen_from_opened_distances(session: Session) -> None:
    points, payload, truth = blobs(24, 8, 3, seed=4)
    result = session.cluster(ClusterJob(k=None, reveal="distances"), points, payload)
    assert result.k == 3
    assert same_partition(labels_of(result), truth)


def test_the_policy_decides_what_is_opened(secure_session: SecureSession) -> None:
    points, payload, _ = blobs(12, 4, 2, seed=1)
    own = secure_session.cluster(ClusterJob(k=2, label="round 1"), points, payload)
    assert own.labels_N is None
    assert {(e.to, e.what) for e in own.ledger} == {
        ("parties and server", "one bit: assignments unchanged"),
        ("each client", "own cluster's sum and size"),
    }
    assert {e.job for e in own.ledger} == {"round 1"}
    routed = secure_session.cluster(ClusterJob(k=2, reveal="assignments"), points, payload)
    assert "labels" in {e.what for e in routed.ledger if e.to == "parties and server"}
    measured = secure_session.cluster(ClusterJob(k=2, reveal="distances"), points, payload)
    assert {e.what for e in measured.ledger if e.to == "server"} == {
        "squared distances of all pairs"
    }


def test_bytes_of_a_job_are_those_of_its_formulas(secure_session: SecureSession) -> None:
    n, d, m, p, header = 10, 6, 3, secure_session.num_parties, HEADER_BYTES
    points, payload, _ = blobs(n, d, 2, seed=2)
    traffic = secure_session.cluster(ClusterJob(k=2), points, payload).traffic
    owner = next(role for role in traffic.roles if role.role == "client:0")
    heard = next(
        entry.bytes_received
        for entry in traffic.operations
        if (entry.role, entry.operation) == ("client:0", "terms")
    )
    assert 0 < heard < p * 1000
    assert owner.bytes_sent == p * (8 * (d + m) + DIGEST_BYTES + header)
    assert owner.bytes_received == p * (8 * (m + 1) + header) + heard
    distances = next(step for step in traffic.steps if step.name == "distances")
    assert n <= 2 * d  # so few that their Gram matrix is opened, under a mask
    assert (distances.rounds, distances.bytes_sent) == (1, (p - 1) * (8 * n * n + header))
    norms = next(step for step in traffic.steps if step.name == "norms")
    assert norms.payload_sent >= (p - 1) * (16 * n * d + 24 * n)
    for step in traffic.steps:  # a frame a round and peer
        assert step.bytes_sent == step.payload_sent + (p - 1) * header * step.rounds
    sent = {r.role: r.bytes_sent for r in traffic.roles if r.phase == "online"}
    received = {r.role: r.bytes_received for r in traffic.roles if r.phase == "online"}
    assert sum(sent.values()) == sum(received.values())
    assert traffic.rounds_online == sum(step.rounds for step in traffic.steps)


def test_bad_input_is_refused_and_loses_nothing(session: Session) -> None:
    points, payload, _ = blobs(8, 4, 2, seed=3)
    nan = points.copy()
    nan[2, 1] = np.nan
    bad: list[tuple[type[Exception], ClusterJob, np.ndarray, np.ndarray]] = [
        (InputError, ClusterJob(k=2), nan, payload),
        (InputError, ClusterJob(k=9), points, payload),
        (InputError, ClusterJob(k=2), points[0], payload),
        (InputError, ClusterJob(k=2), points.astype(np.float32), payload),
        (InputError, ClusterJob(k=2), points, payload[:3]),
        (InputError, ClusterJob(k=2), points[:0], payload[:0]),
        (InputError, ClusterJob(k=2, init_rows=(0, 99)), points, payload),
    ]
    if isinstance(session, SecureSession):
        bad.append((BudgetError, ClusterJob(k=2, norm_bound=0.1, centre=False), points, payload))
    bad.append((BudgetError, ClusterJob(k=2, value_bound=0.01), points, payload))
    bad.append((BudgetError, ClusterJob(k=2, payload_bound=0.01), points, payload))
    bad.append((BudgetError, ClusterJob(k=2, norm_bound=1e-9), points, payload))
    bad.append((BudgetError, ClusterJob(k=2), points, payload * 1e307))
    bad.append(
        (InputError, ClusterJob(k=2, standardize=True, feature_bounds=(1.0,)), points, payload)
    )
    for error, job, bad_points, bad_payload in bad:
        with pytest.raises(error):
            session.cluster(job, bad_points, bad_payload)
    assert session.cluster(ClusterJob(k=2), points, payload).k == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"k": 0}, "k=0"),
        ({"k": 2, "iterations": 0}, "iterations=0"),
        ({"k": 2, "min_cluster_size": 0}, "min_cluster_size=0"),
        ({"k": 2, "norm_bound": 0.0}, "norm_bound=0.0"),
        ({"k": 2, "norm_bound": "1"}, "norm_bound='1'"),
        ({"k": 2, "value_bound": -1.0}, "value_bound=-1.0"),
        ({"k": 2, "payload_bound": float("nan")}, "payload_bound=nan"),
        ({"k": 2, "standardize": True, "feature_bounds": (1.0, 0.0)}, "feature_bounds=0.0"),
        ({"k": 2, "standardize": True, "centre": False}, "needs centre=True"),
        ({"k": 2, "feature_bounds": (1.0,)}, "are for standardize=True"),
        ({"k": 2, "reveal": "everything"}, "none of own-mean, assignments, distances"),
        ({"k": 2, "init_rows": (1, 1)}, "k=2 distinct are needed"),
        ({"k": None, "init_rows": (1, 2)}, "needs a given k"),
        ({"k": 2, "init": "any"}, "none of farthest-first, k-means"),
        ({"k": 2, "restarts": 0, "init": "k-means++"}, "restarts=0"),
        ({"k": 2, "restarts": 3}, "only starts of k-means\\+\\+, leaders and"),
        ({"k": 2, "restarts": 3, "init": "k-means++", "init_rows": (1, 2)}, "without init_rows"),
        ({"k": 2, "init": "k-means++", "seed": -1}, "seed=-1"),
        ({"k": None, "init": "k-means++"}, "give k for k-means"),
        ({"k": None, "k_max": 0}, "k_max=0"),
        ({"k": 100, "restarts": 11, "init": "k-means++"}, "more than 1024 centres"),
    ],
    ids=str,
)
def test_jobs_that_make_no_sense_are_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ClusterJob(**given)  # type: ignore[arg-type]


def test_a_job_survives_its_announcement() -> None:
    for job in (
        ClusterJob(k=3, init="k-means++", restarts=5, seed=1 << 40, label="round 1"),
        ClusterJob(k=None, k_max=4, norm_bound=2.5),
        ClusterJob(k=2, init_rows=(5, 1), reveal="assignments"),
        ClusterJob(k=2, standardize=True, feature_bounds=(5.0, 0.25), value_bound=3),
        ClusterJob(k=2, standardize=True, value_bound=(8.0, 4)),
    ):
        assert ClusterJob.from_json(json.loads(json.dumps(job.as_json()))) == job
