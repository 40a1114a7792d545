"""The audit: runs of a method's mechanism with canaries, and what they say of its claim.

Shape letters: R runs, m canaries of a run.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from secfpp.attacks.audit.central import central_audit
from secfpp.attacks.audit.ideal import ideal_trials
from secfpp.attacks.audit.judgement import Found, judge
from secfpp.attacks.audit.local import local_audit
from secfpp.attacks.audit.mechanism import Fault, Mechanism
from secfpp.attacks.audit.records import record_audit
from secfpp.attacks.audit.trained import trained_audit
from secfpp.attacks.audit.trials import Trials
from secfpp.config.checks import require
from secfpp.errors import ConfigError
from secfpp.experiment.config import RunConfig
from secfpp.methods.registry import METHODS, MethodName
from secfpp.seeds import Seeds

__all__ = ["AUDITED", "AuditConfig", "AuditResult", "FAULTS_OF", "audit", "check_audited"]

_WIDTH: Final = 64
"""Width of a context token of the embedded model."""
_CLUSTERS: Final = 5
"""Clusters of dp-clusters: as many as the embedded data have domains."""
_SERVER_FAULTS: Final[tuple[Fault, ...]] = (
    "no-clipping",
    "half-noise",
    "one-release",
    "reused-noise",
)
FAULTS_OF: Final[dict[str, tuple[Fault, ...]]] = {
    "dp-promptfl": _SERVER_FAULTS,
    "ldp-promptfl": _SERVER_FAULTS,
    "dp-clusters": _SERVER_FAULTS,
    "dp-fpl": ("no-clipping", "half-noise", "one-release", "no-sampling"),
}
"""Deliberate faults by method."""
AUDITED: Final[tuple[MethodName, ...]] = tuple(FAULTS_OF)
"""Methods that can be audited."""
_TRAINED: Final = ("dp-promptfl", "dp-clusters")


@dataclass(frozen=True, kw_only=True)
class AuditConfig:
    """How much to audit."""

    canaries: int = 5000
    """Canaries of one audit, over all of its runs; rounded up to whole runs, at least two."""
    confidence: float = 0.95
    """Confidence of the lower bounds, of all of an audit together."""
    real_training: bool = False
    """Whether canaries are the clients of a simulation, which train on images. Otherwise they are
    contributions made for the purpose."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require(self.canaries >= 2, "canaries", self.canaries, "at least 2")
        require(0.5 <= self.confidence < 1, "confidence", self.confidence, "in 0.5..1")


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
    heartbeat: Callable[[], None] = lambda: None,
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
    heartbeat : callable
        Called before each run.

    Raises
    ------
    ConfigError
        If the method cannot be audited so.
    """
    mechanism = _mechanism(config, name, seed, fault, real_training=size.real_training)
    runs = max(2, -(-size.canaries // mechanism.canaries))
    rng = Seeds(seed).numpy(f"coins of the audit of {name}")
    included_Rm = rng.random((runs, mechanism.canaries)) < 0.5
    scores = []
    with _one_thread():
        for included_m in included_Rm:
            heartbeat()
            scores.append(mechanism.run(included_m))
    said = mechanism.statement
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
        runs=runs,
        canaries=included_Rm.size,
        found=judge(
            Trials(scores_Rm=np.stack(scores), included_Rm=included_Rm),
            said,
            confidence=size.confidence,
        ),
        ideal=ideal,
    )


def check_audited(names: Sequence[MethodName]) -> None:
    """Raise ConfigError with the name of the first method that cannot be audited."""
    for name in names:
        if name not in AUDITED:
            raise ConfigError(f"{name} claims no epsilon; audit one of {', '.join(AUDITED)}")


def _mechanism(
    config: RunConfig, name: MethodName, seed: int, fault: Fault | None, *, real_training: bool
) -> Mechanism:
    """Return what is audited."""
    check_audited((name,))
    if fault is not None and fault not in FAULTS_OF[name]:
        raise ConfigError(f"{name} has no fault {fault!r}; it has {', '.join(FAULTS_OF[name])}")
    if real_training:
        if name not in _TRAINED:
            raise ConfigError(
                f"{name} has no audit with real training; it is there for {', '.join(_TRAINED)}"
            )
        return trained_audit(config, name, seed, fault=fault)
    method = METHODS[name]
    settings = config.settings_of(method)
    tokens = config.training.num_context
    if name == "dp-fpl":
        return record_audit(settings, tokens=tokens, width=_WIDTH, fault=fault)
    if name == "ldp-promptfl":
        return local_audit(settings, numbers=tokens * _WIDTH, fault=fault)
    clusters = _CLUSTERS if name == "dp-clusters" else 1
    return central_audit(method, settings, clusters=clusters, numbers=tokens * _WIDTH, fault=fault)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch use one thread: matrices are small, and threads would wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
