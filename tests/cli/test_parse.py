"""Words become settings; wrong words are refused with exit code 2."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from secfpp.cli import main
from secfpp.cli.parse import VERBS, parse
from secfpp.cli.verbs.cluster import Cluster
from secfpp.cli.verbs.run import Run
from secfpp.experiment.config import RunConfig
from tests.patience import SOON_S

LISTS_HEAVY_MODULES = """
import contextlib, io, json, sys
from secfpp.cli import main
found = {}
for words in json.loads(sys.argv[1]):
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as printed:
        main(words)
    heavy = {"torch", "crypten", "open_clip", "matplotlib", "sklearn"} & set(sys.modules)
    found[" ".join(words)] = [len(printed.getvalue()) > 100, sorted(heavy)]
print(json.dumps(found))
"""


def run_settings(*words: str) -> RunConfig:
    verb = parse(["run", *words])
    assert isinstance(verb, Run)
    return verb.settings


def test_no_words_print_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse([])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert all(verb in printed for verb in VERBS)


def test_help_and_cards_import_nothing_heavy() -> None:
    """But for verbs whose flags are the settings of methods. The first to import is to blame."""
    light = [verb for verb in VERBS if verb not in ("run", "compare")]
    asked = [["--help"], *([verb, "--help"] for verb in light), ["pretrain", "--card"]]
    command = [sys.executable, "-c", LISTS_HEAVY_MODULES, json.dumps(asked)]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    printed_and_heavy = [True, []]
    assert json.loads(done.stdout) == {" ".join(words): printed_and_heavy for words in asked}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_json_and_explains_itself(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        parse([verb, "--help"])
    printed = capsys.readouterr().out
    assert stop.value.code == 0
    assert "--json" in printed
    assert "To be written" not in printed


def test_defaults_are_those_of_the_configuration() -> None:
    assert run_settings() == RunConfig()


def test_flags_reach_their_branch() -> None:
    settings = run_settings(
        "--rounds", "3", "--seeds", "2", "--k", "4", "--parties", "3", "--methods", "secfpp"
    )
    assert settings.training.rounds == 3
    assert settings.seeds == 2
    assert settings.clustering.k == 4
    assert settings.secure.parties == 3
    assert settings.methods == ("secfpp",)


@pytest.mark.parametrize("words", [("--k", "none"), ("--k=none",), ("--k", "None")])
def test_k_none_as_the_help_spells_it(words: tuple[str, ...]) -> None:
    assert run_settings(*words, "--reveal", "distances").clustering.k is None


def test_file_of_settings_is_the_start_and_flags_override(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"seeds": 3, "training": {"rounds": 4}, "out": "elsewhere"}))
    settings = run_settings("--config", str(file), "--rounds", "6")
    assert (settings.seeds, settings.training.rounds) == (3, 6)
    assert settings.out is None, "a file from a run folder must not send the new run into it"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--config", "absent.json"], "absent.json"),
        (["run", "--rounds", "0"], "rounds=0"),
        (["run", "--k", "none", "--k-max", "0"], "k_max"),
        (["run", "--parties", "1"], "parties=1"),
        (["run", "--methods", "secfpp", "secfpp"], "once"),
    ],
)
def test_values_out_of_range_are_one_line_and_exit_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert said in streams.err
    assert streams.err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ["fly"],
        ["run", "--wings"],
        ["run", "--rounds", "many"],
        ["run", "--reveal", "everything"],
        ["run", "--methods", "magic"],
        ["cluster"],
        ["report"],
    ],
)
def test_words_that_make_no_sense_exit_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert capsys.readouterr().out == ""


def test_first_centres_are_row_numbers() -> None:
    verb = parse(["cluster", "--input", "x.npy", "--k", "2", "--init-rows", "0", "7"])
    assert isinstance(verb, Cluster)
    assert verb.init_rows == (0, 7)


@pytest.mark.timeout(SOON_S)
@pytest.mark.parametrize("columns", ["1", "5", "39"])
def test_help_ends_in_a_narrow_terminal(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit) as stop:
        parse(["run", "--help"])
    assert stop.value.code == 0
    assert os.environ["COLUMNS"] == columns
    assert "--seeds" in capsys.readouterr().out
