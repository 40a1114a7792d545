"""What a method itself shows of a client: to its server or its parties, and to a fellow client.

Shape letters: N clients, M numbers of a prompt.
"""

import numpy as np

from secfpp.attacks.scene import Scene
from secfpp.attacks.stealing.shares import decoded_from
from secfpp.attacks.stealing.view import View
from secfpp.learning.prompts import FloatArray
from secfpp.methods.interface import ExchangeResult, IntArray
from secfpp.methods.registry import METHODS

__all__ = ["FELLOW", "NOBODY", "PARTIES", "SERVER", "less_own_part", "like_clients", "own_views"]

SERVER = "server"
PARTIES = "all parties but one"
FELLOW = "client of the same cluster"
NOBODY = "anybody else"


def own_views(scene: Scene) -> list[View]:
    """Return what each role other than the client itself makes of a round of the method."""
    result = scene.federation.exchange(scene.contribution)
    if len(result.clients_r) == 0:
        nothing_NM = np.zeros_like(scene.update_NM)
        return [
            View(
                setting="nothing leaves a client",
                attacker=NOBODY,
                technique="the public start",
                stolen_NM=nothing_NM,
                shown=True,
            )
        ]
    return [_above(scene), _fellow(scene, result)]


def _above(scene: Scene) -> View:
    """Return what the server of the method makes of an upload, or all parties but one of shares."""
    method = METHODS[scene.unit.method]
    upload_NM = scene.contribution.update_nM
    if method.uses_parties:
        parties = scene.config.secure.parties
        return View(
            setting=f"{parties - 1} of {parties} shares",
            attacker=PARTIES,
            technique="sum of the shares held",
            shown=True,
            stolen_NM=decoded_from(scene, upload_NM, parties, range(1, parties)),
        )
    noised = not np.array_equal(upload_NM, scene.update_NM)
    return View(
        setting="upload with local noise" if noised else "upload in the clear",
        attacker=SERVER,
        technique="taken as it is",
        stolen_NM=upload_NM,
        shown=True,
        epsilon=epsilon_of(scene) if noised else None,
    )


def _fellow(scene: Scene, result: ExchangeResult) -> View:
    """Return what the most similar client makes of the mean that it receives."""
    contribution = scene.contribution
    labels_N = result.labels_n
    if labels_N is None:
        labels_N = np.zeros(len(scene.everyone), dtype=np.int64)
    received_NM = contribution.update_nM.copy()
    received_NM[result.clients_r] = result.update_rM
    noised = METHODS[scene.unit.method].statement is not None
    stolen_NM = np.empty_like(received_NM)
    for victim, order in enumerate(like_clients(contribution.descriptor_nD)):
        same = [j for j in order if labels_N[j] == labels_N[victim]]
        attacker = same[0] if same else order[0]
        size = int((labels_N == labels_N[attacker]).sum()) if same else 1
        own_M = contribution.update_nM[attacker]
        received_M = received_NM[attacker]
        stolen_NM[victim] = received_M if noised else less_own_part(received_M, own_M, size)
    return View(
        setting="mean that it receives, with noise" if noised else "mean that it receives",
        attacker=FELLOW,
        technique="taken as it is" if noised else "mean less its own part",
        stolen_NM=stolen_NM,
        shown=True,
        epsilon=epsilon_of(scene) if noised else None,
    )


def less_own_part(mean_M: FloatArray, own_M: FloatArray, size: int) -> FloatArray:
    """Return the mean of the others of a cluster, (M,); the mean itself if it is of one."""
    if size < 2:
        return mean_M
    rest_M: FloatArray = (size * mean_M - own_M) / (size - 1)
    return rest_M


def like_clients(descriptor_ND: FloatArray) -> list[list[int]]:
    """Return for each client all others, the one with the nearest descriptor first."""
    cosine_NN = descriptor_ND @ descriptor_ND.T
    np.fill_diagonal(cosine_NN, -np.inf)
    order_NN: IntArray = np.argsort(-cosine_NN, axis=1, kind="stable")[:, :-1]
    return [[int(j) for j in row] for row in order_NN]


def epsilon_of(scene: Scene) -> float | None:
    """Return the budget of the method, if it has a guarantee."""
    method = METHODS[scene.unit.method]
    if method.statement is None:
        return None
    return method.statement(scene.config.settings_of(method)).epsilon_target
