"""Methods of a trusted server with real training: all clients of a simulation are canaries.

Shape letters: n clients, K clusters, M numbers of a prompt,
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from secfpp.attacks.audit.central import exchange_maker, no_session
from secfpp.attacks.audit.trials import BoolArray
from secfpp.config.audit import Fault
from secfpp.errors import ConfigError
from secfpp.experiment.config import RunConfig
from secfpp.experiment.unit_federation import federation_of
from secfpp.experiment.units import Unit
from secfpp.federation.round import Federation, after_exchange, before_exchange, begin
from secfpp.federation.workload import Workload, load_workload
from secfpp.learning.prompts import FloatArray
from secfpp.methods.interface import Contribution, Exchange, ExchangeResult, IntArray
from secfpp.methods.registry import METHODS, MethodName
from secfpp.privacy.noise import clip_rows
from secfpp.privacy.statement import PrivacyStatement
from secfpp.seeds import Seeds

__all__ = ["TrainedAudit", "trained_audit"]


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedAudit:
    """All rounds of a simulation, whose clients are in or out as a whole.

    A client that is out trains like the others and sends no step. The auditor knows everybody's
    images and every released prompt, so it knows which step a client would have sent, and estimates
    from the released sums who sent one, by least squares over all rounds.
    """

    statement: PrivacyStatement
    workload: Workload
    federation: Federation
    begin_exchange: Callable[[], Exchange]
    """Makes the exchange of one run."""
    cluster_n: IntArray
    """Public cluster of each client."""

    @property
    def canaries(self) -> int:
        """Clients of the simulation."""
        return len(self.cluster_n)

    def run(self, included_m: BoolArray) -> FloatArray:
        """Train all rounds; the score is a log-likelihood ratio, if only this client is unknown."""
        federation, exchange = self.federation, self.begin_exchange()
        state = begin(federation, self.workload.initial_TW)
        everyone_n = np.arange(self.canaries, dtype=np.int64)
        estimate = _LeastSquares(
            matrix_nn=np.zeros((self.canaries, self.canaries)),
            right_n=np.zeros(self.canaries),
            cluster_n=self.cluster_n,
        )
        for _ in range(self.statement.compositions):
            shared = before_exchange(federation, state, everyone_n)
            sent = _silenced(shared.contribution, ~included_m)
            result = exchange(sent)
            estimate = estimate.with_release(
                self._steps(shared.contribution), self._sums(result, sent)
            )
            state, _ = after_exchange(federation, shared.state, everyone_n, result)
        return estimate.scores(self.statement.noise_multiplier * self.statement.sensitivity)

    def _steps(self, contribution: Contribution) -> FloatArray:
        """Return the step that each client would have in a sum, (n, M)."""
        return clip_rows(contribution.update_nM - contribution.before_nM, self.statement.clip_norm)

    def _sums(self, result: ExchangeResult, sent: Contribution) -> FloatArray:
        """Return the noised sum of each client's cluster, (n, M)."""
        _, place_n, size_K = np.unique(self.cluster_n, return_inverse=True, return_counts=True)
        return (result.update_rM - sent.before_nM) * size_K[place_n][:, None]


@dataclass(frozen=True, kw_only=True, eq=False)
class _LeastSquares:
    """Normal equations for who sent a step, over all releases so far."""

    matrix_nn: FloatArray
    right_n: FloatArray
    cluster_n: IntArray

    def with_release(self, step_nM: FloatArray, sum_nM: FloatArray) -> "_LeastSquares":
        """Add the equations of one round: the sum of a cluster is that of its clients' steps."""
        together_nn = self.cluster_n[:, None] == self.cluster_n[None, :]
        return replace(
            self,
            matrix_nn=self.matrix_nn + together_nn * (step_nM @ step_nM.T),
            right_n=self.right_n + (step_nM * sum_nM).sum(axis=1),
        )

    def scores(self, stddev: float) -> FloatArray:
        """Return each client's log-likelihood ratio from its estimate and the estimate's noise."""
        covariance_nn = np.linalg.pinv(self.matrix_nn, hermitian=True)
        estimate_n = covariance_nn @ self.right_n
        return np.asarray(
            (estimate_n - 0.5) / (np.diag(covariance_nn) * stddev**2), dtype=np.float64
        )


def trained_audit(
    config: RunConfig, name: MethodName, seed: int, *, fault: Fault | None = None
) -> TrainedAudit:
    """Audit a method of a trusted server in a simulation with the settings of a run.

    Parameters
    ----------
    config : RunConfig
    name : str
        Method, with a `NoisedExchange` for an exchange.
    seed : int
        Of the partition and of training.
    fault : Fault, optional
        Deliberate fault of the exchange.

    Raises
    ------
    DataError, ModelError
        If images or model cannot be used.
    ConfigError
        If the fault does not exist for this method.
    """
    method = METHODS[name]
    workload = load_workload(config, num_context=config.training.num_context)
    cohort = workload.cohort(config.partition, Seeds(seed))
    settings = config.settings_of(method)
    if method.statement is None:
        raise ConfigError(f"{name} claims no epsilon; leave it out")
    everyone_n = np.zeros(cohort.num_clients, dtype=np.int64)
    return TrainedAudit(
        statement=method.statement(settings),
        workload=workload,
        federation=federation_of(
            config, Unit(method=name, seed=seed), workload, cohort, open_session=no_session
        ),
        begin_exchange=exchange_maker(method, settings, cohort.domain_N, fault),
        cluster_n=cohort.domain_N if name == "dp-clusters" else everyone_n,
    )


def _silenced(contribution: Contribution, out_n: BoolArray) -> Contribution:
    """Replace the updates of some clients by none."""
    update_nM = np.where(out_n[:, None], contribution.before_nM, contribution.update_nM)
    return replace(contribution, update_nM=update_nM)
