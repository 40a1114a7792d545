"""What noise inside the secure sum costs, against dp-accounting's own discrete Gaussian."""

import math

import pytest
from dp_accounting.pld import privacy_loss_distribution

from secfpp.config.privacy import PrivacyConfig
from secfpp.errors import ConfigError
from secfpp.privacy.accounting import calibrate_gaussian
from secfpp.privacy.inside import InsideNoise, Release, calibrate_inside, spent_by

DELTA = 1e-5
PIPELINE = {"size_share": 0.1, "clustering_share": 0.5, "centre_updates": 3}


def discrete_epsilon(stddev: float, sensitivity: int, releases: int) -> float:
    """Epsilon of discrete noise on one integer, from its exact probabilities."""
    one = privacy_loss_distribution.from_discrete_gaussian_mechanism(
        stddev, sensitivity=sensitivity, value_discretization_interval=1e-3
    )
    return float(one.self_compose(releases).get_epsilon_for_delta(DELTA))


@pytest.mark.parametrize("stddev", [2.0, 6.0, 40.0])
def test_sizes_are_charged_as_much_as_their_discrete_noise_takes(stddev: float) -> None:
    """Half of the charge is for a sum of the same multiplier, whose noise is as good as continuous.

    The other half is for a size. Two sizes in place of both cost less.
    """
    releases = tuple([Release(noise_multiplier=stddev / math.sqrt(2), size_share=0.5)] * 5)
    charged, _ = spent_by(releases, DELTA)
    exact = discrete_epsilon(stddev, 1, 10)
    assert exact - 2e-2 <= charged
    assert charged == pytest.approx(exact, rel=0.25 if stddev < 4 else 0.05, abs=0.02)


def test_a_sum_is_charged_as_dp_accounting_charges_its_discrete_noise() -> None:
    """With 2,000 units of the last bit, discrete and continuous noise cost the same."""
    charged, _ = spent_by((Release(noise_multiplier=2.0),) * 4, DELTA)
    assert charged == pytest.approx(discrete_epsilon(4000.0, 2000, 4), abs=5e-3)


@pytest.mark.parametrize("epsilon", [0.01, 1.0, 8.0, 50.0, 1e4, 1e9])
@pytest.mark.parametrize("parts", [{}, PIPELINE])
def test_a_budget_is_kept_and_used(epsilon: float, parts: dict[str, float]) -> None:
    noise = calibrate_inside(PrivacyConfig(epsilon=epsilon), 10, **parts)
    assert 0.99 * epsilon < noise.epsilon_pld <= epsilon
    assert noise.epsilon_pld <= noise.epsilon_rdp


def test_with_given_clusters_noise_is_that_of_a_trusted_server() -> None:
    noise = calibrate_inside(PrivacyConfig(epsilon=8.0), 10)
    trusted = calibrate_gaussian(PrivacyConfig(epsilon=8.0), 10, clip_norm=1.0)
    assert noise.first == noise.later
    assert noise.later.means_multiplier == pytest.approx(trusted.noise_multiplier, rel=1e-4)


def rho_of(noise: InsideNoise) -> float:
    jobs = [noise.first, *[noise.later] * (noise.rounds - 1)]
    return sum(0.5 / job.noise_multiplier**2 for job in jobs)


def test_a_pipeline_divides_the_budget_as_asked() -> None:
    noise = calibrate_inside(PrivacyConfig(), 10, **PIPELINE)
    centres = 0.5 / noise.first.noise_multiplier**2 * noise.first.centre_share
    assert centres / rho_of(noise) == pytest.approx(0.5)
    for_steps = 0.5 / noise.first.noise_multiplier**2 * (1 - noise.first.centre_share)
    assert for_steps == pytest.approx(0.5 / noise.later.noise_multiplier**2)
    whole = calibrate_inside(PrivacyConfig(), 10)
    assert rho_of(noise) == pytest.approx(rho_of(whole), rel=0.01)


def test_a_delta_that_jobs_do_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"privacy\.delta=0\.2 .* lower --delta"):
        calibrate_inside(PrivacyConfig(delta=0.2), 10)
