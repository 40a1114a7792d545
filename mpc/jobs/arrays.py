"""Checks of the arrays that a process gives to a session.

Shape letters: N points, D dimensions of a point, M of a payload.
"""

import numpy as np

from mpc.errors import InputError
from mpc.ring.fixedpoint import FloatArray


def check_arrays(points_ND: FloatArray, payload_NM: FloatArray) -> None:
    """Refuse arrays that are no points and payloads.

    Parameters
    ----------
    points_ND : ndarray of float64, (N, D)
    payload_NM : ndarray of float64, (N, M)

    Raises
    ------
    InputError
        Wrong rank or dtype, an empty array, NaN or infinity, or different N.
    """
    for name, array in (("points", points_ND), ("payload", payload_NM)):
        if not isinstance(array, np.ndarray) or array.dtype != np.float64:
            raise InputError(f"{name} must be a float64 array")
        if array.ndim != 2 or 0 in array.shape:
            raise InputError(f"{name} has shape {array.shape}; a non-empty (N, D) is needed")
        if not np.isfinite(array).all():
            raise InputError(f"{name} contain NaN or infinity; clean them before sharing")
    if len(payload_NM) != len(points_ND):
        raise InputError(f"{len(points_ND)} points but {len(payload_NM)} payload rows")
