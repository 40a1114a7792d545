"""The real command in a process of its own, for tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TIMEOUT_S = 120


def secfpp(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `secfpp` with `words` and return its streams and exit code."""
    return subprocess.run(
        [sys.executable, "-m", "secfpp.cli", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        cwd=cwd,
    )
