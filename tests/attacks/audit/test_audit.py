"""Each method that claims an epsilon keeps it, and each deliberate fault of it is refuted.

Sound methods are audited at a confidence at which a false alarm does not happen.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from secfpp.attacks.audit.audit import audit
from secfpp.attacks.audit.central import central_audit
from secfpp.attacks.audit.local import local_audit
from secfpp.attacks.audit.mechanism import Mechanism, directions, signs
from secfpp.attacks.audit.records import record_audit
from secfpp.attacks.audit.trained import trained_audit
from secfpp.config.audit import AUDITED, FAULTS_OF, QUICKLY_AUDITED, AuditConfig, Fault
from secfpp.config.partition import PartitionConfig
from secfpp.config.privacy import PrivacyConfig
from secfpp.config.training import TrainingConfig
from secfpp.errors import ConfigError
from secfpp.experiment.config import RunConfig
from secfpp.methods.registry import METHODS

CONFIG = RunConfig(
    training=TrainingConfig(rounds=4, local_steps=3, shared_steps=3, num_context=5),
    privacy=PrivacyConfig(epsilon=8.0),
)
SIZE = AuditConfig(canaries=2500)
SURE = replace(SIZE, confidence=1 - 1e-6)
CASES: list[tuple[str, Fault]] = [(name, fault) for name in AUDITED for fault in FAULTS_OF[name]]


def test_every_method_with_a_statement_is_audited() -> None:
    assert set(AUDITED) == {name for name, method in METHODS.items() if method.statement}


@pytest.mark.parametrize("name", QUICKLY_AUDITED)
def test_a_sound_method_keeps_its_claim(name: str) -> None:
    result = audit(CONFIG, name, 0, SURE)
    assert not result.is_refuted
    assert result.claimed == pytest.approx(8.0, rel=0.01)
    assert result.found.noise > 0.5  # the auditor sees something, or it would prove nothing
    assert result.canaries >= SURE.canaries


@pytest.mark.parametrize(("name", "fault"), CASES)
def test_a_fault_is_refuted(name: str, fault: Fault) -> None:
    assert audit(CONFIG, name, 0, SIZE, fault=fault).is_refuted


def mechanisms() -> dict[str, Mechanism]:
    def settings(name: str):  # type: ignore[no-untyped-def]
        return CONFIG.settings_of(METHODS[name])

    return {
        "dp-promptfl": central_audit(
            METHODS["dp-promptfl"], settings("dp-promptfl"), clusters=1, numbers=320
        ),
        "dp-clusters": central_audit(
            METHODS["dp-clusters"], settings("dp-clusters"), clusters=3, numbers=320
        ),
        "ldp-promptfl": local_audit(settings("ldp-promptfl"), numbers=320),
    }


@pytest.mark.parametrize("name", ["dp-promptfl", "dp-clusters", "ldp-promptfl"])
def test_scores_are_the_two_gaussians_of_the_claim(name: str) -> None:
    """The canaries are as bad as the claim allows: the distance is that of the worst case."""
    mechanism = mechanisms()[name]
    rng = np.random.default_rng(0)
    included = rng.random((4, mechanism.canaries)) < 0.5
    scores = np.stack([mechanism.run(row) for row in included])
    said = mechanism.statement
    distance = np.sqrt(said.compositions) / said.noise_multiplier
    low = -distance / 2 if name == "ldp-promptfl" else 0.0
    for group, mean in ((scores[~included], low), (scores[included], low + distance)):
        assert stats.kstest(group, stats.norm(mean, 1).cdf).pvalue > 1e-6


def test_a_sampled_canary_image_moves_a_step_by_the_clipping_norm() -> None:
    """With sampling and almost without noise, seen values are 0 or the clipping norm."""
    config = replace(
        CONFIG,
        privacy=PrivacyConfig(epsilon=1e8),
        training=TrainingConfig(rounds=1, local_steps=1, shared_steps=1, num_context=5),
    )
    one = record_audit(config.settings_of(METHODS["dp-fpl"]), tokens=5, width=64)
    included = np.arange(one.canaries) % 2 == 0
    state, ways = one._start(), one._ways()[: one.canaries]
    after, _ = one.trainer.shared(one._batch(ways, included), state)
    seen = one._seen(ways, state, after) / one.statement.clip_norm
    assert np.abs(seen[~included]).max() < 0.01
    sampled = np.abs(seen[included] - 1) < 0.01
    assert (sampled | (np.abs(seen[included]) < 0.01)).all()
    assert 0 < sampled.mean() < 0.5


def test_directions_are_orthonormal_and_blind_to_equal_noise() -> None:
    ways = directions(40)
    assert ways.shape == (39, 40)
    assert np.allclose(ways @ ways.T, np.eye(39))
    assert np.allclose(ways.sum(axis=1), 0)
    assert signs(6).sum() == 0


def test_real_training_tells_clients_apart_where_noise_is_missing() -> None:
    """With noise that hides nothing the auditor is always right; with the claimed noise it is not
    sure of anything."""
    training = TrainingConfig(rounds=2, local_steps=3, shared_steps=3)
    open_book = replace(CONFIG, training=training, privacy=PrivacyConfig(epsilon=1e6))
    for name in ("dp-promptfl", "dp-clusters"):
        loud = trained_audit(open_book, name, 0)
        included = np.random.default_rng(0).random(loud.canaries) < 0.5
        scores = loud.run(included)
        assert scores[included].min() > 0 > scores[~included].max()
        private = trained_audit(replace(CONFIG, training=training), name, 0)
        assert np.abs(private.run(included)).max() < 30


@pytest.mark.slow
def test_real_training_runs_through_the_audit_and_refutes_missing_clipping() -> None:
    config = replace(
        CONFIG,
        training=TrainingConfig(rounds=2, local_steps=20, shared_steps=20),
        privacy=PrivacyConfig(epsilon=1.0),
        partition=PartitionConfig(clients_per_domain=8),
    )
    size = AuditConfig(canaries=160, real_training=True)
    broken = audit(config, "dp-clusters", 0, size, fault="no-clipping")
    assert broken.runs == 4
    assert broken.is_refuted


@pytest.mark.parametrize(
    ("name", "fault", "real_training", "says"),
    [
        ("secfpp", None, False, "claims no epsilon"),
        ("dp-fpl", "reused-noise", False, "has no fault"),
        ("dp-fpl", None, True, "real training"),
    ],
)
def test_what_cannot_be_audited_is_named(
    name: str, fault: Fault | None, real_training: bool, says: str
) -> None:
    size = replace(SIZE, real_training=real_training)
    with pytest.raises(ConfigError, match=says):
        audit(CONFIG, name, 0, size, fault=fault)


@pytest.mark.parametrize("values", [{"canaries": 1}, {"confidence": 1.0}])
def test_sizes_out_of_range_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        AuditConfig(**values)  # type: ignore[arg-type]
