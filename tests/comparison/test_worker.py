"""A worker that cannot start says why."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_a_worker_that_fails_before_its_first_cell_has_the_reason_as_last_words() -> None:
    """And not that its interpreter ended while a thread still listened."""
    with subprocess.Popen(
        [sys.executable, "-m", "secfpp.comparison.worker"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as worker:
        assert worker.stdin is not None
        assert worker.stderr is not None
        worker.stdin.write(b"{}\n")
        worker.stdin.flush()
        assert worker.wait(timeout=60) == 1
        last = worker.stderr.read().decode().splitlines()[-1]
    assert "the configuration is incomplete" in last
