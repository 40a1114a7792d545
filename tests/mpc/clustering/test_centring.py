"""What is found depends neither on where the origin is nor, where it is asked for, on the units."""

import warnings
from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from mpc import ClusterJob, PlainSession, SecureSession
from mpc.errors import BudgetError, PrecisionWarning
from mpc.estimator import SecureKMeans
from mpc.jobs.bounds import lost_to_rounding, prepared, with_bounds
from mpc.reference.kmeans import ring_points
from mpc.ring.fixedpoint import FloatArray, Int64Array
from tests.mpc.opened_labels import labels_of

Session = PlainSession | SecureSession
UNITS = np.array([1.0, 1e-3, 40.0, 7e4])


def clouds(seed: int, n: int = 30) -> FloatArray:
    """Three clouds that overlap, of spread 1."""
    rng = np.random.default_rng(seed)
    return np.asarray(2 * rng.normal(size=(3, 4))[np.arange(n) % 3] + rng.normal(size=(n, 4)))


def labels(session: Session, points_ND: FloatArray, **given: object) -> Int64Array:
    job = ClusterJob(k=3, evaluate=True, **given)  # type: ignore[arg-type]
    result = session.cluster(job, points_ND, points_ND)
    assert not result.rejected_N.any()
    return labels_of(result)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("times", [0.0, 3.0, -1e4, 1e6])
def test_the_origin_does_not_matter(session: Session, seed: int, times: float) -> None:
    points = clouds(seed)
    centred = points - points.mean(axis=0)
    far = points + times * points.std() * np.array([1.0, -1.0, 0.5, 1.0])
    assert np.array_equal(labels(session, far), labels(PlainSession(), centred))


