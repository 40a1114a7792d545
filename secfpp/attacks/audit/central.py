"""Methods whose server adds noise to sums of clipped steps: canary clients in the exchange itself.

Shape letters: m canary clients, d directions, K clusters, M numbers of a prompt, r receivers.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mpc.jobs.result import Session
from secfpp.attacks.audit.mechanism import OVERSHOOT, UNBOUNDED, directions, signs
from secfpp.attacks.audit.trials import BoolArray
from secfpp.config.audit import Fault
from secfpp.errors import ConfigError
from secfpp.learning.prompts import FloatArray
from secfpp.methods.dp_clusters import NoisedClusters
from secfpp.methods.dp_promptfl import NoisedMean
from secfpp.methods.interface import (
    Contribution,
    Exchange,
    ExchangeResult,
    IntArray,
    Method,
    MethodContext,
    MethodSettings,
)
from secfpp.privacy.statement import PrivacyStatement
from secfpp.seeds import Seeds

__all__ = ["CentralAudit", "NoisedExchange", "central_audit", "exchange_maker", "no_session"]

NoisedExchange = NoisedMean | NoisedClusters
"""Exchanges with a clipping norm and a noise multiplier."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CentralAudit:
    """All rounds of an exchange, whose participants are canary clients.

    Every cluster has a canary for each direction. A canary that is out sends no step, as the
    neighbouring relation says. The auditor sees the prompt that each cluster receives.
    """

    statement: PrivacyStatement
    begin: Callable[[], Exchange]
    """Makes the exchange of one run."""
    clusters: int
    numbers: int
    """M."""

    @property
    def canaries(self) -> int:
        """Clients of all clusters."""
        return self.clusters * (self.numbers - 1)

    def run(self, included_m: BoolArray) -> FloatArray:
        """Play all rounds; the score is standard normal for a canary that is out."""
        exchange = self.begin()
        said = self.statement
        ways_dM = directions(self.numbers)
        cluster_m = np.repeat(np.arange(self.clusters), len(ways_dM))
        loud_mM = np.tile(OVERSHOOT * said.clip_norm * ways_dM, (self.clusters, 1))
        loud_mM[~included_m] = 0
        common_KM = np.zeros((self.clusters, self.numbers))
        score_Kd = np.zeros((self.clusters, len(ways_dM)))
        for index, sign in enumerate(signs(said.compositions)):
            moved_KM = self._round(exchange, index, common_KM, cluster_m, sign * loud_mM)
            score_Kd += sign * len(ways_dM) * (moved_KM - common_KM) @ ways_dM.T
            common_KM = moved_KM
        stddev = said.noise_multiplier * said.sensitivity * np.sqrt(said.compositions)
        return np.asarray(score_Kd.ravel() / stddev, dtype=np.float64)

    def _round(
        self,
        exchange: Exchange,
        index: int,
        common_KM: FloatArray,
        cluster_m: IntArray,
        step_mM: FloatArray,
    ) -> FloatArray:
        """Return the prompt that each cluster receives, (K, M)."""
        before_mM = common_KM[cluster_m]
        result = exchange(
            Contribution(
                round_index=index,
                clients_n=np.arange(len(cluster_m), dtype=np.int64),
                num_clients=len(cluster_m),
                descriptor_nD=np.zeros((len(cluster_m), 1)),
                before_nM=before_mM,
                update_nM=before_mM + step_mM,
            )
        )
        first_K = np.searchsorted(cluster_m, np.arange(self.clusters))
        return result.update_rM[np.searchsorted(result.clients_r, first_K)]


def central_audit(
    method: Method[Any],
    settings: MethodSettings[Any],
    *,
    clusters: int,
    numbers: int,
    fault: Fault | None = None,
) -> CentralAudit:
    """Audit the exchange that a method makes for a run's settings.

    Parameters
    ----------
    method : Method
        Whose exchange is a `NoisedExchange`.
    settings : MethodSettings
    clusters : int
        Clusters K of the method; 1 for a method without.
    numbers : int
        Numbers M of a prompt.
    fault : Fault, optional
        Deliberate fault.

    Raises
    ------
    ConfigError
        If the method claims no epsilon, or the fault does not exist for it.
    """
    if method.statement is None:
        raise ConfigError(f"{method.card.name} claims no epsilon; leave it out")
    cluster_N = np.repeat(np.arange(clusters, dtype=np.int64), numbers - 1)
    return CentralAudit(
        statement=method.statement(settings),
        begin=exchange_maker(method, settings, cluster_N, fault),
        clusters=clusters,
        numbers=numbers,
    )


def exchange_maker(
    method: Method[Any], settings: MethodSettings[Any], cluster_N: IntArray, fault: Fault | None
) -> Callable[[], Exchange]:
    """Return what makes a method's exchange for a run, with a fault or without.

    Raises
    ------
    ConfigError
        If the fault does not exist for this method.
    """

    def begin(settings: MethodSettings[Any]) -> NoisedExchange:
        context = MethodContext(
            settings=settings,
            seeds=Seeds(0),  # these methods draw nothing from seeds
            domain_N=cluster_N,
            open_session=no_session,
        )
        made = method.begin(context)
        if not isinstance(made, NoisedExchange):
            raise ConfigError(f"the exchange of {method.card.name} has no noise multiplier")
        return made

    sound = begin(settings)
    one_round = replace(settings, training=replace(settings.training, rounds=1))
    made: dict[Fault | None, Callable[[], Exchange]] = {
        None: lambda: sound,
        "no-clipping": lambda: replace(
            sound,
            clip_norm=UNBOUNDED * sound.clip_norm,
            noise_multiplier=sound.noise_multiplier / UNBOUNDED,
        ),
        "half-noise": lambda: replace(sound, noise_multiplier=sound.noise_multiplier / 2),
        "one-release": lambda: begin(one_round),
        "reused-noise": lambda: _ReusedNoise(noised=sound),
    }
    if fault not in made:
        raise ConfigError(f"{method.card.name} has no fault {fault!r}")
    return made[fault]


@dataclass(frozen=True, kw_only=True, eq=False)
class _ReusedNoise:
    """A faulty exchange: the noise of the first round is added in every round."""

    noised: NoisedExchange
    drawn: list[FloatArray] = field(default_factory=list)

    def __call__(self, contribution: Contribution) -> ExchangeResult:
        """Take the noise from a first round without steps, and add it to exact results."""
        exact = replace(self.noised, noise_multiplier=0.0)
        if not self.drawn:
            silent = replace(contribution, update_nM=contribution.before_nM)
            self.drawn.append(self.noised(silent).update_rM - exact(silent).update_rM)
        result = exact(contribution)
        return replace(result, update_rM=result.update_rM + self.drawn[0])


def no_session() -> Session:
    """Refuse: a method with a trusted server needs no computing parties."""
    raise ConfigError("a method with a trusted server opens no session")
