"""`secfpp run`: what is asked for is what is run, and the outcome is told twice."""

import json
from pathlib import Path

import pytest

from secfpp.cli import main
from secfpp.errors import RunInterruptedError
from secfpp.experiment import experiment
from secfpp.experiment.config import RunConfig
from secfpp.experiment.experiment import RunSummary
from secfpp.experiment.progress import TerminalProgress
from tests.cli.command import secfpp
from tests.cli.test_tables import method

SMALL = (
    *("--rounds", "1", "--local-steps", "2", "--shared-steps", "1"),
    *("--images-per-client", "10", "--test-images-per-domain", "20"),
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[RunConfig]:
    """Replace the run by one that only notes what was asked for."""
    noted: list[RunConfig] = []

    def run(config: RunConfig, observer: TerminalProgress, check: object) -> RunSummary:
        noted.append(config)
        return RunSummary(folder=Path("runs/x"), results=(method(0.70, 0.74, rounds=640.0),))

    monkeypatch.setattr(experiment, "run_experiment", run)
    return noted


def test_settings_and_json(asked: list[RunConfig], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--rounds", "2", "--seeds", "2", "--json"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert asked[0].training.rounds == 2
    assert record["folder"] == "runs/x"
    assert record["results"]["secfpp"]["own_mix"]["mean"] == pytest.approx(0.72)


def test_people_see_the_table_and_the_folder(
    asked: list[RunConfig], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["run"]) == 0
    printed = capfd.readouterr().out
    assert "72.0" in printed
    assert "run folder: runs/x" in printed


def test_flags_beside_resume_are_said_to_be_ignored(
    asked: list[RunConfig], capfd: pytest.CaptureFixture[str]
) -> None:
    main(["run", "--resume", "runs/x", "--rounds", "2"])
    assert "other flags are ignored" in capfd.readouterr().err
    main(["run", "--resume", "runs/x"])
    assert "ignored" not in capfd.readouterr().err


def test_interruption_says_what_is_saved(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def stopped(config: RunConfig, observer: TerminalProgress, check: object) -> RunSummary:
        raise RunInterruptedError("stopped; go on with --resume runs/x")

    monkeypatch.setattr(experiment, "run_experiment", stopped)
    assert main(["run", "--json"]) == 130
    streams = capfd.readouterr()
    assert streams.out == ""
    assert "--resume runs/x" in streams.err


def test_no_run_folder_to_resume(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--resume", str(tmp_path), "--json"]) == 1
    streams = capfd.readouterr()
    assert streams.out == ""
    assert "not a run folder" in streams.err


@pytest.mark.slow
def test_a_small_secure_run_and_its_page(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = secfpp(
        "run", "--json", "--out", folder, "--methods", "zero-shot", "secfpp-plain", "secfpp", *SMALL
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert list(record["results"]) == ["zero-shot", "secfpp-plain", "secfpp"]
    assert record["results"]["secfpp"]["rounds"] > 0
    plain, secure = record["results"]["secfpp-plain"], record["results"]["secfpp"]
    assert secure["uniform"]["mean"] == pytest.approx(plain["uniform"]["mean"], abs=0.02)
    assert main(["report", str(folder)]) == 0
    assert (folder / "report.html").stat().st_size > 50_000


def test_a_budget_puts_noise_inside_the_sum_of_secfpp(asked: list[RunConfig]) -> None:
    words = ["run", "--methods", "local-only", "secfpp", "--dp-guarantee", "means"]
    assert main([*words, "--dp-epsilon", "3"]) == 0
    assert asked[0].methods == ("local-only", "dp-secfpp")
    assert asked[0].privacy.epsilon == 3.0
    assert asked[0].inside.dp_guarantee == "means"
    assert main(["run", "--methods", "local-only", "--dp-epsilon", "3"]) == 0
    assert asked[1].methods == ("local-only", "dp-secfpp")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--dp-epsilon", "0"), "privacy.epsilon=0"),
        (("--dp-epsilon", "nan"), "privacy.epsilon=nan"),
        (("--dp-epsilon", "3", "--epsilon", "2"), "one budget"),
        (("--dp-epsilon", "3", "--dp-clip-norm", "-1"), "inside.dp_clip_norm=-1"),
        (("--dp-epsilon", "3", "--dp-clustering-share", "1"), "inside.dp_clustering_share=1"),
    ],
)
def test_a_bad_budget_is_refused_in_a_line(
    words: tuple[str, ...], said: str, asked: list[RunConfig], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *words]) == 2
    assert said in capfd.readouterr().err
    assert not asked