@pytest.mark.slow
@pytest.mark.parametrize("reveal", ["assignments", "distances"])
def test_nor_does_it_under_other_policies(session: Session, reveal: str) -> None:
    points = clouds(2) + 1e4
    assert np.array_equal(
        labels(session, points, reveal=reveal),
        labels(PlainSession(), points - points.mean(axis=0), reveal=reveal),
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_standardised_features_are_those_of_scikit_learn(session: Session, seed: int) -> None:
    points = clouds(seed)
    given = points * UNITS + 100 * UNITS
    scaled = StandardScaler().fit_transform(points)
    assert np.array_equal(labels(session, given, standardize=True), labels(PlainSession(), scaled))
    assert not np.array_equal(labels(PlainSession(), given), labels(PlainSession(), scaled))


@pytest.mark.parametrize(("n", "dim"), [(2, 1), (5, 3), (64, 9), (300, 2)])
def test_deviations_are_right_to_within_a_part_in_4096(n: int, dim: int) -> None:
    rng = np.random.default_rng(n)
    points = rng.normal(size=(n, dim)) * 2.0 ** rng.integers(-9, 9, size=dim) + 50
    job = with_bounds(ClusterJob(k=1, standardize=True), points, points)
    ring, valid = ring_points(points, job)
    assert job.norm_bound is not None
    found, exact = ring * job.norm_bound / 2.0**18, StandardScaler().fit_transform(points)
    assert valid.all()
    assert np.abs(found - exact).max() < 2.0**-12 * np.abs(exact).max()


def test_a_constant_feature_counts_for_nothing(session: Session) -> None:
    points = clouds(3)
    constant = np.column_stack([points, np.full(len(points), 1e5)])
    assert np.array_equal(
        labels(session, constant, standardize=True),
        labels(PlainSession(), points, standardize=True),
    )


@pytest.mark.slow
def test_many_real_features(secure_session: SecureSession) -> None:
    points, _ = load_wine(return_X_y=True)
    few = points[::6]
    scaled = StandardScaler().fit_transform(few)
    assert np.array_equal(
        labels(secure_session, few, standardize=True), labels(PlainSession(), scaled)
    )


def test_who_is_far_from_the_mean_is_left_out(session: Session) -> None:
    """Its owner cannot tell, not knowing the mean; it learns it from its size of 0."""
    points = clouds(4) + 50
    points[7] += 1000
    job = ClusterJob(k=3, norm_bound=100.0)
    result = session.cluster(job, points, points)
    assert np.flatnonzero(result.rejected_N).tolist() == [7]


def test_who_is_over_its_features_bounds_is_left_out(session: Session) -> None:
    points = clouds(4) * UNITS
    points[7] += 1000 * UNITS
    bounds = tuple((64 * UNITS).tolist())
    job = ClusterJob(k=3, standardize=True, feature_bounds=bounds)
    result = session.cluster(job, points, points)
    assert np.flatnonzero(result.rejected_N).tolist() == [7]
    twin = PlainSession().cluster(job, points, points)
    assert np.array_equal(result.sizes_N, twin.sizes_N)


@pytest.mark.slow
def test_nothing_is_opened_for_it(secure_session: SecureSession) -> None:
    def opened(**given: object) -> list[tuple[str, str]]:
        job = ClusterJob(k=3, iterations=1, **given)  # type: ignore[arg-type]
        result = secure_session.cluster(job, clouds(0), clouds(0))
        return [(entry.to, entry.what) for entry in result.ledger]

    assert opened(standardize=True) == opened() == opened(centre=False)


def test_rows_too_far_from_the_origin_are_refused_with_what_to_do(session: Session) -> None:
    points = clouds(0) + 1e12
    with pytest.raises(BudgetError, match="subtract a public number from all rows"):
        session.cluster(ClusterJob(k=3), points, points)


def test_the_estimator_takes_rows_wherever_they_are(session: Session) -> None:
    points = clouds(1)
    near = SecureKMeans(3, session=session, reveal="assignments", random_state=0).fit(points)
    far = SecureKMeans(3, session=session, reveal="assignments", random_state=0).fit(
        points + 2.0**34
    )
    assert np.array_equal(near.labels_, far.labels_)
    assert np.allclose(far.own_means_ - 2.0**34, near.own_means_, atol=1e-3)


@pytest.mark.slow
def test_the_estimator_standardises(session: Session) -> None:
    points = clouds(1)
    scaled = StandardScaler().fit_transform(points)
    model = partial(SecureKMeans, session=session, reveal="assignments", random_state=0)
    alone = model(3).fit(scaled)
    asked = model(3, standardize=True).fit(points * UNITS)
    assert np.array_equal(asked.labels_, alone.labels_)
    assert np.array_equal(asked.predict(points * UNITS), alone.predict(scaled))
    centres = asked.cluster_centers_[asked.labels_]
    assert np.allclose(asked.own_means_ / UNITS, centres / UNITS, atol=1e-4)


def test_a_sentinel_is_named_and_so_is_what_it_costs() -> None:
    points = clouds(1)
    points[4] = -999999.0
    job = with_bounds(ClusterJob(k=3), points, points)
    named, told_apart = lost_to_rounding(job, points)
    assert named.startswith("row 4: more than 256 times as far out as half of all rows")
    assert told_apart.startswith("30 rows are distinct, but only ")
    fine = np.concatenate([clouds(1), clouds(1) + 1e-7])
    job = with_bounds(ClusterJob(k=3), fine, fine)
    (said,) = lost_to_rounding(job, fine)
    assert said.startswith("60 rows are distinct, but only ")
    good = clouds(1)
    assert lost_to_rounding(with_bounds(ClusterJob(k=3), good, good), good) == []


def test_the_estimator_warns_of_it() -> None:
    points = clouds(1)
    points[4] = -999999.0
    with (
        pytest.warns(PrecisionWarning, match="row 4"),
        pytest.warns(PrecisionWarning, match="30 rows are distinct"),
    ):
        SecureKMeans(3, session=PlainSession()).fit(points)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SecureKMeans(3, session=PlainSession()).fit(clouds(1))


def test_what_is_prepared_comes_back() -> None:
    points = clouds(5) * UNITS + 1e13
    given = prepared(points)
    assert np.array_equal(given.restored(given.payload_ND), points)
    assert np.abs(given.payload_ND).max() <= 1
    assert np.abs(given.points_ND).max() < 1e7


@pytest.mark.parametrize("scale", [1e-290, 1e-100, 1e160, 1e290])
def test_units_may_be_anything(scale: float) -> None:
    points = clouds(6)
    mixed = points * np.array([1.0, scale, 1.0, 1.0]) + np.array([0.0, 40 * scale, 1e3, 0.0])
    scaled = StandardScaler().fit_transform(points)
    job = ClusterJob(k=3, standardize=True, evaluate=True)
    result = PlainSession().cluster(job, mixed, points)
    assert not result.rejected_N.any()
    assert np.array_equal(labels_of(result), labels(PlainSession(), scaled))
