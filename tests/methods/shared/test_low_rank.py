from collections.abc import Callable

import pytest
import torch

from secfpp.methods.shared.low_rank import Factors, factorise, implied_gradient

N, T, W, K = 3, 6, 9, 2


def matrices(rank: int = T, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    left = torch.randn(N, T, rank, generator=generator, dtype=torch.float64)
    return left @ torch.randn(N, rank, W, generator=generator, dtype=torch.float64)


def directions(rank: int = K) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(N, W, rank, generator=generator, dtype=torch.float64)


def losses() -> Callable[[torch.Tensor], torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    weight_TW = torch.randn(T, W, generator=generator, dtype=torch.float64)
    return lambda p: (torch.tanh(p * weight_TW).sum() ** 2 + (p**3).sum()) / 10


def gradients(factors: Factors) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of p, u and v, by autograd through p = u v + r with each of them a leaf."""
    loss = losses()
    u, v = (part.clone().requires_grad_() for part in (factors.u_NTK, factors.v_NKW))
    grad_u, grad_v = torch.autograd.grad(loss(u @ v + factors.residual_NTW), [u, v])
    p = (factors.u_NTK @ factors.v_NKW + factors.residual_NTW).requires_grad_()
    (grad_p,) = torch.autograd.grad(loss(p), [p])
    return grad_p, grad_u, grad_v


def test_parts_sum_up_and_are_orthonormal() -> None:
    p = matrices()
    factors = factorise(p, directions())
    assert torch.allclose(factors.u_NTK @ factors.v_NKW + factors.residual_NTW, p)
    eye = torch.eye(K, dtype=torch.float64).expand(N, K, K)
    assert torch.allclose(factors.u_NTK.transpose(1, 2) @ factors.u_NTK, eye)
    assert torch.allclose(factors.v_NKW @ factors.v_NKW.transpose(1, 2), eye)


def test_one_step_finds_the_singular_spaces_of_a_low_rank_matrix() -> None:
    p = matrices(rank=K)
    left, _, right = torch.linalg.svd(p)
    factors = factorise(p, directions())
    u, v = factors.u_NTK, factors.v_NKW
    best_u, best_v = left[:, :, :K], right[:, :K]
    assert torch.allclose(u @ u.transpose(1, 2), best_u @ best_u.transpose(1, 2))
    assert torch.allclose(v.transpose(1, 2) @ v, best_v.transpose(1, 2) @ best_v)


def test_one_step_leans_to_the_largest_singular_values() -> None:
    """On average it keeps nine tenths of what the best directions keep; random ones a third."""
    left, _, right = torch.linalg.svd(matrices()[0], full_matrices=False)
    values = torch.tensor([10.0, 8.0, 0.5, 0.3, 0.2, 0.1], dtype=torch.float64)
    p = (left @ torch.diag(values) @ right).expand(300, T, W)
    generator = torch.Generator().manual_seed(3)
    start = torch.randn(300, W, K, generator=generator, dtype=torch.float64)
    kept = (factorise(p, start).u_NTK.transpose(1, 2) @ p).square().sum(dim=(1, 2))
    best = values[:K].square().sum()
    assert (kept <= best + 1e-9).all()
    assert kept.mean() > 0.9 * best


def test_a_prompt_of_zeros_still_has_directions() -> None:
    factors = factorise(torch.zeros(N, T, W), directions().float())
    assert torch.isfinite(factors.u_NTK).all()
    assert torch.isfinite(factors.v_NKW).all()


def test_implied_gradient_is_the_projection_onto_the_tangent_space() -> None:
    factors = factorise(matrices(), directions())
    grad_p, grad_u, grad_v = gradients(factors)
    left, _, right = torch.linalg.svd(factors.u_NTK @ factors.v_NKW)
    beyond_u, beyond_v = left[:, :, K:], right[:, K:]
    outside_u = beyond_u @ beyond_u.transpose(1, 2)
    outside_v = beyond_v.transpose(1, 2) @ beyond_v
    expected = grad_p - outside_u @ grad_p @ outside_v
    assert torch.allclose(implied_gradient(factors, grad_u, grad_v), expected)
    assert not torch.allclose(expected, grad_p)


def test_the_minus_keeps_the_shared_part_from_counting_twice() -> None:
    """For g = u a v, equation 4 gives g, without its last term 2 g, and with a plus 3 g."""
    factors = factorise(matrices(), directions())
    inner = torch.randn(N, K, K, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    g = factors.u_NTK @ inner @ factors.v_NKW
    grad_u, grad_v = g @ factors.v_NKW.transpose(1, 2), factors.u_NTK.transpose(1, 2) @ g
    assert torch.allclose(implied_gradient(factors, grad_u, grad_v), g)
    assert torch.allclose(grad_u @ factors.v_NKW + factors.u_NTK @ grad_v, 2 * g)


def test_full_rank_is_no_restriction() -> None:
    factors = factorise(matrices(), directions(rank=T))
    grad_p, grad_u, grad_v = gradients(factors)
    assert torch.allclose(implied_gradient(factors, grad_u, grad_v), grad_p)


def test_descent_along_it_lowers_the_loss() -> None:
    p = matrices()
    factors = factorise(p, directions())
    _, grad_u, grad_v = gradients(factors)
    loss, implied = losses(), implied_gradient(factors, grad_u, grad_v)
    rate = 1e-6
    gained = (loss(p) - loss(p - rate * implied)).item() / rate
    assert gained == pytest.approx(implied.square().sum().item(), rel=1e-2)
