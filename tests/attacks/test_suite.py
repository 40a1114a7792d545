"""Every attack on a small run, end to end."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from secfpp.attacks.names import ATTACKS_NAME
from secfpp.attacks.results import AttackRecord, AttackRow
from secfpp.attacks.suite import AttackSettings, read_attacks, run_attacks
from secfpp.comparison.cells import list_cells
from secfpp.comparison.config import CompareConfig
from secfpp.comparison.folder import CompareFolder
from secfpp.errors import ConfigError, RunFolderError, RunInterruptedError
from secfpp.experiment.experiment import run_experiment
from secfpp.federation.workload import Workload
from tests.attacks.conftest import SETTINGS

FEW = AttackSettings(shadows=4, seed=3)


@pytest.fixture(scope="module")
def record(
    attacked_run: Path, workload: Workload, tmp_path_factory: pytest.TempPathFactory
) -> AttackRecord:
    folder = Path(shutil.copytree(attacked_run, tmp_path_factory.mktemp("suite") / "run"))
    found = run_attacks(folder, FEW, workload=workload)
    assert read_attacks(folder) == found
    return found


@pytest.fixture(scope="module")
def row(record: AttackRecord) -> Callable[..., AttackRow]:
    def find(method: str, setting: str, measure: str) -> AttackRow:
        (found,) = [
            row
            for row in record.rows
            if (row.method, row.setting, row.measure) == (method, setting, measure)
            and row.attack != "membership"
        ]
        return found

    return find


def test_record_is_whole(record: AttackRecord) -> None:
    assert record.complete
    assert record.seeds == (0, 1)
    assert {row.attack for row in record.rows} == {"stealing", "membership", "labels"}
    assert {row.method for row in record.rows} == set(SETTINGS.methods)
    for row in record.rows:
        assert row.low <= row.value <= row.high, row
        assert row.chance_low <= row.chance <= row.chance_high, row


def test_plain_uploads_are_stolen_whole(row: Callable[..., AttackRow]) -> None:
    for method in ("promptfl", "secfpp-plain"):
        cosine = row(method, "upload in the clear", "cosine")
        assert cosine.value == pytest.approx(1.0)
        assert cosine.above_chance
        identified = row(method, "upload in the clear", "identified")
        assert identified.value == 1.0
        assert identified.interval == "Clopper-Pearson"
        assert identified.targets == 18


def test_positive_controls_of_stealing_succeed(record: AttackRecord) -> None:
    controls = [r for r in record.rows if r.attack == "stealing" and r.kind != "attack"]
    assert {r.setting for r in controls} == {
        "both shares",
        "secpc: shares of 4 of 9 clients",
        "mean of a cluster of 1",
        "mean of a cluster of 2",
        "means of one round, with and without a client",
    }
    for control in controls:
        if control.measure == "cosine":
            assert control.value > 0.999
        if control.measure != "accuracy":
            assert control.above_chance, control


def test_what_never_leaves_is_not_stolen(row: Callable[..., AttackRow]) -> None:
    for measure in ("cosine", "step cosine", "identified"):
        assert row("local-only", "nothing leaves a client", measure).value == 0.0


def test_stolen_accuracy_is_that_of_the_victim(row: Callable[..., AttackRow]) -> None:
    upload = row("secfpp-plain", "upload in the clear", "accuracy")
    both = row("secfpp-plain", "both shares", "accuracy")
    assert upload.value == pytest.approx(both.value, abs=0.02)
    assert 0.3 < upload.value <= 1.0


def test_larger_clusters_hide_more(row: Callable[..., AttackRow]) -> None:
    steps = [
        row("secfpp-plain", f"mean of a cluster of {size}", "step cosine").value
        for size in (1, 2, 3, 5)
    ]
    assert steps[0] == pytest.approx(1.0)
    assert steps[1] == pytest.approx(1.0)
    assert steps[1] > steps[2]


def test_sums_in_the_clear_show_the_label_mix(row: Callable[..., AttackRow]) -> None:
    clear = row("secfpp-plain", "sums of features in the clear", "correlation")
    assert clear.value > 0.9
    assert clear.above_chance


def test_membership_has_three_techniques_and_exact_chance(record: AttackRecord) -> None:
    rows = [row for row in record.rows if row.attack == "membership"]
    assert len({row.technique for row in rows}) == 3
    assert {row.chance for row in rows if row.measure == "AUC"} == {0.5}
    assert all(0 <= row.value <= 1 for row in rows)
    assert {row.kind for row in rows} == {"attack", "positive control"}
    own = {row.setting for row in rows if row.method == "local-only"}
    assert own == {"the client's own prompt, P_G + P_L"}


def test_a_stopped_suite_goes_on(run_copy: Path, workload: Workload) -> None:
    settings = replace(FEW, attacks=("stealing", "labels"))

    def stop(name: str, done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(RunInterruptedError, match="3 of 8 are saved"):
        run_attacks(run_copy, settings, stop, workload=workload)
    saved = read_attacks(run_copy)
    assert saved is not None
    assert not saved.complete
    record = run_attacks(run_copy, settings, workload=workload)
    assert record.complete
    assert record.rows[: len(saved.rows)] == saved.rows
    assert len(set(record.done)) == len(record.done) == 8
    other = run_attacks(run_copy, replace(settings, seed=9), workload=workload)
    assert other.seed == 9
    assert len(other.rows) == len(record.rows)


def test_a_run_that_is_not_finished_is_refused(run_copy: Path, workload: Workload) -> None:
    (run_copy / "state" / "promptfl" / "seed1.safetensors").unlink()
    with pytest.raises(RunFolderError, match="promptfl/seed1 has 0 of 3 rounds"):
        run_attacks(run_copy, FEW, workload=workload)
    assert not (run_copy / ATTACKS_NAME).exists()


def test_a_damaged_record_is_refused(run_copy: Path, workload: Workload) -> None:
    (run_copy / ATTACKS_NAME).write_text('{"seed": "x"}')
    with pytest.raises(ConfigError, match="delete it and attack again"):
        run_attacks(run_copy, FEW, workload=workload)


@pytest.mark.parametrize(
    ("field", "value"), [("attacks", ()), ("shadows", 3), ("seed", -1)], ids=str
)
def test_settings_out_of_range(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"change --{field}"):
        AttackSettings(**{field: value})  # type: ignore[arg-type]


def test_a_comparison_is_attacked_by_method_and_budget(tmp_path: Path, workload: Workload) -> None:
    config = CompareConfig.of(
        replace(SETTINGS, methods=("promptfl", "dp-promptfl")),
        epsilons=(1.0, 8.0),
        reference="promptfl",
    )
    folder = CompareFolder.create(config, tmp_path / "compare")
    for cell in list_cells(folder.config):
        run_experiment(cell.inside(folder.cell(cell)), workload=workload)
    record = run_attacks(folder.path, replace(FEW, attacks=("stealing",)), workload=workload)
    assert record.done == (
        "stealing: promptfl",
        "stealing: dp-promptfl, epsilon 1",
        "stealing: dp-promptfl, epsilon 8",
    )
    released = [
        row
        for row in record.rows
        if row.setting == "mean that it receives, with noise" and row.measure == "cosine"
    ]
    assert [row.epsilon for row in released] == [1.0, 8.0]
    assert all(row.targets == 18 for row in record.rows)
    uploads = [row for row in record.rows if row.setting == "upload in the clear"]
    assert np.isclose([row.value for row in uploads if row.measure == "cosine"], 1.0).all()
