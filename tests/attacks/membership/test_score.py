import numpy as np
import pytest

from secfpp.attacks.membership.score import accuracy, area_under_curve, rate_at


def test_area_under_the_curve() -> None:
    """The example of scikit-learn's `roc_auc_score`, ties, and both ends."""
    member = np.array([False, False, True, True])
    assert area_under_curve(np.array([0.1, 0.4, 0.35, 0.8]), member) == 0.75
    assert area_under_curve(np.zeros(4), member) == 0.5
    assert area_under_curve(np.array([0.0, 1.0, 2.0, 3.0]), member) == 1.0
    assert np.isnan(area_under_curve(np.zeros(2), np.array([True, True])))


def test_area_equals_that_of_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(1)
    member = rng.random(500) < 0.4
    score = np.round(rng.normal(size=500) + member, 1)
    assert area_under_curve(score, member) == pytest.approx(roc_auc_score(member, score))


def test_hits_at_one_false_alarm_in_a_hundred() -> None:
    """Of 100 others, one may be above the threshold."""
    others, members = np.arange(100.0), np.array([98.5, 97.5, 200.0, 99.5])
    score = np.concatenate([others, members])
    member = np.arange(104) >= 100
    assert rate_at(score, member, 0.01) == 0.75
    assert rate_at(score, member, 0.0) == 0.5


def test_accuracy_names_the_upper_half() -> None:
    member = np.array([False, True, False, True])
    assert accuracy(np.array([1.0, 4.0, 2.0, 3.0]), member) == 1.0
    assert accuracy(np.array([4.0, 1.0, 3.0, 2.0]), member) == 0.0
