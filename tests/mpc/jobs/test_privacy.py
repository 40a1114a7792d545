"""A job's guarantee is consistent with its noise, and covers what the job does, or is refused."""

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mpc import ClusterJob
from mpc.errors import BudgetError, FrameError, InputError
from mpc.jobs.accounting import epsilon_of
from mpc.jobs.encoding import payload_unit, point_scale, squared_payload_limit
from mpc.jobs.noise import noise_of_centres, noise_of_means
from mpc.jobs.order import Order
from mpc.jobs.privacy import GUARANTEES
from mpc.jobs.projection import projected, public_projection, shortened
from mpc.jobs.rows import encode_payload
from mpc.jobs.statement import NoiseStatement
from mpc.ring.public_draws import public_directions

FRESH = ClusterJob(k=3, norm_bound=2.0, value_bound=2.0, payload_bound=1.5)
MEANS = replace(FRESH, guarantee="means", epsilon=8.0)
PIPELINE = replace(
    FRESH, guarantee="pipeline", epsilon=8.0, init="directions", centre=False, iterations=5
)
KNOWN = replace(FRESH, guarantee="known-assignment", epsilon=8.0, start="warm")


def test_a_budget_gives_its_noise_and_noise_its_epsilon() -> None:
    of_budget = replace(FRESH, guarantee="means", epsilon=8.0, releases=4)
    assert of_budget.epsilon == 8.0
    assert of_budget.noise_multiplier is not None
    again = replace(
        FRESH, guarantee="means", noise_multiplier=of_budget.noise_multiplier, releases=4
    )
    assert again.epsilon == pytest.approx(8.0)
    assert again.rho == pytest.approx(of_budget.rho)
    assert FRESH.rho == 0
    assert ClusterJob.from_json(PIPELINE.as_json()) == PIPELINE


