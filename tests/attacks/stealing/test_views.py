import numpy as np
import pytest

from secfpp.attacks.stealing.distance_views import located
from secfpp.attacks.stealing.own_views import less_own_part, like_clients
from secfpp.attacks.stealing.score import cosines, matched_and_mismatched

RNG = np.random.default_rng(5)


def test_distances_to_known_points_give_a_point_in_their_span() -> None:
    """Multilateration is exact inside the anchors' span, whatever the dimension."""
    anchors = RNG.normal(size=(6, 40))
    weights = RNG.dirichlet(np.ones(6))
    square = np.square(weights @ anchors - anchors).sum(axis=1)
    assert np.allclose(located(anchors, square), weights)


def test_distances_give_the_projection_of_any_other_point() -> None:
    anchors, victim = RNG.normal(size=(6, 40)), RNG.normal(size=40)
    found = located(anchors, np.square(victim - anchors).sum(axis=1)) @ anchors
    edges = anchors[1:] - anchors[0]
    assert np.allclose(edges @ (victim - found), 0.0)


def test_anchors_of_fewer_dimensions_than_their_number() -> None:
    anchors = RNG.normal(size=(9, 3))
    victim = RNG.normal(size=3)
    found = located(anchors, np.square(victim - anchors).sum(axis=1)) @ anchors
    assert np.allclose(found, victim)


def test_a_member_of_two_gets_the_other() -> None:
    own, other = RNG.normal(size=(2, 5))
    assert np.allclose(less_own_part((own + other) / 2, own, 2), other)
    assert (less_own_part(own, other, 1) == own).all()


def test_the_most_similar_client_is_first() -> None:
    descriptors = np.array([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6]])
    assert like_clients(descriptors) == [[2, 1], [2, 0], [0, 1]]


def test_cosines_of_zeros_are_zero() -> None:
    rows = np.array([[0.0, 0.0], [3.0, 4.0]])
    assert np.allclose(cosines(rows, rows), [[0.0, 0.0], [0.0, 1.0]])


def test_chance_is_what_was_seen_of_another_client() -> None:
    """Two seeds of other sizes; no pair of clients of two seeds is compared."""
    tables = [np.where(np.eye(4) > 0, 0.9, 0.2), np.where(np.eye(3) > 0, 0.9, 0.2)]
    found, chance = matched_and_mismatched(tables, np.random.default_rng(0))
    assert (found.value, found.low, found.high) == pytest.approx((0.9, 0.9, 0.9))
    assert (chance.value, chance.low, chance.high) == pytest.approx((0.2, 0.2, 0.2))
