import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats  # type: ignore[import-untyped]

from secfpp.errors import ConfigError
from secfpp.privacy.noise import clip_rows, gaussian_noise, poisson_sample


def test_noise_is_gaussian_with_the_stated_deviation() -> None:
    """Fails by chance once in a million runs."""
    drawn = gaussian_noise(100_001, 3.0)
    assert drawn.shape == (100_001,)
    assert stats.kstest(drawn, stats.norm(scale=3.0).cdf).pvalue > 1e-6
    variance_ratio = (drawn / 3.0) @ (drawn / 3.0) / len(drawn)
    assert abs(variance_ratio - 1) < 5 * np.sqrt(2 / len(drawn))


def test_halves_are_not_correlated() -> None:
    drawn = gaussian_noise(100_000, 1.0)
    assert abs(np.corrcoef(drawn[:50_000], drawn[50_000:])[0, 1]) < 5 / np.sqrt(50_000)


def test_noise_is_not_repeated() -> None:
    np.random.seed(0)  # noqa: NPY002
    first = gaussian_noise(8, 1.0)
    np.random.seed(0)  # noqa: NPY002
    assert not np.array_equal(first, gaussian_noise(8, 1.0))


def test_zero_deviation_is_zero() -> None:
    assert (gaussian_noise(5, 0.0) == 0).all()


@pytest.mark.parametrize("stddev", [-1.0, float("nan"), float("inf")])
def test_bad_deviation_is_refused(stddev: float) -> None:
    with pytest.raises(ConfigError, match="noise stddev"):
        gaussian_noise(3, stddev)


def test_poisson_sample_draws_each_image_by_itself() -> None:
    """Binomial counts in every row and column; fails by chance once in a million runs."""
    mask_nB = np.ones((300, 400), dtype=bool)
    drawn = poisson_sample(mask_nB, 0.125)
    z_rows = (drawn.sum(axis=1) - 50) / np.sqrt(400 * 0.125 * 0.875)
    z_columns = (drawn.sum(axis=0) - 37.5) / np.sqrt(300 * 0.125 * 0.875)
    for z in (z_rows, z_columns):
        assert stats.chi2.sf(float(z @ z), len(z)) > 1e-6
        assert stats.chi2.cdf(float(z @ z), len(z)) > 1e-6
    assert not np.array_equal(drawn, poisson_sample(mask_nB, 0.125))


def test_poisson_sample_keeps_to_images_that_are_there() -> None:
    mask_nB = np.arange(50).reshape(5, 10) % 3 == 0
    assert not (poisson_sample(mask_nB, 0.9) & ~mask_nB).any()
    assert np.array_equal(poisson_sample(mask_nB, 1.0), mask_nB)


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.1, float("nan")])
def test_bad_sample_rate_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match="sample rate"):
        poisson_sample(np.ones((1, 1), dtype=bool), rate)


@given(
    arrays(np.float64, (4, 3), elements=st.floats(-1e6, 1e6)),
    st.floats(1e-3, 1e3),
)
def test_clipping_bounds_norms_and_keeps_directions(values: np.ndarray, bound: float) -> None:
    clipped = clip_rows(values, bound)
    before, after = np.linalg.norm(values, axis=1), np.linalg.norm(clipped, axis=1)
    assert (after <= bound * (1 + 1e-12)).all()
    inside = before <= bound
    assert np.array_equal(clipped[inside], values[inside])
    assert np.allclose(after[~inside], bound)
    assert np.allclose(clipped * before[:, None], values * after[:, None], rtol=1e-9, atol=1e-6)
