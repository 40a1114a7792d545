"""Plans against those of POT, against linear programmes, and by what they must satisfy."""

from collections.abc import Callable

import numpy as np
import ot  # type: ignore[import-untyped]
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from secfpp.errors import ConfigError
from secfpp.methods.shared import optimal_transport
from secfpp.methods.shared.optimal_transport import Stopping, balanced_plan, partial_plan

R, P, X = 5, 2, 7
EXACT = Stopping(threshold=1e-9, max_iterations=20_000)
HAS_R = torch.full((R,), 1 / R, dtype=torch.float64)
WANTS_P = torch.tensor([0.5, 0.5], dtype=torch.float64)


def costs(seed: int = 0, problems: int = X, spread: float = 0.15) -> torch.Tensor:
    """1 - cosine, about as CLIP's are."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(R, P, problems, generator=generator, dtype=torch.float64)
    return 0.7 + spread * noise


@pytest.mark.parametrize("eps", [0.05, 0.1, 1.0])
def test_balanced_plans_are_those_of_pot(eps: float) -> None:
    has_R = torch.tensor([0.1, 0.3, 0.2, 0.25, 0.15], dtype=torch.float64)
    wants_P = torch.tensor([0.7, 0.3], dtype=torch.float64)
    cost_RPX = costs()
    plan_RPX = balanced_plan(cost_RPX, has_R, wants_P, eps=eps, stopping=EXACT)
    for x in range(X):
        expected = ot.sinkhorn(
            has_R.numpy(), wants_P.numpy(), cost_RPX[..., x].numpy(), eps, stopThr=1e-13
        )
        np.testing.assert_allclose(plan_RPX[..., x], expected, atol=1e-8)
    torch.testing.assert_close(plan_RPX.sum(dim=1), has_R[:, None].expand(-1, X))
    torch.testing.assert_close(plan_RPX.sum(dim=0), wants_P[:, None].expand(-1, X))


@pytest.mark.parametrize("eps", [0.02, 0.1, 1.0])
@pytest.mark.parametrize("mass", [0.3, 0.7])
def test_partial_plans_are_those_of_pot(eps: float, mass: float) -> None:
    """With a demand that sums to the mass, POT's inequality of prompts is an equality."""
    cost_RPX = costs(1)
    plan_RPX = partial_plan(cost_RPX, HAS_R, mass * WANTS_P, eps=eps, stopping=EXACT)
    for x in range(X):
        expected = ot.partial.entropic_partial_wasserstein(
            HAS_R.numpy(),
            mass * WANTS_P.numpy(),
            cost_RPX[..., x].numpy(),
            eps,
            m=mass,
            numItermax=20_000,
            stopThr=1e-13,
        )
        np.testing.assert_allclose(plan_RPX[..., x], expected, atol=1e-7)
    assert (plan_RPX.sum(dim=1) <= HAS_R[:, None] + 1e-8).all()
    torch.testing.assert_close(plan_RPX.sum(dim=0), (mass * WANTS_P)[:, None].expand(-1, X))


@settings(derandomize=True, deadline=None, max_examples=40)
@given(seed=st.integers(0, 1000), eps=st.floats(0.01, 2.0), mass=st.floats(0.05, 1.0))
def test_default_stopping_keeps_the_constraints(seed: int, eps: float, mass: float) -> None:
    cost_RPX = costs(seed).float()
    stopping = Stopping(max_iterations=2_000)
    plan_RPX = partial_plan(
        cost_RPX, HAS_R.float(), mass * WANTS_P.float(), eps=eps, stopping=stopping
    )
    assert (plan_RPX > 0).all()
    torch.testing.assert_close(
        plan_RPX.sum(dim=0), (mass * WANTS_P.float())[:, None].expand(-1, X), rtol=1e-4, atol=1e-6
    )
    assert (plan_RPX.sum(dim=1) <= HAS_R.float()[:, None] * 1.01).all()


def test_asking_for_everything_is_balanced_transport() -> None:
    given_all = partial_plan(costs(), HAS_R, WANTS_P, eps=0.1, stopping=EXACT)
    balanced = balanced_plan(costs(), HAS_R, WANTS_P, eps=0.1, stopping=EXACT)
    torch.testing.assert_close(given_all, balanced, atol=1e-6, rtol=1e-6)


