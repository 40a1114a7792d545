"""`secfpp compare` as a user starts it: workers, kills, resumption, failures."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from secfpp.cli import main
from secfpp.cli.parse import parse
from secfpp.cli.verbs.compare import Compare
from secfpp.comparison.config import ALL_METHODS, CompareConfig
from secfpp.comparison.messages import Greeting, Order, Report, decode, encode
from secfpp.comparison.run import Comparison
from secfpp.config.training import TrainingConfig
from secfpp.errors import ConfigError
from secfpp.experiment.config import RunConfig
from tests.comparison.toy import run_cells, settings
from tests.patience import SOON_S

ROUNDS = 20
SMALL = (
    *("--rounds", str(ROUNDS), "--local-steps", "2", "--shared-steps", "1"),
    *("--images-per-client", "10", "--test-images-per-domain", "20"),
    *("--seeds", "2", "--epsilons", "1", "8", "--reference", "promptfl"),
)
OPEN = ("promptfl", "local-only")
METHODS = ("--methods", *OPEN, "dp-promptfl")


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "table.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def repeatable(folder: Path) -> list[dict[str, str]]:
    """Rows of methods whose randomness comes from the seed alone, without their seconds."""
    return [
        {name: value for name, value in row.items() if not name.startswith("seconds")}
        for row in rows_of(folder)
        if row["method"] != "dp-promptfl"
    ]


def start(*words: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "secfpp.cli", "compare", "--json", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def rounds_in(cell: Path) -> int:
    metrics = cell / "metrics.jsonl"
    return metrics.read_text().count("\n") if metrics.is_file() else 0


def wait_for_rounds(running: subprocess.Popen[str], cell: Path, more_than: int) -> None:
    while rounds_in(cell) <= more_than:
        assert running.poll() is None, running.communicate()
        time.sleep(0.02)


def descendants(running: subprocess.Popen[str]) -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process(running.pid).children(recursive=True)
    return found


def wait_until_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=SOON_S)
    assert not alive


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison that nothing disturbed."""
    folder = tmp_path_factory.mktemp("compare") / "whole"
    assert main(["compare", "--json", "--jobs", "2", "--out", str(folder), *METHODS, *SMALL]) == 0
    return folder


def test_defaults_are_all_methods_three_seeds_three_budgets() -> None:
    verb = parse(["compare"])
    assert isinstance(verb, Compare)
    assert verb.settings.methods == ALL_METHODS
    assert (verb.settings.seeds, verb.epsilons, verb.reference) == (3, (0.1, 1.0, 8.0), "secfpp")


def test_file_of_settings_is_the_start_and_flags_override(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"seeds": 5, "training": {"rounds": 4}, "out": "elsewhere"}))
    verb = parse(["compare", "--config", str(file), "--rounds", "6", "--epsilons", "2"])
    assert isinstance(verb, Compare)
    assert (verb.settings.seeds, verb.settings.training.rounds, verb.epsilons) == (5, 6, (2.0,))
    assert verb.settings.out is None
    assert verb.settings.methods == ALL_METHODS


def asked(words: list[str], monkeypatch: pytest.MonkeyPatch) -> CompareConfig:
    """Return the comparison that words ask for, without running it."""
    found: list[CompareConfig] = []

    def note(config: CompareConfig, **_: object) -> Comparison:
        found.append(config)
        raise ConfigError("enough")

    monkeypatch.setattr("secfpp.comparison.run.run_compare", note)
    assert main(["compare", *words]) == 2
    return found[0]


