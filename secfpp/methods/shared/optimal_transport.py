"""Entropic optimal transport: many small problems at once, in the log domain.

A plan gives the mass from each of R regions to each of P prompts. Every pair has a cost. Both
functions minimise <cost, plan> + eps sum plan (log plan - 1) over plans with given sums:

* `balanced_plan`: all supply meets all demand (Sinkhorn);
* `partial_plan`: demand is met exactly, supply is an upper bound. With less demand than supply the
  regions of the highest cost stay unmatched.

The iteration uses potentials instead of their exponentials, so a small eps causes no overflow or
underflow. A plan is a constant for autograd.

The partial problem is that of FedOTP's unbalanced transport. Its iteration is coordinate ascent of
the dual, whose potential of a region is at most 0; the authors call the same steps Dykstra's.

Shape letters: R regions, P prompts, X problems. Problems come last, so that sums over the few
regions and prompts read whole rows of memory.

References
----------
M. Cuturi, "Sinkhorn Distances" (NeurIPS 2013). J.-D. Benamou et al., "Iterative Bregman Projections
for Regularized Transportation Problems" (SIAM J. Sci. Comput., 2015), section 5 for inequalities.
"""

from dataclasses import dataclass
from typing import Final

import torch

from secfpp.errors import ConfigError

__all__ = ["Stopping", "balanced_plan", "partial_plan"]

CELLS_AT_ONCE: Final = 1 << 17  # numbers of a plan that fit a cache together
SUM_TOLERANCE: Final = 1e-5


