import json
from pathlib import Path

import pytest

from mpc.jobs.job import FORMER_COMPARISONS
from secfpp.comparison.config import CompareConfig
from secfpp.config.clustering import ClusteringConfig
from secfpp.config.methods import CflConfig
from secfpp.config.partition import PartitionConfig
from secfpp.config.privacy import PrivacyConfig
from secfpp.config.run import RunConfig
from secfpp.config.secure import SecureConfig
from secfpp.config.training import TrainingConfig
from secfpp.config.tree import from_json, load_config, to_json
from secfpp.errors import ConfigError


def test_round_trip_through_json() -> None:
    config = RunConfig(
        methods=("secfpp", "oracle"),
        training=TrainingConfig(rounds=3, lr=0.5),
        clustering=ClusteringConfig(k=None, reveal="distances"),
        out=Path("somewhere"),
        seeds=2,
        first_seed=7,
    )
    again = from_json(RunConfig, json.loads(json.dumps(to_json(config))))
    assert again == config
    assert again.seed_list == (7, 8)


def test_left_out_fields_take_their_defaults() -> None:
    assert from_json(RunConfig, {"training": {"rounds": 2}}).training == TrainingConfig(rounds=2)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"trainning": {}}, "unknown key 'trainning'"),
        ({"training": {"round": 3}}, "unknown key 'round' in training"),
        ({"training": {"rounds": "3"}}, "training.rounds='3' but it must be of type int"),
        ({"training": {"rounds": True}}, "must be of type int"),
        ({"training": {"lr": None}}, "must be of type float"),
        ({"training": 3}, "training is 3 but must be an object"),
        ({"methods": ["magic"]}, "methods\\[0\\]='magic'"),
        ({"methods": "secfpp"}, "must be a list"),
        ({"device": "tpu"}, "one of cpu, cuda, auto"),
        ({"secure": {"insecure_dev": 1}}, "must be of type bool"),
    ],
)
def test_wrong_json_is_refused(value: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_json(RunConfig, value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TrainingConfig(rounds=0), "training.rounds=0"),
        (lambda: TrainingConfig(local_steps=10, shared_steps=11), "training.shared_steps=11"),
        (lambda: TrainingConfig(lr=float("nan")), "training.lr=nan"),
        (lambda: TrainingConfig(alignment_weight=-1.0), "training.alignment_weight"),
        (lambda: TrainingConfig(num_context=0), "training.num_context"),
        (lambda: ClusteringConfig(k=None, k_max=17), "k_max"),
        (lambda: ClusteringConfig(k=0), "clustering.k=0"),
        (lambda: ClusteringConfig(min_cluster_size=0), "clustering.min_cluster_size=0"),
        (lambda: SecureConfig(parties=1), "secure.parties=1"),
        (lambda: SecureConfig(provider="tfp"), "insecure_dev"),
        (lambda: PrivacyConfig(epsilon=0.0), "privacy.epsilon=0"),
        (lambda: PrivacyConfig(delta=1.0), "privacy.delta=1"),
        (lambda: RunConfig(methods=()), "at least one method"),
        (lambda: RunConfig(methods=("oracle", "oracle")), "named once"),
        (lambda: RunConfig(participation=0.0), "participation=0"),
        (lambda: RunConfig(seeds=0), "seeds=0"),
        (lambda: RunConfig(seeds=10**30), "seeds=10+ but it must be in 1..10000"),
        (lambda: TrainingConfig(lr=1e300), r"training.lr=1e\+300 .* at most 1e\+09"),
        (lambda: SecureConfig(timeout_s=float("inf")), "secure.timeout_s=inf"),
        (lambda: CflConfig(cfl_lr=1e300), r"cfl_lr=1e\+300"),
        (lambda: PartitionConfig(label_mix=1e300), r"partition.label_mix=1e\+300"),
        (lambda: CompareConfig(threads=10**30), "threads=10+ but it must be at most 10000"),
        (lambda: from_json(RunConfig, {"first_seed": 10**400}), "first_seed has 401 digits"),
        (lambda: RunConfig(first_seed=-1), "first_seed=-1"),
    ],
)
def test_values_out_of_range_are_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ConfigError, match=message):
        make()


def test_file_that_is_not_json(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    with pytest.raises(ConfigError, match="cannot read settings"):
        load_config(path)
    path.write_text("{")
    with pytest.raises(ConfigError, match="not valid JSON"):
        load_config(path)


def test_settings_of_the_last_release_can_be_read() -> None:
    """A run that was begun with it goes on."""
    for former, present in FORMER_COMPARISONS.items():
        config = from_json(RunConfig, {"clustering": {"comparisons": former}})
        assert config.clustering.comparisons == present
