"""Stealing from the shares of the paper's own protocol, which a coalition of clients holds.

Under the protocol `secpc` each client has one value of the polynomial that hides a client's rows.
The shares are real: `mpc.secpc` codes the updates, with the operating system's randomness. A
coalition decodes as if its values were enough. With t of them the values are uniform whatever the
update is, so chance is the best it can do; with one more for each slice it has the update.
"""

import numpy as np

from mpc.errors import InputError
from mpc.jobs.bounds import with_bounds
from mpc.jobs.encoding import payload_unit
from mpc.jobs.rows import encode_payload
from mpc.secpc.coding import LagrangeCode
from mpc.secpc.quantiser import sliced
from mpc.secpc.settings import SecPCSettings
from mpc.secpc.uniform import UniformElements
from secfpp.attacks.scene import Scene
from secfpp.attacks.stealing.view import View
from secfpp.learning.prompts import FloatArray
from secfpp.methods.shared.round_job import job_of

__all__ = ["coalition_views", "decoded_by"]


def coalition_views(scene: Scene) -> list[View]:
    """Return what t clients make of their shares, and what l + t would; none if N is too small."""
    num_clients = len(scene.update_NM)
    try:
        code = SecPCSettings().code(num_clients)
    except InputError:
        return []
    enough = code.answers_for_sums
    return [
        View(
            setting=f"secpc: shares of {code.colluders} of {num_clients} clients",
            attacker="coalition of clients",
            technique="decoded as if they were enough",
            stolen_NM=decoded_by(scene, scene.update_NM, code, code.colluders),
        ),
        View(
            setting=f"secpc: shares of {enough} of {num_clients} clients",
            attacker="coalition of clients",
            technique="decoded",
            stolen_NM=decoded_by(scene, scene.update_NM, code, enough),
            kind="positive control",
        ),
    ]


def decoded_by(scene: Scene, update_NM: FloatArray, code: LagrangeCode, held: int) -> FloatArray:
    """Code each client's update, and decode it from the shares of the first `held` others.

    Parameters
    ----------
    scene : Scene
    update_NM : ndarray of float64, (N, M)
    code : LagrangeCode
    held : int
        Clients of the coalition.

    Returns
    -------
    ndarray of float64, (N, M)
    """
    field, found_NM = code.field, np.empty_like(update_NM)
    job = with_bounds(
        job_of(scene.clustering, len(update_NM), scene.contribution.round_index),
        scene.contribution.descriptor_nD,
        update_NM,
    )
    unit, uniform = payload_unit(job, update_NM.shape[1]), UniformElements(field)
    for victim, row_M in enumerate(encode_payload(update_NM, job)):
        slices_LX = sliced(field, row_M[None, :], code.slices)
        noise_TX = uniform.draw((code.colluders, slices_LX.shape[1]))
        share_JX = code.encode(slices_LX, noise_TX)
        coalition = [at for at in range(code.num_clients) if at != victim][:held]
        decoded_LX = field.matmul(code.decoding(coalition, held), share_JX[coalition])
        found_NM[victim] = field.signed(decoded_LX).reshape(-1)[: len(row_M)] * unit
    return found_NM
