"""All views of a scene: what the method itself shows, and what other policies would."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from secfpp.attacks.scene import Scene
from secfpp.attacks.stealing.coded_shares import coalition_views
from secfpp.attacks.stealing.distance_views import distance_views
from secfpp.attacks.stealing.mean_views import (
    leaving_views,
    local_noise_views,
    mean_views,
    noised_mean_views,
)
from secfpp.attacks.stealing.own_views import own_views
from secfpp.attacks.stealing.shares import share_views
from secfpp.attacks.stealing.view import View

__all__ = ["EPSILONS", "scene_views"]

EPSILONS: Final = (0.1, 1.0, 8.0)
"""Budgets of noise that is tried on what clients send and on what is opened."""


def scene_views(
    scene: Scene, rng: np.random.Generator, *, other_settings: bool, epsilons: Sequence[float]
) -> list[View]:
    """Return the views of a scene.

    Parameters
    ----------
    scene : Scene
    rng : numpy.random.Generator
        Of the attacker's choices.
    other_settings : bool
        Whether to try also what the method does not show: shares, distances, means of clusters of
        other sizes, means over rounds, noise.
    epsilons : sequence of float
        Budgets of the noise.
    """
    found = own_views(scene)
    if other_settings:
        known = {view.setting for view in found}
        found += [view for view in share_views(scene) if view.setting not in known]
        found += coalition_views(scene)
        found += distance_views(scene, rng)
        found += mean_views(scene)
        found += leaving_views(scene)
        found += noised_mean_views(scene, epsilons)
        found += local_noise_views(scene, epsilons)
    return found