@dataclass(frozen=True, kw_only=True)
class Stopping:
    """When an iteration ends; each problem ends independently of the others."""

    threshold: float = 1e-3
    """A problem is done when no potential of a prompt moves by this fraction of eps in an
    iteration. Its plan then moves by this fraction at most."""
    max_iterations: int = 100
    """Most iterations of a problem."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        if not self.threshold > 0:
            raise ConfigError(f"threshold={self.threshold} but it must be above 0")
        if self.max_iterations < 1:
            raise ConfigError(f"max_iterations={self.max_iterations} but it must be at least 1")


def balanced_plan(
    cost_RPX: torch.Tensor,
    supply_R: torch.Tensor,
    demand_P: torch.Tensor,
    *,
    eps: float,
    stopping: Stopping | None = None,
) -> torch.Tensor:
    """Transport all supply: row sums are `supply_R`, column sums `demand_P`.

    Parameters
    ----------
    cost_RPX : Tensor of float, (R, P, X)
        Cost of a unit of mass.
    supply_R : Tensor of float, (R,)
        Above 0; the same for all problems.
    demand_P : Tensor of float, (P,)
        Above 0, with the sum of `supply_R`.
    eps : float
        Weight of the entropy, above 0.
    stopping : Stopping, optional

    Returns
    -------
    Tensor of float, (R, P, X)
        Column sums are exact up to rounding; row sums up to the threshold, unless iterations ran
        out. No gradient.

    Raises
    ------
    ConfigError
        If eps or a mass is not above 0, or the sums differ.
    """
    _check(cost_RPX, supply_R, demand_P, eps)
    supply, demand = float(supply_R.sum()), float(demand_P.sum())
    if abs(supply - demand) > SUM_TOLERANCE * supply:
        raise ConfigError(f"supply sums to {supply:g} but demand to {demand:g}; use partial_plan")
    return _solve(cost_RPX, supply_R, demand_P, eps, stopping or Stopping(), bounded=False)


def partial_plan(
    cost_RPX: torch.Tensor,
    capacity_R: torch.Tensor,
    demand_P: torch.Tensor,
    *,
    eps: float,
    stopping: Stopping | None = None,
) -> torch.Tensor:
    """Meet all demand: column sums are `demand_P`, row sums at most `capacity_R`.

    Parameters
    ----------
    cost_RPX : Tensor of float, (R, P, X)
        Cost of a unit of mass.
    capacity_R : Tensor of float, (R,)
        Above 0; the same for all problems.
    demand_P : Tensor of float, (P,)
        Above 0, with at most the sum of `capacity_R`.
    eps : float
        Weight of the entropy, above 0.
    stopping : Stopping, optional

    Returns
    -------
    Tensor of float, (R, P, X)
        Column sums are exact up to rounding; row sums exceed capacities by the threshold at most,
        as a fraction, unless iterations ran out. No gradient.

    Raises
    ------
    ConfigError
        If eps or a mass is not above 0, or demand exceeds capacity.
    """
    _check(cost_RPX, capacity_R, demand_P, eps)
    capacity, demand = float(capacity_R.sum()), float(demand_P.sum())
    if demand > capacity * (1 + SUM_TOLERANCE):
        raise ConfigError(
            f"demand sums to {demand:g} but capacity to {capacity:g}; ask for no more than there is"
        )
    return _solve(cost_RPX, capacity_R, demand_P, eps, stopping or Stopping(), bounded=True)


def _check(cost_RPX: torch.Tensor, mass_R: torch.Tensor, mass_P: torch.Tensor, eps: float) -> None:
    """Refuse problems without a solution."""
    if not eps > 0:
        raise ConfigError(f"eps={eps} but it must be above 0; give for example 0.1")
    if cost_RPX.ndim != 3 or cost_RPX.shape[:2] != (len(mass_R), len(mass_P)):
        raise ConfigError(
            f"costs have shape {tuple(cost_RPX.shape)} but there are {len(mass_R)} regions and "
            f"{len(mass_P)} prompts; give (regions, prompts, problems)"
        )
    if not (bool((mass_R > 0).all()) and bool((mass_P > 0).all())):
        raise ConfigError("a region or prompt has no mass; leave it out instead")


@torch.no_grad()
def _solve(
    cost_RPX: torch.Tensor,
    mass_R: torch.Tensor,
    mass_P: torch.Tensor,
    eps: float,
    stopping: Stopping,
    *,
    bounded: bool,
) -> torch.Tensor:
    """Solve problems in portions that fit a cache."""
    num_regions, num_prompts, num_problems = cost_RPX.shape
    portion = max(1, CELLS_AT_ONCE // (num_regions * num_prompts))
    plan_RPX = torch.empty_like(cost_RPX, memory_format=torch.contiguous_format)
    for start in range(0, num_problems, portion):
        part = slice(start, start + portion)
        kernel_RPX = (cost_RPX[:, :, part] / -eps).contiguous()
        f_RX, g_PX = _potentials(kernel_RPX, mass_R.log(), mass_P.log(), stopping, bounded=bounded)
        plan_RPX[:, :, part] = (kernel_RPX + f_RX[:, None] + g_PX).exp()
    return plan_RPX


def _potentials(
    kernel_RPX: torch.Tensor,
    log_mass_R: torch.Tensor,
    log_mass_P: torch.Tensor,
    stopping: Stopping,
    *,
    bounded: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Iterate the potentials, in units of eps, of the log kernel -cost/eps.

    Each half step sets one family of potentials to its optimum for the other. Rows get the value
    that gives them their mass; where the mass is only a bound, at most 0, for a bound that is not
    reached has no price. Columns then get the value that gives them their mass.
    """
    f_RX, g_PX = torch.zeros_like(kernel_RPX[:, 0]), torch.zeros_like(kernel_RPX[0])
    final_f_RX, final_g_PX = torch.empty_like(f_RX), torch.empty_like(g_PX)
    place_X = torch.arange(kernel_RPX.shape[2], device=kernel_RPX.device)
    todo_X = torch.ones_like(place_X, dtype=torch.bool)
    for iteration in range(1, stopping.max_iterations + 1):
        before_PX = g_PX
        f_RX = log_mass_R[:, None] - _log_sum(kernel_RPX + g_PX, 1)
        if bounded:
            f_RX = f_RX.clamp(max=0)
        g_PX = log_mass_P[:, None] - _log_sum(kernel_RPX + f_RX[:, None], 0)
        done_X = todo_X & ((g_PX - before_PX).abs().amax(dim=0) < stopping.threshold)
        if iteration == stopping.max_iterations:
            done_X = todo_X
        if not done_X.any():
            continue
        final_f_RX[:, place_X[done_X]] = f_RX[:, done_X]
        final_g_PX[:, place_X[done_X]] = g_PX[:, done_X]
        todo_X = todo_X & ~done_X
        left = int(todo_X.sum())
        if left == 0:
            break
        if 2 * left < len(todo_X):
            kernel_RPX, place_X = kernel_RPX[:, :, todo_X], place_X[todo_X]
            f_RX, g_PX, todo_X = f_RX[:, todo_X], g_PX[:, todo_X], todo_X[todo_X]
    return final_f_RX, final_g_PX


def _log_sum(values: torch.Tensor, dim: int) -> torch.Tensor:
    """Return log sum exp along one of the short axes."""
    top = values.amax(dim=dim, keepdim=True)
    return (values - top).exp_().sum(dim=dim).log_() + top.squeeze(dim)
