"""Noise inside the secure sum: what is left for an auditor who knows all parties' noise but one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from mpc import ClusterJob, ClusterResult, PlainSession, SecureSession
from mpc.jobs.result import Session
from mpc.ring.discrete_gaussian import PrivateNoise
from mpc.ring.fixedpoint import FloatArray
from mpc.session.local_group import ProcessGroup
from secfpp.attacks.audit.central import CentralAudit
from secfpp.attacks.audit.inside import (
    Overheard,
    ScaledNoise,
    exchange_on,
    inside_audit,
    overhearing,
    secure_audit,
)
from secfpp.attacks.audit.judgement import judge
from secfpp.attacks.audit.trials import Trials
from secfpp.config.inside import InsideConfig
from secfpp.config.privacy import PrivacyConfig
from secfpp.config.training import TrainingConfig
from secfpp.experiment.config import RunConfig
from secfpp.methods.interface import MethodSettings, NoSettings
from secfpp.methods.registry import METHODS
from tests.mpc.programs.noised_party import key_of

CLUSTERS, NUMBERS, PARTIES = 2, 32, 2


def settings(epsilon: float = 8.0) -> MethodSettings[NoSettings]:
    config = RunConfig(
        training=TrainingConfig(rounds=2),
        privacy=PrivacyConfig(epsilon=epsilon),
        inside=InsideConfig(dp_guarantee="known-assignment"),
    )
    return config.settings_of(METHODS["dp-secfpp"])


def scores_of(audit: CentralAudit, runs: int) -> Trials:
    included = np.random.default_rng(0).random((runs, audit.canaries)) < 0.5
    return Trials(scores_Rm=np.stack([audit.run(row) for row in included]), included_Rm=included)


def assert_gaussian(trials: Trials, distance: float, stddev: float) -> None:
    for group, mean in (
        (trials.scores_Rm[~trials.included_Rm], 0.0),
        (trials.scores_Rm[trials.included_Rm], distance),
    ):
        assert stats.kstest(group, stats.norm(mean, stddev).cdf).pvalue > 1e-6


def distance_of(audit: CentralAudit) -> float:
    return sqrt(audit.statement.compositions) / audit.statement.noise_multiplier


@pytest.mark.parametrize("parties", [2, 3])
def test_the_twin_s_noise_less_what_is_known_is_that_of_one_party(parties: int) -> None:
    audit = inside_audit(replace(settings(), parties=parties), clusters=3, numbers=100)
    assert_gaussian(scores_of(audit, 8), distance_of(audit), 1.0)


def test_noise_that_parties_split_is_found_by_who_knows_some_of_it_alone() -> None:
    """A client sees enough noise; the parties that pool their noise do not."""
    parties = 3
    said = replace(settings(), parties=parties)
    pooled = inside_audit(said, clusters=2, numbers=200, fault="split-noise")
    found = judge(scores_of(pooled, 12), pooled.statement, confidence=0.95)
    assert found.noise > pooled.statement.epsilon_pld
    split = [ScaledNoise(source=PrivateNoise(), factor=1 / sqrt(parties)) for _ in range(parties)]
    client = secure_audit(said, PlainSession(split), clusters=2, numbers=200)
    found = judge(scores_of(client, 12), client.statement, confidence=1 - 1e-6)
    assert found.best <= client.statement.epsilon_pld


@dataclass
class Shadowed:
    """A session of real parties, beside a twin that draws what party 0 draws.

    The twin gets no step: the auditor needs none to know this noise.
    """

    real: Session
    twin: PlainSession

    def cluster(
        self,
        job: ClusterJob,
        points: FloatArray,
        payload: FloatArray,
        owners: Sequence[int] | None = None,
    ) -> ClusterResult:
        self.twin.cluster(job, points, np.zeros_like(payload), owners)
        return self.real.cluster(job, points, payload, owners)

    def check(self) -> None:
        self.real.check()

    def close(self) -> None:
        self.real.close()


@pytest.mark.slow
def test_real_parties_leave_the_noise_of_the_one_that_tells_nothing() -> None:
    """Party 0's noise key is known to the auditor, party 1's is not used."""
    said = settings()
    cluster_N = np.repeat(np.arange(CLUSTERS, dtype=np.int64), NUMBERS - 1)
    group = ProcessGroup(PARTIES, timeout_s=60, party_module="tests.mpc.programs.noised_party")
    with SecureSession(group, job_timeout_s=300, insecure=()) as session:
        party = Overheard(source=PrivateNoise(key_of(0)))
        both = Shadowed(session, PlainSession([party, PrivateNoise()]))
        client = secure_audit(said, both, clusters=CLUSTERS, numbers=NUMBERS)
        seen_by_a_client = scores_of(client, 1)
        pooled = replace(
            client,
            begin=lambda: overhearing(exchange_on(both, said, cluster_N), [party], cluster_N),
        )
        seen_by_party_0 = scores_of(pooled, 4)
    assert_gaussian(seen_by_a_client, distance_of(client), sqrt(PARTIES))
    assert_gaussian(seen_by_party_0, distance_of(client), 1.0)
    found = judge(seen_by_party_0, client.statement, confidence=1 - 1e-6)
    assert found.best <= client.statement.epsilon_pld
