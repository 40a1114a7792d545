"""`secfpp cluster --dp-epsilon` says what its noise covers, and refuses what none covers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secfpp.cli import main

pytestmark = pytest.mark.usefixtures("parties_stay_open")
ENGINES = [("--plain",), pytest.param(("--parties", "2"), marks=pytest.mark.slow)]
N, D = 120, 3


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    centres = np.eye(D) * 0.8
    file = tmp_path_factory.mktemp("vectors") / "vectors.npy"
    np.save(file, centres[np.arange(N) % D] + np.random.default_rng(2).normal(size=(N, D)) * 0.02)
    return file


def private(file: Path, *words: str) -> list[str]:
    given = ["--input", str(file), "--k", "3", "--dp-epsilon", "8", "--owners", str(N)]
    return ["cluster", *given, "--norm-bound", "1", *words]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("guarantee", ["pipeline", "means"])
def test_the_guarantee_is_in_the_record(
    vectors: Path, engine: tuple[str, ...], guarantee: str, capfd: pytest.CaptureFixture[str]
) -> None:
    code = main([*private(vectors, "--dp-guarantee", guarantee, *engine), "--json"])
    streams = capfd.readouterr()
    assert code == 0, streams.err
    record: dict[str, Any] = json.loads(streams.out)
    said = record["privacy"]
    assert said["guarantee"] == guarantee
    assert said["epsilon"] == pytest.approx(8.0)
    assert 7.0 < said["epsilon_pld"] < 8.0
    assert f"guarantee {guarantee}: epsilon 8 at delta 1e-05" in said["in_words"]
    assert "labels" not in record
    for entry in record["ledger"]:
        if entry["to"] == "each client":
            assert entry["why"] == f"own mean, one row each, with noise; guarantee: {guarantee}"


def test_the_statement_is_printed_in_words(
    vectors: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(private(vectors, "--plain", "--dp-dims", "2")) == 0
    words = " ".join(capfd.readouterr().out.split())
    for part in (
        "guarantee pipeline: epsilon 8 at delta 1e-05",
        "unit: one data owner, at most 1 rows",
        "trust: any one honest party, and the dealer not colluding",
        "epsilon 7.438 by PLD",
    ):
        assert part in words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--reveal", "assignments"), "guarantee='pipeline' needs reveal='own-mean'"),
        (("--init", "random"), "begins once, at public directions"),
        (("--restarts", "3"), "begins once, at public directions"),
        (("--standardize",), "standardize=True depends on all rows"),
        (("--shard-size", "50"), "leave shard_size out"),
        (("--norm-bound", "0.5"), "has length 0.8"),
        (("--dp-dims", "0"), "points of 3 dimensions"),
        (("--dp-epsilon", "-1"), "epsilon=-1"),
        (("--iterations", "100"), "64 at most"),
    ],
)
def test_what_no_guarantee_covers_is_refused_in_one_line(
    vectors: Path, words: tuple[str, ...], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(private(vectors, "--plain", *words)) == 2
    error = capfd.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_budget_needs_a_bound(vectors: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["cluster", "--input", str(vectors), "--dp-epsilon", "8", "--plain"]) == 2
    assert "needs a norm_bound that does not depend on the rows" in capfd.readouterr().err
