"""What an attacker sees of the sums of image features that clients send for prototypes.

Shape letters: N clients, Q = C E numbers of the prototypes of C classes.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from secfpp.attacks.scene import Scene
from secfpp.attacks.stealing.own_views import FELLOW, SERVER, less_own_part, like_clients
from secfpp.attacks.stealing.view import View
from secfpp.learning.prompts import FloatArray
from secfpp.methods.interface import IntArray
from secfpp.methods.registry import METHODS
from secfpp.methods.shared.prototypes import PROTOTYPES
from secfpp.privacy.accounting import calibrate_gaussian
from secfpp.privacy.noise import gaussian_noise

__all__ = ["sums_views"]

LONGEST_SUM = 1.0
"""Norm of a client's sums over its number of images, at most."""


def sums_views(scene: Scene, *, other_settings: bool, epsilons: Sequence[float]) -> list[View]:
    """Return views of the sums, if clients of the method send them.

    Parameters
    ----------
    scene : Scene
    other_settings : bool
        Whether to try also what the method does not show: sums in the clear, sums with noise.
    epsilons : sequence of float
        Budgets of the noise.
    """
    sums_NQ = scene.contribution.sent.get(PROTOTYPES)
    if sums_NQ is None:
        return []
    clear = View(
        setting="sums of features in the clear",
        attacker=SERVER,
        technique="",
        stolen_NM=sums_NQ,
        shown=not METHODS[scene.unit.method].uses_parties,
    )
    found = [clear] if other_settings or clear.shown else []
    result = scene.federation.exchange(scene.contribution)
    labels_N = result.labels_n
    if labels_N is None:
        labels_N = np.zeros(len(sums_NQ), dtype=np.int64)
    found.append(_mean(scene, sums_NQ, labels_N, 0.0))
    for epsilon in epsilons if other_settings else ():
        privacy = replace(scene.config.privacy, epsilon=epsilon)
        rounds = scene.config.training.rounds
        said = calibrate_gaussian(privacy, rounds, clip_norm=LONGEST_SUM)
        noised = _mean(scene, sums_NQ, labels_N, said.noise_multiplier * LONGEST_SUM)
        noised = replace(noised, setting=f"{noised.setting}, with noise", epsilon=epsilon)
        found.append(noised)
    return found


def _mean(scene: Scene, sums_NQ: FloatArray, labels_N: IntArray, stddev: float) -> View:
    """Return what the most similar client makes of its cluster's mean of sums."""
    stolen_NQ = np.empty_like(sums_NQ)
    for victim, order in enumerate(like_clients(scene.contribution.descriptor_nD)):
        cluster = labels_N == labels_N[victim]
        size = int(cluster.sum())
        same = [j for j in order if cluster[j]]
        total_Q = sums_NQ[cluster].sum(axis=0) + gaussian_noise(sums_NQ.shape[1], stddev)
        own_Q = sums_NQ[same[0]] if same else np.zeros(sums_NQ.shape[1])
        stolen_NQ[victim] = less_own_part(total_Q / size, own_Q, size)
    return View(
        setting="mean of sums that it receives",
        attacker=FELLOW,
        technique="mean less its own part",
        stolen_NM=stolen_NQ,
        shown=stddev == 0,
    )
