"""Ring elements that no owner of good faith sends pass no check of a norm by wrapping around."""

import math

import numpy as np
import pytest

import mpc.session.job_driver
from mpc import ClusterJob, PlainSession, SecureSession
from mpc.errors import BudgetError
from mpc.jobs.encoding import (
    coarse_shift,
    payload_bits,
    payload_width,
    point_width,
    points_shift,
    squared_norm_limit,
    squared_payload_limit,
)
from mpc.ring.fixedpoint import FloatArray, Int64Array
from tests.mpc.conftest import Parties

POWERS = [sign * (1 << k) + off for k in range(63) for sign in (1, -1) for off in (0, 1)]
CRAFTED = np.array([*POWERS, -(1 << 63), (1 << 63) - 1], dtype=np.int64)


@pytest.mark.slow
@pytest.mark.parametrize("width", [3, 21, 47, 63])
def test_numbers_of_good_faith_come_through_and_no_others_are_wider(
    any_parties: Parties, width: int
) -> None:
    for _ in range(3):  # of fresh masks
        found = any_parties("cut", CRAFTED, bits=width)
        good = np.abs(CRAFTED.astype(np.float64)) < 2.0 ** (width - 2)
        assert np.array_equal(found[good], CRAFTED[good])
        assert np.abs(found.astype(np.float64)).max() < 2.0 ** (width + 1)


def test_means_are_off_by_less_than_two_units_and_by_the_same_for_all(any_parties: Parties) -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 7, 300):
        points = rng.integers(-(1 << 47), 1 << 47, size=(n, 5))
        found = any_parties("centred", points)
        off = points - found - points.mean(axis=0)
        assert np.array_equal(found - found[0], points - points[0])
        assert np.abs(off).max() < 2.1  # float64 has 53 bits


@pytest.mark.parametrize("dim", [1, 4])
@pytest.mark.parametrize("value_bound", [1.0, 2.0**14, 2.0**26])
@pytest.mark.parametrize("centre", [False, True])
def test_who_is_kept_is_within_the_bound(
    any_parties: Parties, dim: int, value_bound: float, centre: bool
) -> None:
    """Whatever a ring element is taken for, it counts only as a point within the bound."""
    points = np.zeros((len(CRAFTED), dim), dtype=np.int64)
    points[:, -1] = CRAFTED
    job = ClusterJob(k=1, norm_bound=1.0, payload_bound=1.0, value_bound=value_bound, centre=centre)
    payload = np.zeros((len(points), 1))
    found = any_parties("kept_and_rows", points, payload, value_bound=value_bound, centre=centre)
    valid, rows = found[: len(points)] == 1, found[len(points) :].reshape(-1, dim)
    limit = squared_norm_limit(job, dim)
    squared = np.array([sum(int(x) ** 2 for x in row) for row in rows], dtype=object)
    assert (squared[valid] <= limit).all()
    assert not squared[~valid].any()
    if not centre:
        good = [abs(int(x)) < 1 << (point_width(job) - 2) for x in CRAFTED]
        within = np.array([int(x) ** 2 <= limit for x in CRAFTED])
        assert np.array_equal(valid[good], within[good])


@pytest.mark.parametrize("num_payload", [1, 5, 700])
def test_whose_payload_is_over_its_bound_is_left_out(
    any_parties: Parties, num_payload: int
) -> None:
    payload = np.zeros((len(CRAFTED), num_payload), dtype=np.int64)
    payload[:, 0] = CRAFTED
    valid = any_parties("within_bounds", np.zeros((len(CRAFTED), 3)), payload)
    size = np.abs(CRAFTED.astype(np.float64))
    small = size < 2.0 ** (payload_width(num_payload) - 2)
    job = ClusterJob(k=1, centre=False, norm_bound=1.0, payload_bound=1.0)
    limit = math.sqrt(squared_payload_limit(job, num_payload))
    assert np.array_equal(valid[small] == 1, (size <= limit)[small])
    assert limit == pytest.approx(2.0 ** payload_bits(num_payload), abs=math.sqrt(num_payload))


def test_a_job_leaves_out_a_payload_over_its_bound(
    session: PlainSession | SecureSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(session, PlainSession):
        pytest.skip("the twin's owners are of good faith")
    points = np.random.default_rng(0).normal(size=(7, 3))
    payload = np.ones((7, 2))

    def crafted(payload_RM: FloatArray, job: ClusterJob) -> Int64Array:
        encoded = np.rint(payload_RM * 2.0**23).astype(np.int64)
        return encoded if (payload_RM == 1).all() else encoded + (3 << 23)

    payload[2] = 1.5
    monkeypatch.setattr(mpc.session.job_driver, "encode_payload", crafted)
    result = session.cluster(ClusterJob(k=1, payload_bound=2.0), points, payload)
    assert np.flatnonzero(result.rejected_N).tolist() == [2]
    assert np.array_equal(np.delete(result.means_NM, 2, axis=0), np.ones((6, 2)))


@pytest.mark.parametrize("dim", [1, 64, 1280, 8192])
@pytest.mark.parametrize("width", [22, 23, 30, 36, 40, 49])
def test_no_square_wraps_around(width: int, dim: int) -> None:
    """The widest numbers, squared and added up; and what passes the coarse measure."""
    length = 2.0**18 + 2.5 * math.sqrt(dim)
    try:
        shift = coarse_shift(width, dim, length)
    except BudgetError:
        assert width > 40
        assert dim > 1280
        return
    assert dim * (2.0 ** (width - shift) + (shift > 0)) ** 2 <= 2.0**63
    if shift:
        assert dim * 2.0 ** (2 * width) >= 2.0**63
        assert (length + 2 * math.sqrt(dim) * 2.0**shift) ** 2 < 2.0**63


def test_a_bound_of_raw_values_that_fits_no_check_is_refused() -> None:
    job = ClusterJob(k=1, norm_bound=1.0, value_bound=2.0**26, payload_bound=1.0)
    assert points_shift(job, 64) > 0
    with pytest.raises(BudgetError, match="too many for 1048576 dimensions"):
        points_shift(job, 1 << 20)
