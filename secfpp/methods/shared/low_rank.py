"""Low-rank factors of a prompt, and the gradient of the prompt from gradients of its factors.

A matrix p is written u v + r with orthonormal columns of u and rows of v. Gradients are taken of u
and v alone and combined into a gradient of p.

Shape letters: N matrices, T rows, W columns, K rank.
"""

from dataclasses import dataclass

import torch

__all__ = ["Factors", "factorise", "implied_gradient"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Factors:
    """A factorisation p = u v + r."""

    u_NTK: torch.Tensor
    """Orthonormal columns."""
    v_NKW: torch.Tensor
    """Orthonormal rows."""
    residual_NTW: torch.Tensor
    """The rest of p: u and v hold directions only, so lengths are in here."""


def factorise(matrix_NTW: torch.Tensor, start_NWK: torch.Tensor) -> Factors:
    """Factorise matrices by one step of the power method.

    Parameters
    ----------
    matrix_NTW : Tensor of float32 or float64, (N, T, W)
    start_NWK : Tensor, (N, W, K)
        Random start, K at most T and W. It must be drawn for each call, independently of the data.

    Returns
    -------
    Factors
        u spans p start, v spans the rows of u^T p, both by QR decompositions. For a p of rank K
        they are its column and row space; otherwise they approximate those of its largest singular
        values.

    Notes
    -----
    Rows of v are orthonormal as in the authors' code and in theorem 3.1 of Yu et al. With singular
    values in v, noise on the gradient of u would be multiplied by them on its way to p. Then p and
    its singular values would grow without bound: at epsilon 0.1 prompts overflowed in a trial.

    References
    ----------
    DP-FPL (Tran et al., ICLR 2025); Yu et al. (ICML 2021), the power method of section 3.
    """
    u_NTK, _ = torch.linalg.qr(matrix_NTW @ start_NWK)
    rows_NWK, _ = torch.linalg.qr(matrix_NTW.transpose(1, 2) @ u_NTK)
    v_NKW = rows_NWK.transpose(1, 2)
    return Factors(u_NTK=u_NTK, v_NKW=v_NKW, residual_NTW=matrix_NTW - u_NTK @ v_NKW)


def implied_gradient(
    factors: Factors, grad_u_NTK: torch.Tensor, grad_v_NKW: torch.Tensor
) -> torch.Tensor:
    """Turn gradients of u and v into one of p: (grad u) v + u (grad v) - u u^T (grad u) v.

    Parameters
    ----------
    factors : Factors
    grad_u_NTK : Tensor, (N, T, K)
    grad_v_NKW : Tensor, (N, K, W)
        Exact or noised.

    Returns
    -------
    Tensor, (N, T, W)

    Notes
    -----
    Let g be the gradient of the loss for p. The chain rule through p = u v + r gives
    grad u = g v^T and grad v = u^T g, so the first two terms, the direction in which a step on
    both factors moves u v, are g v^T v + u u^T g. Both contain the part of g in the span of u and
    in that of v; the last term subtracts it once:

        implied = u u^T g + g v^T v - u u^T g v^T v = g - (1 - u u^T) g (1 - v^T v),

    the orthogonal projection of g onto the tangent space of the matrices of rank K at u v. With
    K = T it is g. With a plus instead of the minus that part would count three times.

    References
    ----------
    DP-FPL (Tran et al., ICLR 2025), equation 4; Yu et al. (ICML 2021), theorem 3.1.
    """
    through_u_NTW = grad_u_NTK @ factors.v_NKW
    u_NTK = factors.u_NTK
    twice_NTW = u_NTK @ (u_NTK.transpose(1, 2) @ through_u_NTW)
    return through_u_NTW + u_NTK @ grad_v_NKW - twice_NTW
