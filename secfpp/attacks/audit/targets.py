"""What can be audited: the mechanism of each method that claims an epsilon."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from mpc.session.session import SecureSession, open_session
from secfpp.attacks.audit.central import central_audit
from secfpp.attacks.audit.inside import inside_audit, secure_audit
from secfpp.attacks.audit.local import local_audit
from secfpp.attacks.audit.mechanism import Mechanism
from secfpp.attacks.audit.records import record_audit
from secfpp.attacks.audit.trained import trained_audit
from secfpp.config.audit import AUDITED, FAULTS_OF, Fault
from secfpp.errors import ConfigError
from secfpp.experiment.config import RunConfig
from secfpp.methods.registry import METHODS, MethodName

__all__ = ["TRAINED", "opened_mechanism"]

_WIDTH: Final = 64
"""Width of a context token of the embedded model."""
_CLUSTERS: Final = 5
"""Clusters of dp-clusters: as many as the embedded data have domains."""
_CLUSTERS_INSIDE: Final = 2
"""Clusters of dp-secfpp, whose jobs take more memory."""
TRAINED: Final = ("dp-promptfl", "dp-clusters")
"""Methods that can be audited with real training."""


@contextmanager
def opened_mechanism(
    config: RunConfig,
    name: MethodName,
    seed: int,
    fault: Fault | None = None,
    *,
    real_training: bool = False,
) -> Iterator[Mechanism]:
    """Return what is audited; with dp-secfpp, parties and dealer run meanwhile.

    Parameters
    ----------
    config : RunConfig
        Budget, rounds, steps and the method's own settings.
    name : str
        One of `AUDITED`.
    seed : int
        Of partition and training, if there is any.
    fault : Fault, optional
        Deliberate fault, one of the method's in `FAULTS_OF`.
    real_training : bool
        Whether the canaries are clients of a simulation.

    Raises
    ------
    ConfigError
        If the method cannot be audited so.
    """
    if name not in AUDITED:
        raise ConfigError(f"{name} claims no epsilon; audit one of {', '.join(AUDITED)}")
    if fault is not None and fault not in FAULTS_OF[name]:
        raise ConfigError(f"{name} has no fault {fault!r}; it has {', '.join(FAULTS_OF[name])}")
    if real_training and name not in TRAINED:
        raise ConfigError(
            f"{name} has no audit with real training; it is there for {', '.join(TRAINED)}"
        )
    if real_training:
        yield trained_audit(config, name, seed, fault=fault)
    elif name == "dp-secfpp":
        with _open_session(config) as session:
            yield secure_audit(
                _given_clusters(config).settings_of(METHODS[name]),
                session,
                clusters=_CLUSTERS_INSIDE,
                numbers=config.training.num_context * _WIDTH,
            )
    else:
        yield _made_for_the_purpose(config, name, fault)


def _made_for_the_purpose(config: RunConfig, name: MethodName, fault: Fault | None) -> Mechanism:
    """Return the mechanism of a method in this process."""
    method, tokens = METHODS[name], config.training.num_context
    settings, numbers = config.settings_of(method), tokens * _WIDTH
    if name == "dp-fpl":
        return record_audit(settings, tokens=tokens, width=_WIDTH, fault=fault)
    if name == "ldp-promptfl":
        return local_audit(settings, numbers=numbers, fault=fault)
    if name == "dp-secfpp-plain":
        settings = _given_clusters(config).settings_of(method)
        return inside_audit(settings, clusters=_CLUSTERS_INSIDE, numbers=numbers, fault=fault)
    clusters = _CLUSTERS if name == "dp-clusters" else 1
    return central_audit(method, settings, clusters=clusters, numbers=numbers, fault=fault)


def _given_clusters(config: RunConfig) -> RunConfig:
    """Return settings with public clusters, in which the whole budget is that of steps."""
    return replace(config, inside=replace(config.inside, dp_guarantee="known-assignment"))


def _open_session(config: RunConfig) -> SecureSession:
    """Start parties and dealer on this machine."""
    secure = config.secure
    return open_session(num_parties=secure.parties, timeout_s=secure.timeout_s)
