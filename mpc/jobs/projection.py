"""Points projected by a public random matrix, which an owner does before it shares them.

Noise on a centre grows with the square root of the number of dimensions, distances between points
do not. With few dimensions k-means therefore tells clusters apart at a smaller epsilon.

Shape letters: N points, D dimensions, E dimensions after it.
"""

import math

import numpy as np

from mpc.errors import InputError
from mpc.ring.fixedpoint import FloatArray
from mpc.ring.public_draws import near_normal


def public_projection(seed: int, dim: int, onto: int) -> FloatArray:
    """Return a projection onto a random subspace, (D, E), determined by the arguments alone.

    Columns are orthogonal, and of length sqrt(D / E): a vector keeps its length on average.

    Raises
    ------
    InputError
        Fewer than one dimension, or more than D, are asked for.
    """
    if not 1 <= onto <= dim:
        raise InputError(f"points of {dim} dimensions cannot be projected onto {onto}")
    drawn = near_normal(f"mpc.draws: projection {seed}", (dim, onto)).astype(np.float64)
    columns, triangle = np.linalg.qr(drawn)
    projection: FloatArray = columns * np.sign(np.diag(triangle)) * math.sqrt(dim / onto)
    return projection


def projected(points_ND: FloatArray, onto: int, *, seed: int, norm_bound: float) -> FloatArray:
    """Return projected points, (N, E), shortened to the norm bound where they are longer.

    Points of at most E dimensions are only shortened.

    Parameters
    ----------
    points_ND : ndarray of float64, (N, D)
    onto : int
        E.
    seed : int
        Public, the same for all owners.
    norm_bound : float
        The job's.
    """
    rows = points_ND
    if points_ND.shape[1] > onto:
        rows = points_ND @ public_projection(seed, points_ND.shape[1], onto)
    return shortened(rows, norm_bound)


def shortened(rows_NX: FloatArray, bound: float) -> FloatArray:
    """Return rows that are scaled down to a norm of at most `bound` where they are longer."""
    norm_N1 = np.linalg.norm(rows_NX, axis=1, keepdims=True)
    short: FloatArray = rows_NX / np.maximum(norm_N1 / bound, 1.0)
    return short
