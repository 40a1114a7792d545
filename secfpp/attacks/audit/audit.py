"""The audit: runs of a method's mechanism with canaries, and what they say of its claim.

Shape letters: R runs, m canaries of a run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from secfpp.attacks.audit.ideal import ideal_trials
from secfpp.attacks.audit.judgement import Found, judge
from secfpp.attacks.audit.mechanism import Mechanism
from secfpp.attacks.audit.targets import opened_mechanism
from secfpp.attacks.audit.trials import Trials
from secfpp.config.audit import AuditConfig, Fault
from secfpp.experiment.config import RunConfig
from secfpp.methods.registry import MethodName
from secfpp.seeds import Seeds

__all__ = ["AuditResult", "audit"]


@dataclass(frozen=True, kw_only=True)
class AuditResult:
    """What one audit of one method found."""

    method: MethodName
    fault: Fault | None
    """Deliberate fault; None for the method as it is."""
    seed: int
    """Of the coins. Noise has no seed."""
    claimed: float
    """Epsilon of the method's statement."""
    delta: float
    unit: str
    """What the claim protects."""
    runs: int
    canaries: int
    """Of all runs together."""
    found: Found
    ideal: Found | None
    """What the same audit finds for exactly the claimed noise, on canaries that are alone; None
    beside a fault."""

    @property
    def is_refuted(self) -> bool:
        """Whether a lower bound is above the claim."""
        return self.found.best > self.claimed


def audit(
    config: RunConfig,
    name: MethodName,
    seed: int,
    size: AuditConfig,
    *,
    fault: Fault | None = None,
) -> AuditResult:
    """Audit a method, as a run with these settings would use it.

    Parameters
    ----------
    config : RunConfig
        Budget, rounds, steps and the method's own settings.
    name : str
        One of `AUDITED`.
    seed : int
        Of coins, and of partition and training if there is any.
    size : AuditConfig
    fault : Fault, optional
        Deliberate fault, one of the method's in `FAULTS_OF`.

    Raises
    ------
    ConfigError
        If the method cannot be audited so.
    """
    with (
        opened_mechanism(config, name, seed, fault, real_training=size.real_training) as mechanism,
        _one_thread(),
    ):
        trials = _trials(mechanism, size, Seeds(seed).numpy(f"coins of the audit of {name}"))
    said, included_Rm = mechanism.statement, trials.included_Rm
    ideal = None
    if fault is None:
        exact = ideal_trials(said, included_Rm, Seeds(seed).numpy(f"ideal audit of {name}"))
        ideal = judge(exact, said, confidence=size.confidence)
    return AuditResult(
        method=name,
        fault=fault,
        seed=seed,
        claimed=said.epsilon_pld,
        delta=said.delta,
        unit=said.unit,
        runs=len(included_Rm),
        canaries=included_Rm.size,
        found=judge(trials, said, confidence=size.confidence),
        ideal=ideal,
    )


def _trials(mechanism: Mechanism, size: AuditConfig, rng: np.random.Generator) -> Trials:
    """Flip the coins and run the mechanism as often as is needed."""
    runs = max(2, -(-size.canaries // mechanism.canaries))
    included_Rm = rng.random((runs, mechanism.canaries)) < 0.5
    scores = [mechanism.run(included_m) for included_m in included_Rm]
    return Trials(scores_Rm=np.stack(scores), included_Rm=included_Rm)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch use one thread: matrices are small, and threads would wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