@pytest.mark.parametrize(
    ("job", "change", "words"),
    [
        (FRESH, {"epsilon": 8.0}, "need a guarantee"),
        (FRESH, {"guarantee": "means"}, "needs an epsilon or a noise_multiplier"),
        (FRESH, {"guarantee": "much", "epsilon": 1.0}, "is none of none, means"),
        (MEANS, {"epsilon": 4.0}, "does not keep epsilon=4 at delta=1e-05 over 1 releases: 1.1"),
        (MEANS, {"releases": 2}, "does not keep epsilon=8 .* over 2 releases"),
        (MEANS, {"delta": 1e-7}, "does not keep"),
        (MEANS, {"delta": 0.5}, "at most 0.1"),
        (MEANS, {"delta": 0}, "delta=0"),
        (MEANS, {"epsilon": -1.0}, "a positive number is needed"),
        (MEANS, {"epsilon": math.nan}, "a positive number is needed"),
        (MEANS, {"noise_multiplier": math.inf}, "a positive number is needed"),
        (MEANS, {"rows_per_owner": 0}, "at least 1"),
        (MEANS, {"size_share": 1.0}, "below 1"),
        (MEANS, {"size_share": 0}, "sizes need noise"),
        (MEANS, {"shards": 2, "final_k": 3}, "guarantee='means' needs shards=1, not 2"),
        (PIPELINE, {"size_share": 0}, "sizes need noise"),
        (PIPELINE, {"centre_share": 1.5}, "below 1"),
        (PIPELINE, {"init": "k-means++"}, "needs init='directions', not 'k-means"),
        (PIPELINE, {"start": "warm"}, "needs start='fresh'"),
        (PIPELINE, {"restarts": 2}, "needs restarts=1, not 2"),
        (PIPELINE, {"centre": True}, "needs centre=False"),
        (PIPELINE, {"reveal": "assignments"}, "needs reveal='own-mean'"),
        (PIPELINE, {"k": None, "init": "random"}, "needs"),
        (PIPELINE, {"init_rows": (0, 1, 2)}, "no init_rows, which are data"),
        (PIPELINE, {"iterations": 65}, "has 64 at most"),
        (KNOWN, {"start": "fresh"}, "needs start='warm'"),
        (KNOWN, {"reveal": "distances"}, "needs reveal='own-mean'"),
        (FRESH, {"init": "directions"}, "is for guarantee='pipeline'"),
    ],
    ids=lambda value: None if isinstance(value, ClusterJob) else str(value),
)
def test_what_no_guarantee_covers_is_refused(
    job: ClusterJob, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        replace(job, **change)


def test_a_party_refuses_noise_that_does_not_keep_the_claimed_budget() -> None:
    order = Order(number=1, job=MEANS, rows={"client:0": [0], "client:1": [1, 2]}, dim=3, payload=2)
    for change, words in (
        ({"epsilon": 1.0}, "does not keep epsilon=1"),
        ({}, "client:1 has 2 rows, but the job's noise hides rows_per_owner=1"),
    ):
        message = order.as_json()
        message["job"] = {**MEANS.as_json(), **change}
        with pytest.raises(FrameError, match=words):
            Order.from_json(1, message)


@pytest.mark.parametrize("parties", [2, 5])
@pytest.mark.parametrize("job", [MEANS, KNOWN, PIPELINE, replace(PIPELINE, iterations=1)])
def test_all_releases_of_a_job_are_its_rho(job: ClusterJob, parties: int) -> None:
    """Each party's noise alone: the sum over releases of sensitivity^2 / (2 variance)."""
    n, dim, width = 50, 7, 40
    means = noise_of_means(job, n, width, parties)
    spent = float(squared_payload_limit(job, width) / (2 * means.sum_variance))
    spent += float(1 / (2 * means.size_variance))
    if job.guarantee == "pipeline" and job.iterations > 1:
        centres = noise_of_centres(job, n, dim, parties)
        unit = float(point_scale(job)) * 2.0**-18
        longest = 2.0 / unit + math.sqrt(dim) / 2
        spent += (job.iterations - 1) * (
            longest**2 / (2 * float(centres.sum_variance)) + 1 / (2 * float(centres.size_variance))
        )
    assert spent == pytest.approx(job.rho, rel=1e-4)
    assert spent <= job.rho * (1 + 1e-7)


def test_no_encoded_payload_is_longer_than_the_sensitivity() -> None:
    rng = np.random.default_rng(0)
    payload = shortened(rng.normal(size=(2000, 33)), 1.5)
    ring = encode_payload(payload, MEANS).astype(np.float64)
    longest = float(np.linalg.norm(ring, axis=1).max())
    assert longest**2 <= squared_payload_limit(MEANS, 33)
    exact = 1.5 / payload_unit(MEANS, 33) + math.sqrt(33) / 2
    assert math.sqrt(squared_payload_limit(MEANS, 33)) == pytest.approx(exact, rel=1e-8)


def test_noise_that_does_not_fit_is_refused() -> None:
    with pytest.raises(BudgetError, match="the noise is too large for the fixed-point budget"):
        noise_of_means(replace(MEANS, epsilon=1e-4, noise_multiplier=None), 50, 4, 2)


def test_sizes_keep_the_share_that_is_given() -> None:
    least = noise_of_means(MEANS, 50, 10_000, 2)
    assert float(least.size_variance) == pytest.approx(1 / (2 * 0.1 * MEANS.rho), rel=1e-5)
    half = noise_of_means(replace(MEANS, size_share=0.5), 50, 10_000, 2)
    assert float(half.size_variance) == pytest.approx(1 / MEANS.rho, rel=1e-5)
    assert noise_of_means(replace(KNOWN, size_share=0.0), 50, 9, 2).size_variance == 0


def test_a_statement_says_everything_in_words() -> None:
    for job in (MEANS, KNOWN, PIPELINE):
        said = NoiseStatement.of(job, num_points=50, dim=4, payload=9, num_parties=3)
        assert said is not None
        words = said.in_words
        assert said.epsilon == pytest.approx(epsilon_of(job.rho, job.delta))
        for part in ("unit: one data owner", "neighbours:", "sensitivity: 1.5", "composition:"):
            assert part in words
        assert "any one honest party, and the dealer not colluding" in words
        assert f"guarantee {job.guarantee}" in words
        assert ("centres: 4 updates" in words) == (job.guarantee == "pipeline")
        assert ("not covered" in words) == (job.guarantee == "means")
        assert said.as_json()["in_words"] == words
    seen = NoiseStatement.of(
        replace(PIPELINE, evaluate=True), num_points=50, dim=4, payload=9, num_parties=3
    )
    assert seen is not None
    assert "Labels are opened to an evaluator" in seen.in_words
    exact = NoiseStatement.of(
        replace(KNOWN, size_share=0.0), num_points=50, dim=4, payload=9, num_parties=3
    )
    assert exact is not None
    assert "clusters and their sizes are given" in exact.in_words
    assert NoiseStatement.of(FRESH, num_points=5, dim=1, payload=1, num_parties=2) is None
    assert GUARANTEES[0] == "none"


def test_directions_are_public_and_far_apart() -> None:
    for k, dim in ((1, 1), (2, 1), (5, 2), (8, 64), (40, 3)):
        found = public_directions(7, k, dim)
        assert np.array_equal(found, public_directions(7, k, dim))
        lengths = np.linalg.norm(found, axis=1)
        assert (np.abs(lengths - 2**16) <= math.sqrt(dim)).all()
    cosines = public_directions(3, 4, 8) @ public_directions(3, 4, 8).T / 2.0**32
    assert np.triu(cosines, 1).max() < 0.5
    assert not np.array_equal(public_directions(1, 3, 5), public_directions(2, 3, 5))


def test_a_projection_keeps_lengths_on_average_and_the_bound_always() -> None:
    rows = np.random.default_rng(1).normal(size=(500, 60))
    found = projected(rows, 6, seed=3, norm_bound=100.0)
    assert found.shape == (500, 6)
    ratio = np.linalg.norm(found, axis=1) / np.linalg.norm(rows, axis=1)
    assert np.sqrt((ratio**2).mean()) == pytest.approx(1.0, abs=0.05)
    columns = public_projection(3, 60, 6)
    assert np.allclose(columns.T @ columns, np.eye(6) * 10)
    assert np.linalg.norm(projected(rows, 6, seed=3, norm_bound=2.0), axis=1).max() < 2.0 + 1e-9
    assert np.array_equal(projected(rows, 60, seed=3, norm_bound=100.0), rows)
    with pytest.raises(InputError, match=re.escape("60 dimensions cannot be projected onto 61")):
        public_projection(3, 60, 61)
