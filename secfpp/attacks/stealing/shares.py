"""Stealing from the shares that all computing parties but one hold.

The shares are real: descriptor and update go through the encoding and the splitting of a data
owner's program, with the operating system's randomness. The attacker adds up the P - 1 shares that
he has, and decodes. The last share masks the sum, so chance is the best he can do.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mpc.jobs.bounds import with_bounds
from mpc.jobs.encoding import payload_unit
from mpc.jobs.rows import encode_payload
from mpc.ring.fixedpoint import Int64Array
from mpc.session.data_owner import reconstruct, split
from secfpp.attacks.scene import Scene
from secfpp.attacks.stealing.view import View
from secfpp.learning.prompts import FloatArray
from secfpp.methods.shared.round_job import job_of

__all__ = ["decoded_from", "share_views"]


def share_views(scene: Scene) -> tuple[View, ...]:
    """Return what 1 of 2 and 2 of 3 parties make of their shares, and what all 2 would."""
    return (
        _view(scene, 2, 1, "1 of 2 shares"),
        _view(scene, 3, 2, "2 of 3 shares"),
        replace(_view(scene, 2, 2, "both shares"), kind="positive control"),
    )


def _view(scene: Scene, parties: int, held: int, setting: str) -> View:
    """Return what some parties make of the shares that they hold."""
    stolen_NM = decoded_from(
        scene, scene.contribution.update_nM, parties, range(parties - held, parties)
    )
    return View(
        setting=setting,
        attacker="computing parties",
        technique="sum of the shares held",
        stolen_NM=stolen_NM,
    )


def decoded_from(
    scene: Scene, update_NM: FloatArray, parties: int, held: Sequence[int]
) -> FloatArray:
    """Split updates as clients do, and decode the sum of some shares.

    Parameters
    ----------
    scene : Scene
    update_NM : ndarray of float64, (N, M)
    parties : int
    held : sequence of int
        Parties whose shares are added up.

    Returns
    -------
    ndarray of float64, (N, M)
    """
    descriptor_ND = scene.contribution.descriptor_nD
    job = with_bounds(
        job_of(scene.clustering, len(update_NM), scene.contribution.round_index),
        descriptor_ND,
        update_NM,
    )
    unit = payload_unit(job, update_NM.shape[1])
    found = np.empty_like(update_NM)
    for client, row_M in enumerate(encode_payload(update_NM, job)):
        shares: list[Int64Array] = split(row_M, parties)
        found[client] = reconstruct([shares[rank] for rank in held]).astype(np.float64) * unit
    return found
