"""Gram matrix and squared distances of secret-shared points.

Shape letters: N points, D dimensions.
"""

from typing import Any

import torch

from mpc.compare import local


def gram_matrix(points_enc_ND: Any) -> Any:
    """Return shares of all inner products, (N, N), with `GRAM_BITS` fractional bits.

    Parameters
    ----------
    points_enc_ND : MPCTensor, (N, D)
        Ring integers with `POINT_BITS` fractional bits; products of norms over 2^63 wrap.

    Notes
    -----
    An integer product: exact, nothing is truncated.

    Cost: one round, 16 N D bytes from each party to each other. Leakage: none.
    """
    return points_enc_ND.matmul(local(points_enc_ND, lambda y: y.t().contiguous()))


def squared_distances(gram_enc_NN: Any) -> Any:
    """Return shares of the squared distances between all pairs, (N, N), `GRAM_BITS` bits.

    Notes
    -----
    Cost: none, it is linear. Leakage: none.
    """

    def combine(gram_NN: torch.Tensor) -> torch.Tensor:
        diagonal_N = gram_NN.diagonal()
        return diagonal_N[:, None] + diagonal_N[None, :] - 2 * gram_NN

    return local(gram_enc_NN, combine)
