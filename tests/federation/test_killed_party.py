"""A run as a user starts it, and a computing party that is killed while clients train."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from secfpp.cli import main
from tests.patience import SOON_S

ROUNDS = 8


def children_of(run: subprocess.Popen[str]) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process(run.pid).children(recursive=True)
        if any(word.startswith("mpc.") for word in child.cmdline())
    ]


@pytest.mark.slow
def test_killing_a_party_ends_the_run_and_it_can_be_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "secfpp.cli", "run", "--methods", "secfpp"]
    run = subprocess.Popen(
        [
            *command,
            "--rounds",
            str(ROUNDS),
            "--local-steps",
            "4",
            "--shared-steps",
            "3",
            *("--images-per-client", "10", "--test-images-per-domain", "20"),
            "--out",
            str(folder),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = folder / "metrics.jsonl"
    while not (metrics.is_file() and metrics.read_text().count("\n") >= 2):
        assert run.poll() is None, run.communicate()
        time.sleep(0.05)
    processes = children_of(run)
    victim = next(child for child in processes if child.name().startswith("party:"))
    os.kill(victim.pid, signal.SIGKILL)
    _, errors = run.communicate(timeout=SOON_S)
    assert run.returncode == 3
    assert f"(pid {victim.pid}) was killed by SIGKILL" in errors
    assert "Traceback" not in errors
    assert not [child for child in processes if child.is_running()]
    rounds_done = metrics.read_text().count("\n")
    assert 2 <= rounds_done < ROUNDS
    assert main(["run", "--resume", str(folder), "--json"]) == 0
    assert metrics.read_text().count("\n") == ROUNDS
