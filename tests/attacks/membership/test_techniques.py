"""Techniques on made-up observations, in which it is known what there is to find."""

import numpy as np
import pytest

from secfpp.attacks.membership.halved import Observations, halves
from secfpp.attacks.membership.learned import learned_scores, probability_features
from secfpp.attacks.membership.likelihood import likelihood_ratios, logit_confidence
from secfpp.attacks.membership.score import area_under_curve
from secfpp.attacks.stealing.view import View
from secfpp.seeds import Seeds

S, N, B, C = 24, 10, 12, 4
NOTHING = View(setting="", attacker="", technique="", stolen_NM=np.zeros((N, 1)))


def observed(gain: float) -> Observations:
    """Images are of different difficulty; membership adds `gain` to the logit of the own class."""
    rng = np.random.default_rng(7)
    valid = np.ones((N, B), dtype=np.bool_)
    valid[0, 8:] = False
    member = halves(valid, S, Seeds(1))
    labels = rng.integers(C, size=(N, B))
    logits = np.broadcast_to(rng.normal(0, 3, size=(N, B, C)), (S, N, B, C)).copy()
    logits += rng.normal(0, 0.5, size=logits.shape)
    own = np.take_along_axis(logits, np.broadcast_to(labels[..., None], (S, N, B, 1)), axis=3)
    np.put_along_axis(
        logits,
        np.broadcast_to(labels[..., None], (S, N, B, 1)),
        own + gain * member[..., None],
        axis=3,
    )
    log = logits - np.log(np.exp(logits).sum(axis=3, keepdims=True))
    return Observations(
        view=NOTHING,
        prompt_SNM=np.zeros((S, N, 1)),
        before_SNM=np.zeros((S, N, 1)),
        log_SNBC=log,
        member_SNB=member,
        label_NB=labels,
        valid_NB=valid,
    )


def auc(seen: Observations, score: np.ndarray) -> float:
    known = np.broadcast_to(seen.valid_NB, score.shape)
    return area_under_curve(score[known], seen.member_SNB[known])


def test_halves_are_halves_of_what_is_there() -> None:
    valid = np.ones((3, 7), dtype=np.bool_)
    valid[1, 4:] = False
    member = halves(valid, 5, Seeds(0))
    assert member.shape == (5, 3, 7)
    assert (member.sum(axis=2) == [3, 2, 3]).all()
    assert not member[:, ~valid].any()
    assert len({row.tobytes() for row in member}) == 5
    assert (member == halves(valid, 5, Seeds(0))).all()


def test_logit_of_the_own_class() -> None:
    seen = observed(0.0)
    own = np.broadcast_to(seen.label_NB[..., None], (S, N, B, 1))
    p = np.exp(np.take_along_axis(seen.log_SNBC, own, axis=3)[..., 0])
    assert np.allclose(logit_confidence(seen), np.log(p / (1 - p)), atol=1e-6)


def test_likelihood_ratios_find_members_that_confidences_hide() -> None:
    """Images differ by six standard deviations of the gain, so only a look at each helps."""
    seen = observed(1.0)
    plain = auc(seen, logit_confidence(seen))
    ratio = auc(seen, likelihood_ratios(seen, logit_confidence(seen)))
    assert plain < 0.65 < 0.8 < ratio


def test_nothing_is_found_where_nothing_is() -> None:
    """2,800 images: the standard error of an AUC of one half is about 0.011."""
    seen = observed(0.0)
    logit = logit_confidence(seen)
    assert auc(seen, likelihood_ratios(seen, logit)) == pytest.approx(0.5, abs=0.05)
    learned = learned_scores(seen, probability_features(seen), seed=1)
    assert auc(seen, learned) == pytest.approx(0.5, abs=0.05)


def test_a_classifier_learns_from_other_clients() -> None:
    seen = observed(3.0)
    assert auc(seen, learned_scores(seen, probability_features(seen), seed=1)) > 0.6
