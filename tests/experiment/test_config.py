import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpc.jobs.comparisons import FORMER_COMPARISONS
from secfpp.comparison.config import CompareConfig
from secfpp.config.clustering import ClusteringConfig
from secfpp.config.privacy import PrivacyConfig
from secfpp.config.training import TrainingConfig
from secfpp.config.tree import from_json, to_json
from secfpp.errors import ConfigError
from secfpp.experiment.config import RunConfig, load_config
from secfpp.json_file import JsonValue
from secfpp.methods import dp_clusters, dp_promptfl, ldp_promptfl
from secfpp.methods.registry import METHODS


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
        ({"training": {"lr_shared": None}}, "must be of type float"),
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
        (lambda: RunConfig(methods=()), "at least one method"),
        (lambda: RunConfig(methods=("oracle", "oracle")), "named once"),
        (lambda: RunConfig(participation=0.0), "participation=0"),
        (lambda: RunConfig(seeds=0), "seeds=0"),
        (lambda: RunConfig(seeds=10**30), "seeds=10+ but it must be in 1..10000"),
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
        config = from_json(RunConfig, {"clustering": {"comparisons": str(former)}})
        assert config.clustering.comparisons == present


def test_methods_bring_their_branches() -> None:
    config = RunConfig()
    for method in METHODS.values():
        own = config.settings_of(method).own
        assert own == method.settings()
        if method.has_settings:
            assert getattr(config, method.branch) == own


def test_no_two_settings_share_a_flag() -> None:
    """The name of a setting is its flag, whatever its branch."""
    names = [name.split(".")[-1] for name, _ in leaves(to_json(RunConfig()))]
    assert len(set(names)) == len(names)


def leaves(value: JsonValue, place: str = "") -> Iterator[tuple[str, JsonValue]]:
    if not isinstance(value, dict):
        yield place, value
        return
    for name, item in value.items():
        yield from leaves(item, f"{place}.{name}")


def test_older_files_have_clipping_norms_under_privacy() -> None:
    older: JsonValue = {"privacy": {"epsilon": 2.0, "clip_norm": 0.5, "clip_norm_local": 0.07}}
    config = from_json(RunConfig, older)
    assert config.privacy == PrivacyConfig(epsilon=2.0)
    assert config.settings_of(dp_promptfl.METHOD).own.clip_norm == 0.5
    assert config.settings_of(ldp_promptfl.METHOD).own.clip_norm_local == 0.07
    assert config.settings_of(dp_clusters.METHOD).own.clip_norm_clusters == 0.03
    assert from_json(RunConfig, to_json(config)) == config


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"privacy": {"clip_norm": "much"}}, "dppromptfl.clip_norm='much'"),
        ({"privacy": {"clip_norm": 1.0}, "dppromptfl": 3}, "unknown key 'clip_norm' in privacy"),
        ({"privacy": 3}, "privacy is 3"),
    ],
)
def test_older_files_are_checked_like_others(value: dict[str, JsonValue], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_json(RunConfig, value)
