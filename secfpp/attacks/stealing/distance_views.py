"""Stealing from opened distances: multilateration from clients whose prompts are known.

The policy `distances` opens the squared distances of all pairs of descriptors. The attacker knows
the descriptors and updates of some clients, the anchors. Their distances to the victim give the
victim's descriptor inside the span of the anchors exactly, and nothing outside of it. He combines
the anchors' updates as he combines their descriptors.

Shape letters: N clients, A anchors, D dimensions of a descriptor, M numbers of a prompt.

References
----------
D. Manolakis, "Efficient Solution and Performance Analysis of 3-D Position Estimation by
Trilateration" (IEEE Transactions on Aerospace and Electronic Systems 32, 1996).
"""

from collections.abc import Sequence

import numpy as np

from secfpp.attacks.scene import Scene
from secfpp.attacks.stealing.view import View
from secfpp.learning.prompts import FloatArray

__all__ = ["distance_views", "located"]


def distance_views(scene: Scene, rng: np.random.Generator) -> list[View]:
    """Attack every client with a quarter, a half and all of the others as anchors."""
    num_clients = len(scene.everyone)
    counts = sorted({max(2, num_clients // 4), max(2, num_clients // 2), num_clients - 1})
    return [_view(scene, count, rng) for count in counts]


def _view(scene: Scene, count: int, rng: np.random.Generator) -> View:
    """Attack every client with some of the others, drawn for each, as anchors."""
    descriptor_ND = scene.contribution.descriptor_nD
    square_NN = _squared_distances(descriptor_ND)
    stolen_NM = np.empty_like(scene.update_NM)
    for victim in range(len(descriptor_ND)):
        others = np.delete(np.arange(len(descriptor_ND)), victim)
        anchors = rng.choice(others, size=count, replace=False)
        weight_A = located(descriptor_ND[anchors], square_NN[victim, anchors])
        stolen_NM[victim] = weight_A @ scene.update_NM[anchors]
    return View(
        setting=f"distances of all pairs, {count} clients known",
        attacker="server with these clients",
        technique="multilateration",
        stolen_NM=stolen_NM,
    )


def located(anchor_AD: FloatArray, square_A: Sequence[float] | FloatArray) -> FloatArray:
    """Return the affine combination of anchors at given distances, (A,) weights that add up to 1.

    Parameters
    ----------
    anchor_AD : ndarray of float64, (A, D)
    square_A : ndarray of float64, (A,)
        Squared distances of the victim to the anchors.

    Returns
    -------
    ndarray of float64, (A,)
        Weights; the combination is the point of the anchors' affine span that is nearest to the
        victim.
    """
    rest_AD = anchor_AD[1:] - anchor_AD[0]
    square_A = np.asarray(square_A, dtype=np.float64)
    product_A = (square_A[0] - square_A[1:] + np.square(rest_AD).sum(axis=1)) / 2
    gram_AA = rest_AD @ rest_AD.T
    weight_A = np.linalg.lstsq(gram_AA, product_A, rcond=1e-9)[0]
    return np.concatenate([[1 - weight_A.sum()], weight_A])


def _squared_distances(point_ND: FloatArray) -> FloatArray:
    """Return squared distances of all pairs, (N, N)."""
    length_N = np.square(point_ND).sum(axis=1)
    found: FloatArray = length_N[:, None] + length_N[None, :] - 2 * point_ND @ point_ND.T
    return found
