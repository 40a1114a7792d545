"""The program that measures all protocols on the same jobs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_every_protocol_has_a_line_and_finds_the_clusters_of_the_twin(tmp_path: Path) -> None:
    file = tmp_path / "protocols.json"
    words = ("--sizes", "10", "--seeds", "1", "--json", str(file))
    done = subprocess.run(
        [sys.executable, "benchmarks/protocols.py", *words],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    saved = json.loads(file.read_text())
    lines = [line["cells"] for line in saved["lines"]]
    assert {cells[1] for cells in lines} >= {"additive", "crypten", "secpc"}
    for cells in lines:
        assert f"| {' | '.join(cells)} |" in done.stdout
        assert cells[saved["columns"].index("labels as the twin")] == "1 of 1"
    rounds = {job["protocol"]: job["rounds"] for job in saved["jobs"]}
    assert rounds["crypten"] > 5 * rounds["additive"]
