"""The estimator with a budget: noise, the statement, and bounds that do not come from the rows."""

import math
from typing import Any

import numpy as np
import pytest

from mpc import PlainSession, SecureKMeans
from mpc.errors import BudgetError, InputError
from mpc.jobs.result import Session

N, D, K = 240, 4, 3
CENTRES = np.array([[0.8, 0, 0, 0], [0, 0.8, 0, 0], [0, 0, -0.8, 0]])
POINTS = CENTRES[np.arange(N) % K] + np.random.default_rng(4).normal(size=(N, D)) * 0.02


def fitted(session: Session, **given: Any) -> SecureKMeans:
    parameters = {"dp_epsilon": 20.0, "norm_bound": 1.0, "owners": None, "random_state": 1}
    return SecureKMeans(K, session=session, **{**parameters, **given}).fit(POINTS)


@pytest.mark.parametrize("guarantee", ["pipeline", "means"])
def test_means_are_near_and_the_statement_is_there(session: Session, guarantee: str) -> None:
    model = fitted(session, dp_guarantee=guarantee)
    assert model.privacy_ is not None
    assert model.privacy_.guarantee == guarantee
    assert model.privacy_.epsilon == pytest.approx(20.0)
    assert model.privacy_.sum_sensitivity == pytest.approx(1.0, rel=1e-6)
    for cluster in range(K):
        off = np.linalg.norm(model.own_means_[cluster] - CENTRES[cluster])
        assert off < 10 * math.sqrt(2 * D) * model.privacy_.sum_stddev / model.own_sizes_[cluster]
    assert not hasattr(model, "labels_")


def test_a_projection_is_for_the_assignment_alone(session: Session) -> None:
    model = fitted(session, dp_dims=2)
    assert model.own_means_.shape == (N, D)
    assert model.privacy_ is not None
    assert model.privacy_.centre_updates == 2


def test_rows_of_an_owner_take_more_noise() -> None:
    one, four = (fitted(PlainSession(), owners=owners).privacy_ for owners in (N, N // 4))
    assert one is not None
    assert four is not None
    assert (one.rows_per_owner, four.rows_per_owner) == (1, 4)
    assert four.sum_stddev == pytest.approx(4 * one.sum_stddev, rel=1e-4)


def test_without_a_budget_there_is_no_statement() -> None:
    assert SecureKMeans(K, session=PlainSession()).fit(POINTS).privacy_ is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"norm_bound": None}, "needs a norm_bound that does not depend on the rows"),
        ({"reveal": "assignments"}, "needs reveal='own-mean'"),
        ({"init": "random"}, "begins once, at public directions"),
        ({"init": [0, 1, 2]}, "begins once, at public directions"),
        ({"n_init": 4}, "begins once, at public directions"),
        ({"standardize": True}, "depends on all rows"),
        ({"dp_guarantee": "known-assignment"}, "is not one of a single job"),
        ({"dp_guarantee": "none"}, "is not one of a single job"),
        ({"dp_guarantee": "means", "dp_dims": 2}, "with guarantee='pipeline' alone"),
        ({"dp_epsilon": 0.0}, "epsilon=0"),
        ({"dp_delta": 0.2}, "at most 0.1"),
        ({"dp_dims": 0}, "at least 1"),
        ({"shard_size": 100}, "for rows of one job; leave shard_size out"),
    ],
    ids=str,
)
def test_what_no_guarantee_covers_is_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        fitted(PlainSession(), **given)


def test_rows_over_the_bound_are_refused_by_number() -> None:
    with pytest.raises(BudgetError, match=r"row \d+ has length 0\.8\d*, over norm_bound=0\.5"):
        fitted(PlainSession(), norm_bound=0.5)
