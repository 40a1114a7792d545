"""What a comparison consists of, what it refuses, and what it expects to take."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from secfpp.comparison.cells import list_cells
from secfpp.comparison.config import (
    ALL_METHODS,
    TUNED_ON_SEEDS,
    CompareConfig,
    first_conflict,
    load_settings,
)
from secfpp.comparison.folder import CompareFolder
from secfpp.comparison.forecast import Forecast
from secfpp.config.secure import SecureConfig
from secfpp.errors import ConfigError, RunFolderError
from secfpp.experiment.config import RunConfig
from secfpp.methods.registry import METHODS
from tests.comparison.toy import ROUNDS, run_cells, settings


def test_private_methods_have_a_cell_for_each_budget() -> None:
    cells = list_cells(settings("promptfl", "dp-promptfl", "zero-shot", epsilons=(0.1, 8.0)))
    assert [cell.name for cell in cells] == [
        *("seed5", "seed5-epsilon0.1", "seed5-epsilon8"),
        *("seed6", "seed6-epsilon0.1", "seed6-epsilon8"),
    ]
    assert cells[0].settings.methods == ("promptfl", "zero-shot")
    assert cells[1].settings.methods == ("dp-promptfl",)
    assert cells[1].settings.privacy.epsilon == 0.1
    assert cells[4].settings.seed_list == (6,)
    assert cells[0].rounds == {"promptfl": ROUNDS, "zero-shot": 1}


def test_every_method_is_in_exactly_one_kind_of_cell() -> None:
    cells = list_cells(CompareConfig(seeds=1, epsilons=(1.0,)))
    assert sorted(name for cell in cells for name in cell.settings.methods) == sorted(METHODS)
    assert CompareConfig().methods == ALL_METHODS


def test_settings_survive_the_file(tmp_path: Path) -> None:
    config = replace(settings("secfpp", "dp-promptfl"), jobs=2)
    folder = CompareFolder.create(config, tmp_path / "new")
    assert folder.config == config
    base = json.loads((tmp_path / "new" / "compare.json").read_text())["base"]
    assert not {"out", "resume", "methods", "seeds", "first_seed"} & set(base)
    assert load_settings(tmp_path / "new" / "compare.json") == config


def test_settings_of_a_run_take_a_comparisons_defaults(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"training": {"rounds": 4}, "out": "elsewhere"}))
    found = load_settings(file)
    assert (found.base.training.rounds, found.seeds, found.methods) == (4, 3, ALL_METHODS)
    assert found.base.out is None
    file.write_text(json.dumps({"methods": ["secfpp"], "seeds": 1}))
    assert load_settings(file).methods == ("secfpp",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epsilons": (1.0, 0.0)}, "0.0 but a budget must be"),
        ({"epsilons": (1.0, float("inf"))}, "must be finite"),
        ({"epsilons": (1.0, 1.0)}, "once"),
        ({"jobs": 0}, "jobs=0"),
        ({"methods": ("secfpp", "secfpp")}, "once"),
        ({"seeds": 0}, "seeds=0"),
    ],
)
def test_bad_settings_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        replace(CompareConfig(), **change)  # type: ignore[arg-type]


def test_parties_elsewhere_and_a_private_reference_are_refused() -> None:
    remote = SecureConfig(network=Path("network.json"), certs=Path("certs"))
    with pytest.raises(ConfigError, match="--network"):
        CompareConfig(base=RunConfig(secure=remote))
    with pytest.raises(ConfigError, match="reference=dp-promptfl"):
        list_cells(CompareConfig(reference="dp-promptfl"))


def test_seeds_used_for_choosing_defaults_are_known() -> None:
    assert CompareConfig().tuned_on == ()
    assert CompareConfig(first_seed=99, seeds=3).tuned_on == TUNED_ON_SEEDS[:2]


def test_only_what_was_asked_for_can_conflict() -> None:
    kept = settings("secfpp", "promptfl", seeds=5)
    assert first_conflict(CompareConfig(jobs=7), kept) is None
    assert first_conflict(kept, kept) is None
    assert first_conflict(CompareConfig(seeds=4), kept) == "seeds is 5 there and 4 here"
    other = RunConfig(training=replace(kept.base.training, rounds=9), methods=ALL_METHODS, seeds=3)
    assert "base.training.rounds is 3 there and 9" in str(
        first_conflict(CompareConfig.of(other), kept)
    )


def test_workers_never_outnumber_cells() -> None:
    assert CompareConfig(jobs=8).jobs_for(3) == 3
    assert CompareConfig(jobs=2).jobs_for(0) == 1
    assert CompareConfig(threads=10_000).jobs_for(9) == 1


def test_a_folder_is_made_once_and_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = CompareFolder.create(settings("promptfl"), tmp_path / "new")
    with pytest.raises(ConfigError, match="not empty"):
        CompareFolder.create(settings("promptfl"), tmp_path / "new")
    with pytest.raises(ConfigError, match="no compare.json"):
        CompareFolder(tmp_path)
    monkeypatch.setattr("secfpp.comparison.folder.LOCK_PATIENCE_S", 0.0)
    refused = pytest.raises(RunFolderError, match="another process")
    with folder.locked(), refused, folder.locked():
        pytest.fail("locked twice")
    with folder.locked():
        pass


def test_a_cell_killed_before_it_had_settings_is_begun_anew(tmp_path: Path) -> None:
    config = settings("zero-shot", seeds=2)
    run_cells(tmp_path / "new", config, leave_out=("seed6",))
    folder = CompareFolder(tmp_path / "new")
    first, second = list_cells(config)
    assert folder.is_done(first)
    assert folder.order(first) == RunConfig(resume=folder.cell(first))
    folder.cell(second).mkdir()
    (folder.cell(second) / "versions.json").write_text("{}")
    assert folder.order(second).out == folder.cell(second)
    assert not folder.cell(second).exists()
    assert not folder.is_done(second)


def test_time_left_by_method_and_number_of_workers() -> None:
    cells = list_cells(settings("promptfl", "local-only", "dp-promptfl", epsilons=(1.0,)))
    forecast = Forecast(cells, {"seed5": {"promptfl": 1}})
    assert forecast.rounds_total == 2 * 3 * ROUNDS
    assert forecast.rounds_done == 1
    assert forecast.seconds_left(2) is None
    assert forecast.longest(cells).name == "seed6"
    forecast.round_done("seed5", "promptfl", 2.0)
    forecast.round_done("seed5", "local-only", 4.0)
    # left: seed5 1 promptfl + 2 local-only = 10, seed6 18, each private cell 3 rounds at the mean 3
    assert forecast.seconds_left(1) == pytest.approx(10 + 18 + 9 + 9)
    assert forecast.seconds_left(100) == pytest.approx(18)
    forecast.cell_over("seed6")
    assert forecast.seconds_left(1) == pytest.approx(10 + 9 + 9)
    assert forecast.rounds_done == 3 + 2 * ROUNDS
