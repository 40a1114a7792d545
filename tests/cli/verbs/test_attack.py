"""`secfpp attack` on a small run of the embedded digits, and what it refuses."""

import json
from pathlib import Path

import pytest

from secfpp.cli import main

SMALL = (
    *("--clients-per-domain", "2", "--images-per-client", "12"),
    *("--validation-images-per-client", "2", "--test-images-per-domain", "40"),
    *("--rounds", "2", "--local-steps", "10", "--shared-steps", "8"),
)


@pytest.mark.slow
def test_attack_prints_and_writes_what_attackers_get(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "run")
    methods = ("--methods", "promptfl", "secfpp-plain")
    assert main(["run", *SMALL, *methods, "--out", folder]) == 0
    capfd.readouterr()
    assert main(["attack", folder, "--shadows", "4"]) == 0
    printed = capfd.readouterr().out
    for title in ("Prompt stealing", "Membership inference", "Label inference"):
        assert title in printed
    (upload,) = [
        line for line in printed.splitlines() if line.startswith("PromptFL ") and "1.00 >" in line
    ][:1]
    assert "upload in the clear" in upload
    assert main(["attack", folder, "--shadows", "4", "--json"]) == 0
    record = json.loads(capfd.readouterr().out)["attacks"]
    assert record["complete"] is True
    assert record["shadows"] == 4
    controls = [
        row
        for row in record["rows"]
        if row["attack"] == "membership" and row["kind"] == "positive control"
    ]
    best = max(row["value"] for row in controls if row["measure"] == "AUC")
    assert best > 0.6, "prompts that fit 6 images too well give members away"
    assert main(["report", folder]) == 0
    assert "Membership inference" in (tmp_path / "run" / "report.html").read_text()


def test_a_folder_that_is_no_run_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["attack", str(tmp_path)]) == 1
    assert "not a run folder" in capfd.readouterr().err


def test_too_few_shadows_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["attack", str(tmp_path), "--shadows", "2"]) == 2
    assert "change --shadows" in capfd.readouterr().err
