"""Stealing from means: of clusters of any size, over rounds between which a client leaves, noised.

The attacker is a member of the victim's cluster. It knows the size, and subtracts its own part.

Shape letters: N clients, M numbers of a prompt, s size of a cluster.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from secfpp.attacks.scene import Scene
from secfpp.attacks.stealing.own_views import FELLOW, less_own_part, like_clients
from secfpp.attacks.stealing.view import View
from secfpp.federation.round import after_exchange, before_exchange
from secfpp.learning.prompts import FloatArray
from secfpp.methods.dp_clusters import DpClustersSettings
from secfpp.methods.interface import IntArray
from secfpp.methods.ldp_promptfl import LdpPromptFlSettings, calibrate, noised_rows
from secfpp.privacy.accounting import calibrate_gaussian
from secfpp.privacy.noise import clip_rows, gaussian_noise

__all__ = ["SIZES", "leaving_views", "local_noise_views", "mean_views", "noised_mean_views"]

SIZES: Final = (1, 2, 3, 5, 10)
"""Sizes of clusters whose mean is opened."""
NOISED_SIZES: Final = (3, 5, 10)


def mean_views(scene: Scene, sizes: Sequence[int] = SIZES) -> list[View]:
    """Open the mean of the victim and the s - 1 clients that are most like it.

    The first view is what a client of the same cluster knows already: the mean of the last round.
    """
    update_NM = scene.update_NM
    like = like_clients(scene.contribution.descriptor_nD)
    known_NM = scene.contribution.before_nM[[others[0] for others in like]]
    found = [
        View(
            setting="mean of the round before",
            attacker=FELLOW,
            technique="taken as it is",
            stolen_NM=known_NM,
        )
    ]
    for size in sizes:
        if size > len(update_NM):
            continue
        stolen_NM = np.empty_like(update_NM)
        for victim, others in enumerate(like):
            cluster = [victim, *others[: size - 1]]
            own_M = update_NM[others[0]]
            stolen_NM[victim] = less_own_part(update_NM[cluster].mean(axis=0), own_M, size)
        found.append(
            View(
                setting=f"mean of a cluster of {size}",
                attacker=FELLOW if size > 1 else "whoever gets the mean",
                technique="mean less its own part" if size > 1 else "taken as it is",
                stolen_NM=stolen_NM,
                kind="attack" if size > 2 else "positive control",
            )
        )
    return found


def noised_mean_views(
    scene: Scene, epsilons: Sequence[float], sizes: Sequence[int] = NOISED_SIZES
) -> list[View]:
    """Open means of clipped steps with Gaussian noise on their sum, once for each cluster.

    The noise is that of `dp-clusters`: the budget covers all rounds of the run.
    """
    clip_norm = DpClustersSettings().clip_norm_clusters
    before_NM = scene.contribution.before_nM
    step_NM = clip_rows(scene.update_NM - before_NM, clip_norm)
    like = like_clients(scene.contribution.descriptor_nD)
    found = []
    for epsilon in epsilons:
        privacy = replace(scene.config.privacy, epsilon=epsilon)
        said = calibrate_gaussian(privacy, scene.config.training.rounds, clip_norm=clip_norm)
        for size in (size for size in sizes if size <= len(step_NM)):
            stolen_NM = np.empty_like(step_NM)
            for victim, others in enumerate(like):
                noise_M = gaussian_noise(step_NM.shape[1], said.noise_multiplier * clip_norm)
                sum_M = step_NM[[victim, *others[: size - 1]]].sum(axis=0) + noise_M
                rest_M = less_own_part(sum_M / size, step_NM[others[0]], size)
                stolen_NM[victim] = before_NM[others[0]] + rest_M
            found.append(
                View(
                    setting=f"mean of a cluster of {size} with noise",
                    attacker=FELLOW,
                    technique="mean less its own part",
                    stolen_NM=stolen_NM,
                    epsilon=epsilon,
                )
            )
    return found


def local_noise_views(scene: Scene, epsilons: Sequence[float]) -> list[View]:
    """Let clients clip and noise their steps before they send them, as `ldp-promptfl` does."""
    before_NM = scene.contribution.before_nM
    clip_norm = LdpPromptFlSettings().clip_norm_local
    found = []
    for epsilon in epsilons:
        privacy = replace(scene.config.privacy, epsilon=epsilon)
        said = calibrate(privacy, scene.config.training.rounds, clip_norm)
        noised_NM = noised_rows(
            scene.update_NM - before_NM, clip_norm, said.noise_multiplier * said.sensitivity
        )
        found.append(
            View(
                setting="upload with local noise",
                attacker="server",
                technique="taken as it is",
                stolen_NM=before_NM + noised_NM,
                epsilon=epsilon,
            )
        )
    return found


def leaving_views(scene: Scene) -> list[View]:
    """Take the difference of two means of a cluster, the second one without the victim.

    Between the two rounds the others train on, so their own drift is in the difference, unless the
    same round is computed twice.
    """
    result = scene.federation.exchange(scene.contribution)
    if len(result.clients_r) == 0:
        return []
    labels_N = result.labels_n
    if labels_N is None:
        labels_N = np.zeros(len(scene.everyone), dtype=np.int64)
    state, _ = after_exchange(scene.federation, scene.trained, scene.everyone, result)
    later = before_exchange(scene.federation, state, scene.everyone).contribution.update_nM
    first = scene.contribution.update_nM
    return [
        View(
            setting="means of two rounds, a client left in between",
            attacker=FELLOW,
            technique="difference of the sums",
            stolen_NM=_left_out(first, later, labels_N),
        ),
        View(
            setting="means of one round, with and without a client",
            attacker=FELLOW,
            technique="difference of the sums",
            stolen_NM=_left_out(first, first, labels_N),
            kind="positive control",
        ),
    ]


def _left_out(first_NM: FloatArray, second_NM: FloatArray, labels_N: IntArray) -> FloatArray:
    """Return each client's cluster's first sum less the second sum of the others, (N, M)."""
    same_NN = (labels_N[:, None] == labels_N[None, :]).astype(np.float64)
    others_NN = same_NN - np.eye(len(labels_N))
    found: FloatArray = same_NN @ first_NM - others_NN @ second_NM
    return found