def test_label_mixes_are_numbers_or_schemes(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--label-mixes", "0.5", "10", "pathological", "--images-per-client", "20"]
    config = asked(words, monkeypatch)
    assert [mix.name for mix in config.grid] == ["dirichlet-0.5", "dirichlet-10", "pathological"]
    found = [config.settings_of(mix).partition for mix in config.grid]
    assert [(p.scheme, p.label_mix) for p in found] == [
        ("domain-dirichlet", 0.5),
        ("domain-dirichlet", 10.0),
        ("pathological", 3.0),
    ]
    assert {p.images_per_client for p in found} == {20}
    coupled = asked(["--label-mixes", "0.5", "--scheme", "dirichlet"], monkeypatch)
    assert coupled.settings_of(coupled.grid[0]).partition.scheme == "dirichlet"


def test_a_file_brings_its_grid_and_flags_override(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = {"grid": [{"name": "even"}], "seeds": 4, "methods": ["promptfl"]}
    variants = [{"method": "promptfl", "label": "fast", "settings": {"training": {"lr": 0.1}}}]
    file = tmp_path / "grid.json"
    file.write_text(json.dumps({**grid, "variants": variants}))
    config = asked(["--config", str(file), "--rounds", "6"], monkeypatch)
    assert [mix.name for mix in config.grid] == ["even"]
    assert config.settings_of(config.grid[0], config.variants[0]).training.lr == 0.1
    assert (config.base.training.rounds, config.seeds, config.methods) == (6, 4, ("promptfl",))
    other = asked(["--config", str(file), "--label-mixes", "1"], monkeypatch)
    assert [mix.name for mix in other.grid] == ["dirichlet-1"]
    assert other.variants == config.variants


def test_results_on_validation_images_are_announced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(["--score-on", "validation", "--first-seed", "100"], monkeypatch)
    errors = capsys.readouterr().err
    assert "accuracies are on validation images" in errors
    assert "optimistic" not in errors, "choices may be made on any seed"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--label-mixes", "uneven"], "give a number or one of domain-dirichlet"),
        (["--label-mixes", "0"], "mix 'dirichlet-0': partition.label_mix=0.0"),
        (["--label-mixes", "1", "1.0"], "'dirichlet-1' stands for two"),
        (["--epsilons", "1", "0"], "above 0"),
        (["--resume", "{folder}"], "no compare.json"),
        (["--resume", "{folder}/kept", "--seeds", "7"], "seeds is 2 there and 7 here"),
        (["--resume", "{folder}/kept", "--epsilons", "4"], "epsilons is [1.0, 8.0] there"),
        (["--out", "{folder}"], "not empty"),
        (["--reference", "dp-promptfl"], "reference=dp-promptfl"),
        (["--network", "n.json", "--certs", "c"], "drop --network"),
        (["--config", "{folder}/absent.json"], "absent.json"),
        (["--jobs", "0"], "jobs=0"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_exit_2(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_cells(tmp_path / "kept", settings("zero-shot"), leave_out=("seed5", "seed6"))
    assert main(["compare", *(word.format(folder=tmp_path) for word in words)]) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert said in streams.err
    assert streams.err.count("\n") == 1


def test_unknown_methods_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["compare", "--methods", "magic"])
    assert stop.value.code == 2
    assert "magic" in capsys.readouterr().err


@pytest.mark.slow
def test_nothing_left_to_do_prints_the_tables_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And warns of seeds on which defaults were chosen, where the folder has them."""
    run_cells(tmp_path / "done", settings("zero-shot", "promptfl", "secfpp", "dp-promptfl"))
    assert main(["compare", "--resume", str(tmp_path / "done"), "--first-seed", "5"]) == 0
    printed = capsys.readouterr().out
    for said in ("Accuracy in %", "SecFPP less a method", "Cost of a run", "unit: client"):
        assert said in printed
    assert f"page: secfpp report {tmp_path / 'done'}" in printed
    assert len(rows_of(tmp_path / "done")) == 2 * (3 + 2)


def test_reported_seeds_must_not_be_those_of_tuning(capsys: pytest.CaptureFixture[str]) -> None:
    main(["compare", "--first-seed", "100", "--seeds", "1", "--out", "/dev/null/x"])
    assert "defaults were chosen on seeds 100" in capsys.readouterr().err


@pytest.mark.slow
def test_two_workers_fill_one_table(whole: Path) -> None:
    rows = rows_of(whole)
    assert len(rows) == 2 * (2 + 2)
    assert {(row["method"], row["epsilon_target"], row["seed"]) for row in rows} == {
        (method, epsilon, seed)
        for method, epsilons in (
            ("promptfl", [""]),
            ("local-only", [""]),
            ("dp-promptfl", ["1.0", "8.0"]),
        )
        for epsilon in epsilons
        for seed in ("0", "1")
    }
    assert all(row["rounds"] == str(ROUNDS) for row in rows)
    assert all(0.3 < float(row["own_mix"]) < 1 for row in rows)
    summary = json.loads((whole / "summary.json").read_text())
    assert summary["complete"] is True
    assert len(summary["methods"]) == 4
    cells = sorted(path.name for path in (whole / "cells").iterdir())
    assert cells[:3] == ["seed0", "seed0-epsilon1", "seed0-epsilon8"]


@pytest.mark.slow
def test_killed_worker_then_killed_comparison_then_the_same_table(
    whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    running = start("--jobs", "2", "--out", folder, *SMALL, "--methods", *OPEN)
    for seed in (0, 1):
        wait_for_rounds(running, folder / "cells" / f"seed{seed}", 2)
    workers = [one for one in descendants(running) if "secfpp.comparison.worker" in one.cmdline()]
    assert len(workers) == 2
    workers[0].kill()
    out, errors = running.communicate(timeout=300)
    assert running.returncode == 1
    failed = json.loads(out)["summary"]["failed"]
    assert len(failed) == 1, "the other cell was finished"
    assert f"(pid {workers[0].pid}) was killed by SIGKILL" in failed[0]["error"]
    assert f"secfpp: {failed[0]['cell']} failed: worker" in errors
    assert "Traceback" not in errors
    cell = folder / "cells" / failed[0]["cell"]

    running = start("--resume", folder, "--jobs", "1")
    wait_for_rounds(running, cell, rounds_in(cell))
    workers = descendants(running)
    running.kill()
    running.communicate()
    wait_until_gone(workers)
    assert 3 < rounds_in(cell) < 2 * ROUNDS, "it was killed in the middle"

    assert main(["compare", "--resume", str(folder), "--jobs", "1"]) == 0
    assert repeatable(folder) == repeatable(whole)


@pytest.mark.slow
def test_a_worker_ends_with_its_comparison_in_the_middle_of_a_round(tmp_path: Path) -> None:
    endless = RunConfig(
        methods=("promptfl",),
        training=TrainingConfig(rounds=1, local_steps=10**7, shared_steps=0),
        out=tmp_path / "cell",
    )
    command = [sys.executable, "-m", "secfpp.comparison.worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        try:
            worker.stdin.write(encode(Greeting(settings=endless, threads=1)))
            worker.stdin.flush()
            assert decode(Report, worker.stdout.readline()).kind == "ready"
            worker.stdin.write(encode(Order(cell="cell", settings=endless)))
            worker.stdin.flush()
            while not (tmp_path / "cell" / "config.json").is_file():
                assert worker.poll() is None
                time.sleep(0.02)
            time.sleep(0.2)
            worker.stdin.close()
            assert worker.wait(timeout=SOON_S) == 0
        finally:
            worker.kill()


@pytest.mark.slow
def test_interruption_ends_workers_and_parties_and_says_how_to_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "stopped"
    words = ("--methods", "secfpp", "--seeds", "1", "--reference", "secfpp")
    running = start("--out", folder, *SMALL, *words)
    wait_for_rounds(running, folder / "cells" / "seed0", 1)
    everybody = descendants(running)
    assert len(everybody) == 1 + 4, "a worker, a loader, two parties, a dealer"
    running.send_signal(signal.SIGINT)
    out, errors = running.communicate(timeout=SOON_S)
    assert running.returncode == 130
    assert out == ""
    assert f"go on with: secfpp compare --resume {folder}" in errors
    assert "Traceback" not in errors
    wait_until_gone(everybody)
    saved = json.loads((folder / "cells" / "seed0" / "results.json").read_text())
    assert saved["complete"] is False
    assert json.loads((folder / "summary.json").read_text())["complete"] is False


@pytest.mark.slow
def test_a_failing_cell_is_named_and_the_others_are_finished(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(whole, folder)
    for name in ("seed0", "seed1"):
        (folder / "cells" / name / "results.json").unlink()
    (folder / "cells" / "seed1" / "state" / "promptfl" / "seed1.safetensors").write_text("?")
    assert main(["compare", "--resume", str(folder), "--jobs", "1", "--json"]) == 1
    streams = capsys.readouterr()
    assert "secfpp: seed1 failed" in streams.err
    summary = json.loads((folder / "summary.json").read_text())
    assert [failure["cell"] for failure in summary["failed"]] == ["seed1"]
    assert "is damaged" in summary["failed"][0]["error"]
    assert summary["complete"] is False
    assert {row["seed"] for row in repeatable(folder)} == {"0"}


@pytest.mark.slow
def test_data_that_no_worker_can_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--jobs", "1", "--data", str(tmp_path / "absent"), "--out", str(tmp_path / "new")]
    assert main(["compare", *METHODS, *SMALL, *words]) == 2
    assert str(tmp_path / "absent") in capsys.readouterr().err
