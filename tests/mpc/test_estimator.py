"""`SecureKMeans` keeps scikit-learn's contract, and shows no more than its policy opens."""

import copy
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import psutil
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, make_blobs
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from mpc import (
    ClusterJob,
    ClusterResult,
    LedgerEntry,
    PlainSession,
    SecureKMeans,
    SecureSession,
    Traffic,
)
from mpc.errors import InputError, PolicyError
from mpc.estimator import WithheldError
from mpc.jobs.bounds import public_bound
from mpc.jobs.job import RevealPolicy
from mpc.jobs.result import TOO_SMALL
from mpc.ring.fixedpoint import FloatArray, Int64Array
from mpc.session.loader import end_kept_loader

Session = PlainSession | SecureSession
Owners = Sequence[int] | None
POINTS, TRUTH = make_blobs(n_samples=24, centers=3, n_features=4, cluster_std=0.3, random_state=0)


class Recorder(PlainSession):
    """A plaintext twin that remembers the jobs it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[ClusterJob] = []
        self.owners: list[Owners] = []
        self.closed = False

    def cluster(
        self, job: ClusterJob, points_ND: FloatArray, payload_NM: FloatArray, owners: Owners = None
    ) -> ClusterResult:
        self.jobs.append(job)
        self.owners.append(owners)
        return super().cluster(job, points_ND, payload_NM, owners)

    def close(self) -> None:
        self.closed = True


def fitted(
    session: Session, reveal: RevealPolicy = "assignments", random_state: int | None = None
) -> SecureKMeans:
    model = partial(SecureKMeans, 3, reveal=reveal, session=session, owners=4)
    return model(random_state=random_state).fit(POINTS)


def rows_of(sizes: Sequence[int]) -> np.ndarray:
    """Tight groups of the given sizes, far from one another."""
    places = 10.0 * np.eye(len(sizes))
    return np.repeat(places, sizes, axis=0) + 0.01 * np.arange(sum(sizes))[:, None]


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [SecureKMeans(3, reveal="assignments", session=PlainSession(), owners=4)]
)
def test_contract_on_the_twin(estimator: SecureKMeans, check: Callable[[object], None]) -> None:
    check(estimator)


@pytest.mark.slow
def test_contract_on_one_open_session(opened: Callable[[int], SecureSession]) -> None:
    session = opened(2)
    estimator = SecureKMeans(3, reveal="assignments", session=session, owners=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        results = check_estimator(estimator, on_skip=None)
    passed = {result["check_name"] for result in results if result["status"] == "passed"}
    others = {result["check_name"] for result in results} - passed
    assert others <= {"check_array_api_input", "check_dataframe_column_names_consistency"}
    assert "check_clustering" in passed
    session.check()


def test_agrees_with_scikit_learn_from_the_same_start(session: Session) -> None:
    points = load_iris().data
    rows = [0, 60, 120]
    model = SecureKMeans(
        3, reveal="assignments", session=session, init=rows, max_iter=100, owners=4
    ).fit(points)
    theirs = KMeans(3, init=points[rows], n_init=1, tol=0, max_iter=100).fit(points)
    assert np.array_equal(model.labels_, theirs.labels_)
    assert np.abs(model.cluster_centers_ - theirs.cluster_centers_).max() < 1e-6
    assert model.inertia_ == pytest.approx(theirs.inertia_, rel=1e-6)
    assert np.array_equal(model.predict(points), theirs.predict(points))
    assert np.abs(model.own_means_ - model.cluster_centers_[model.labels_]).max() < 1e-6
    assert np.array_equal(model.own_sizes_, np.bincount(model.labels_)[model.labels_])


@pytest.mark.parametrize("reveal", ["assignments", "distances"])
def test_open_labels_are_the_groups(session: Session, reveal: RevealPolicy) -> None:
    model = fitted(session, reveal)
    assert np.array_equal(model.labels_[:, None] == model.labels_, TRUTH[:, None] == TRUTH[None, :])
    assert np.array_equal(model.predict(POINTS), model.labels_)
    assert (model.n_features_in_, model.n_clusters_) == (4, 3)
    assert model.n_iter_ >= 1


def test_secret_labels_are_withheld_but_means_are_not(session: Session) -> None:
    model = fitted(session, "own-mean")
    true_means = np.stack([POINTS[label == TRUTH].mean(axis=0) for label in TRUTH])
    assert np.abs(model.own_means_ - true_means).max() < model.norm_bound_ * 2.0**-24
    assert model.own_sizes_.tolist() == [8] * 24
    with pytest.warns(FutureWarning, match="group_means_ is now own_means_"):
        assert model.group_means_ is model.own_means_
    for name in ("labels_", "cluster_centers_", "inertia_"):
        assert not hasattr(model, name)
        with pytest.raises(PolicyError, match=f"{name} .*own-mean.*reveal='assignments'"):
            getattr(model, name)
    with pytest.raises(WithheldError, match="reveal='assignments'"):
        model.predict(POINTS)
    with pytest.raises(AttributeError, match="no attribute 'lables_'"):
        model.lables_  # noqa: B018


def test_secret_labels_are_no_array_of_the_estimator(session: Session) -> None:
    model = fitted(session, "own-mean")
    expected = fitted(session).labels_
    held = [value for value in vars(model).values() if isinstance(value, np.ndarray)]
    assert not any(np.array_equal(value, expected) for value in held)


@pytest.mark.slow
def test_ledger_and_traffic_come_along(secure_session: SecureSession) -> None:
    secret, opened = fitted(secure_session, "own-mean"), fitted(secure_session, "assignments")
    assert all(isinstance(entry, LedgerEntry) for entry in secret.ledger_)
    assert "labels" not in {entry.what for entry in secret.ledger_}
    assert "labels" in {entry.what for entry in opened.ledger_}
    assert isinstance(secret.traffic_, Traffic)
    assert secret.traffic_.rounds_online > 0
    assert len(secret.traffic_.bytes_of("client:")) == 4


def test_labels_for_nobody_are_refused_before_anything_is_shared() -> None:
    session = Recorder()
    with pytest.raises(WithheldError, match="fit_predict needs labels"):
        SecureKMeans(3, session=session).fit_predict(POINTS)
    assert session.jobs == []


def test_a_secret_fit_forgets_what_an_open_one_had_shown() -> None:
    model = fitted(PlainSession())
    assert hasattr(model, "labels_")
    model.set_params(reveal="own-mean")
    assert hasattr(model, "labels_")
    model.fit(POINTS)
    assert not hasattr(model, "labels_")
    model.set_params(reveal="assignments")
    with pytest.raises(WithheldError, match="reveal='own-mean' keeps secret"):
        model.cluster_centers_  # noqa: B018


def test_before_a_fit_nothing_is_there() -> None:
    model = SecureKMeans(3, reveal="assignments", session=PlainSession())
    with pytest.raises(AttributeError, match="no attribute 'labels_'"):
        model.labels_  # noqa: B018
    with pytest.raises(NotFittedError):
        model.predict(POINTS)


def test_clones_and_copies_use_the_same_session(secure_session: SecureSession) -> None:
    model = fitted(secure_session)
    assert clone(model).session is secure_session
    assert clone(make_pipeline(StandardScaler(), model))[-1].session is secure_session
    assert copy.deepcopy(model).session is secure_session
    assert not hasattr(clone(model), "labels_")
    assert clone(model).get_params() == model.get_params()


@pytest.mark.slow
def test_a_pickle_predicts_elsewhere_without_the_session(
    opened: Callable[[int], SecureSession],
) -> None:
    session = opened(2)
    model = fitted(session)
    code = (
        "import pickle, sys; model = pickle.load(sys.stdin.buffer);"
        "assert model.session is None; print(*model.predict(model.own_means_))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(model), capture_output=True, check=True
    )
    assert done.stdout.split() == [str(label).encode() for label in model.labels_]
    assert pickle.loads(pickle.dumps(model)).session is session  # noqa: S301


@pytest.mark.slow
def test_without_a_session_one_is_opened_and_ended() -> None:
    before = set(psutil.Process().children(recursive=True))
    model = SecureKMeans(3, owners=4, reveal="assignments", random_state=0).fit(POINTS)
    assert np.array_equal(model.labels_, fitted(PlainSession(), random_state=0).labels_)
    assert model.traffic_.rounds_online > 0
    end_kept_loader()
    assert set(psutil.Process().children(recursive=True)) <= before


def test_a_given_session_is_not_closed() -> None:
    session = Recorder()
    fitted(session)
    assert not session.closed


@pytest.mark.parametrize(
    ("owners", "dealt"),
    [
        (2, [0, 1, 0, 1, 0, 1]),
        (64, [0, 1, 2, 3, 4, 5]),
        ([3, 3, 3, 0, 0, 0], [3, 3, 3, 0, 0, 0]),
        (np.array([0, 0, 0, 1, 1, 1]), [0, 0, 0, 1, 1, 1]),
    ],
    ids=["two", "more than rows", "named", "named by an array"],
)
def test_rows_are_dealt_to_owners(owners: int | list[int] | Int64Array, dealt: list[int]) -> None:
    session = Recorder()
    SecureKMeans(2, session=session, owners=owners).fit(rows_of([3, 3]))
    assert session.owners == [tuple(dealt)]


def test_without_owners_each_row_has_its_own() -> None:
    session = Recorder()
    SecureKMeans(2, session=session, owners=None).fit(rows_of([3, 3]))
    assert session.owners == [None]


def test_nothing_of_a_small_cluster_is_handed_out(session: Session) -> None:
    """Labels are open, so that the process that holds the rows knows all centres by itself."""
    points = rows_of([4, 4, 1])
    model = SecureKMeans(
        3, reveal="assignments", session=session, min_cluster_size=2, owners=4
    ).fit(points)
    lone = model.labels_[-1]
    assert np.array_equal(model.cluster_centers_[lone], points[-1])
    assert np.isnan(model.own_means_[-1]).all()
    assert model.own_sizes_[-1] == TOO_SMALL
    assert np.isfinite(model.own_means_[:-1]).all()
    assert np.array_equal(model.predict(points), model.labels_)


FAR_FROM_ZERO = {
    "coordinates": np.array([[4e5, 4e5], [4e5, 4e5 + 1], [4e5, 4e5 + 5]]),
    "metres": 1e6 + np.array([[0.0], [200.0], [500.0], [900.0]]),
    "milliseconds": 1.7e12 + np.tile([[0.0], [4e6], [9e6], [14e6]], (2, 1)),
    "ten thousand spreads": 1e4 + np.random.default_rng(3).normal(size=(30, 2)),
    "one apart": 2048.0 * np.array([[0.0], [1.0]]).repeat(4, 0) + np.arange(8.0)[:, None],
}


@pytest.mark.parametrize("name", FAR_FROM_ZERO)
def test_labels_do_not_depend_on_where_the_origin_is(session: Session, name: str) -> None:
    points = FAR_FROM_ZERO[name]
    rows = list(range(3))
    model = SecureKMeans(3, reveal="assignments", session=session, init=rows, owners=None)
    centred = points - points.mean(axis=0)
    theirs = KMeans(3, init=centred[rows], n_init=1, tol=0).fit(centred)
    assert np.array_equal(model.fit(points).labels_, theirs.labels_)
    assert model.inertia_ == pytest.approx(theirs.inertia_, rel=1e-6)


def test_an_empty_cluster_has_no_centre(session: Session) -> None:
    points = np.full((5, 2), 0.5)
    model = SecureKMeans(2, reveal="assignments", session=session, owners=4).fit(points)
    assert model.labels_.tolist() == [0] * 5
    assert np.allclose(model.cluster_centers_[0], 0.5)
    assert np.isnan(model.cluster_centers_[1]).all()
    assert model.inertia_ == pytest.approx(0.0, abs=1e-9)
    assert model.predict(points).tolist() == [0] * 5


@pytest.mark.slow
@pytest.mark.parametrize("reveal", ["own-mean", "assignments", "distances"])
def test_the_number_of_clusters_can_be_chosen(session: Session, reveal: RevealPolicy) -> None:
    model = SecureKMeans(None, reveal=reveal, session=session).fit(POINTS)
    assert model.n_clusters_ == 3
    opened = {entry.what for entry in model.ledger_}
    assert ("number of clusters" in opened) == (
        isinstance(session, SecureSession) and reveal != "distances"
    )
    if reveal != "own-mean":
        assert len(model.cluster_centers_) == 3
    with pytest.raises(InputError, match="k_max=17"):
        SecureKMeans(None, k_max=17, session=session).fit(POINTS)


@pytest.mark.slow
def test_restarts_are_reproducible_and_keep_the_best(session: Session) -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(60, 2)) + 4 * rng.normal(size=(6, 2))[np.arange(60) % 6]
    model = partial(
        SecureKMeans, 6, reveal="assignments", session=session, init="k-means++", random_state=5
    )
    one, many, again = (model(n_init=n_init).fit(points) for n_init in (1, 8, 8))
    assert np.array_equal(many.labels_, again.labels_)
    assert many.inertia_ <= one.inertia_ * (1 + 1e-6)
    best = KMeans(6, n_init=20, random_state=0).fit(points).inertia_
    assert many.inertia_ <= 1.01 * best


@pytest.mark.parametrize(
    ("longest", "bound"),
    [(1.0, 1.0), (1.001, 2.0), (0.25, 0.25), (0.2, 0.25), (0.0, 1.0), (3e100, 2.0**334)],
)
def test_public_bound_is_the_next_power_of_two(longest: float, bound: float) -> None:
    assert public_bound(np.array([[0.0, 0.0], [0.0, longest]])) == bound


def test_rows_over_the_given_bound_are_refused() -> None:
    session = Recorder()
    with pytest.raises(
        ValueError, match=r"farther from the mean than norm_bound=0\.5; raise it to 16"
    ):
        SecureKMeans(3, session=session, norm_bound=0.5).fit(POINTS)
    assert session.jobs == []
    assert SecureKMeans(3, session=session, norm_bound=100.0).fit(POINTS).norm_bound_ == 100.0


BAD: list[tuple[dict[str, object], str]] = [
    ({"n_clusters": 25}, "n_samples=24 should be >= n_clusters=25"),
    ({"n_clusters": 0}, "n_clusters=0 but at least 1"),
    ({"n_clusters": 2.5}, "n_clusters=2.5 is not a whole number"),
    ({"n_clusters": "3"}, "n_clusters='3' is not a whole number"),
    ({"max_iter": 0}, "max_iter=0 but at least 1"),
    ({"min_cluster_size": 0}, "min_cluster_size=0 but at least 1"),
    ({"norm_bound": -1.0}, "norm_bound=-1"),
    ({"norm_bound": float("nan")}, "norm_bound=nan"),
    ({"reveal": "centres"}, "reveal='centres' is none of own-mean"),
    ({"init": "any"}, "init must be 'farthest-first' or 'k-means\\+\\+' or 'leaders' or"),
    ({"n_init": 0}, "n_init=0"),
    ({"n_init": 2, "init": "farthest-first"}, "only starts of k-means"),
    ({"init": "k-means++", "random_state": -1}, "random_state=-1"),
    ({"k_max": 0, "n_clusters": None}, "k_max=0"),
    ({"init": POINTS[:3]}, "only rows can be first centres; an array of float64"),
    ({"init": [0, 0, 1]}, "3 distinct are needed"),
    ({"init": [0, 1]}, "k=3 distinct are needed"),
    ({"init": [0, 1, 24]}, "must lie in 0..23"),
    ({"owners": 0}, "owners=0 but at least 1"),
    ({"owners": [0, 1]}, "owners names 2 rows, but X has 24"),
    ({"owners": [-1] * 24}, "owners=-1 but at least 0"),
]


@pytest.mark.parametrize(("given", "message"), BAD, ids=[str(list(given)) for given, _ in BAD])
def test_bad_parameters_are_refused_in_fit(given: dict[str, object], message: str) -> None:
    session = Recorder()
    model = SecureKMeans(3, session=session).set_params(**given)
    with pytest.raises(InputError, match=message):
        model.fit(POINTS)
    assert session.jobs == []


def test_bad_data_is_refused_in_scikit_learns_words() -> None:
    model = fitted(PlainSession())
    with pytest.raises(ValueError, match="4 features as input"):
        model.predict(POINTS[:, :2])
    with pytest.raises(ValueError, match="contains NaN"):
        model.fit([[np.nan, 1.0]] * 4)
    with pytest.raises(ValueError, match="Expected 2D array"):
        model.fit([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="too long for float64"):
        model.fit(np.eye(4) * 1e200)