def test_the_least_fitting_region_stays_out() -> None:
    cost_RPX = costs(spread=0.01)
    cost_RPX[3] = 1.5
    plan_RPX = partial_plan(cost_RPX, HAS_R, 0.8 * WANTS_P, eps=0.02, stopping=EXACT)
    gives_RX = plan_RPX.sum(dim=1)
    assert (gives_RX[3] < 1e-6).all()
    torch.testing.assert_close(gives_RX[[0, 1, 2, 4]], torch.full_like(gives_RX[1:], 0.2))


@pytest.mark.parametrize("mass", [0.5, 1.0])
def test_small_eps_in_single_precision_is_nearly_the_linear_programme(mass: float) -> None:
    """The kernel exp(-cost / eps) is 0 in single precision here; potentials do not mind."""
    cost_RPX = costs(2, spread=0.5).float()
    solve = balanced_plan if mass == 1 else partial_plan
    stopping = Stopping(max_iterations=50_000)
    plan_RPX = solve(cost_RPX, HAS_R.float(), mass * WANTS_P.float(), eps=0.002, stopping=stopping)
    assert torch.isfinite(plan_RPX).all()
    for x in range(X):
        cost_RP = cost_RPX[..., x].double().numpy()
        best = ot.partial.partial_wasserstein(
            HAS_R.numpy(), mass * WANTS_P.numpy(), cost_RP, m=mass
        )
        found = (plan_RPX[..., x].numpy() * cost_RP).sum()
        assert found == pytest.approx((best * cost_RP).sum(), abs=0.01)


def test_a_problem_is_solved_alike_whatever_stands_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hard problems beside easy ones, and portions of any size, change nothing."""
    cost_RPX = torch.cat([costs(3, spread=0.02), costs(4, spread=0.8)], dim=2)
    whole = partial_plan(cost_RPX, HAS_R, 0.8 * WANTS_P, eps=0.05)
    alone = [
        partial_plan(cost_RPX[..., x : x + 1], HAS_R, 0.8 * WANTS_P, eps=0.05) for x in range(2 * X)
    ]
    torch.testing.assert_close(whole, torch.cat(alone, dim=2), rtol=1e-12, atol=1e-14)
    monkeypatch.setattr(optimal_transport, "CELLS_AT_ONCE", 3 * R * P)
    in_portions = partial_plan(cost_RPX, HAS_R, 0.8 * WANTS_P, eps=0.05)
    torch.testing.assert_close(whole, in_portions, rtol=1e-12, atol=1e-14)


def test_iterations_run_out() -> None:
    """Prompts still get what they ask for, as the last half step sees to."""
    rough = Stopping(max_iterations=1)
    plan_RPX = balanced_plan(costs(), HAS_R, WANTS_P, eps=0.02, stopping=rough)
    torch.testing.assert_close(plan_RPX.sum(dim=0), WANTS_P[:, None].expand(-1, X))
    assert (plan_RPX.sum(dim=1) - HAS_R[:, None]).abs().max() > 0.01


def test_a_plan_has_no_gradient() -> None:
    cost_RPX = costs().requires_grad_(True)
    assert not partial_plan(cost_RPX, HAS_R, 0.8 * WANTS_P, eps=0.1).requires_grad


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: balanced_plan(costs(), HAS_R, 0.8 * WANTS_P, eps=0.1), "use partial_plan"),
        (lambda: partial_plan(costs(), HAS_R, 1.2 * WANTS_P, eps=0.1), "no more than there is"),
        (lambda: partial_plan(costs(), HAS_R, WANTS_P, eps=0.0), "above 0"),
        (lambda: partial_plan(costs(), 0 * HAS_R, WANTS_P, eps=0.1), "has no mass"),
        (lambda: partial_plan(costs()[0], HAS_R, WANTS_P, eps=0.1), "regions, prompts, problems"),
        (lambda: Stopping(threshold=0.0), "above 0"),
        (lambda: Stopping(max_iterations=0), "at least 1"),
    ],
)
def test_what_has_no_solution_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call()
