"""The files under deploy/, and the programs that check them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.packaging.checkouts import CHECKOUT
from tests.patience import SOON_S

DEPLOY = CHECKOUT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
OVERLAYS = sorted(path.parent for path in KUBERNETES.glob("overlays/*/kustomization.yaml"))


def deployed() -> list[Path]:
    """Return all files under deploy/ that git has or would take, and the Dockerfile."""
    words = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "deploy")
    listed = subprocess.run(
        words, cwd=CHECKOUT, capture_output=True, text=True, timeout=SOON_S, check=False
    )
    if listed.returncode == 0:
        found = [CHECKOUT / line for line in listed.stdout.splitlines()]
    else:  # a copy without git
        found = [path for path in DEPLOY.rglob("*") if "__pycache__" not in path.parts]
    return sorted([CHECKOUT / "Dockerfile", *(path for path in found if path.is_file())])


def program(name: str) -> str | None:
    """Return the path of a program that the extra dev installs, or of the machine's; else None."""
    places = (str(Path(sys.executable).parent), os.environ.get("PATH", ""))
    return shutil.which(name, path=os.pathsep.join(places))


def said(*words: str | Path) -> tuple[int, str]:
    """Return the exit code of a program, and all that it printed."""
    done = subprocess.run(
        [*map(str, words)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=3 * SOON_S,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
