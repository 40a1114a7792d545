"""Copies of the checkout to build from, environments to install into."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

CHECKOUT = Path(__file__).parents[2]
_BUILT_FROM = ("mpc", "secfpp", "packaging", "examples", "tests")
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "build", "dist", "*.egg-info")


def copy_of_checkout(folder: Path) -> Path:
    """Copy what distributions are built from, so that builds leave nothing in the checkout."""
    folder.mkdir()
    for path in CHECKOUT.iterdir():
        if path.is_file() and not path.name.startswith("."):
            shutil.copy(path, folder)
    for name in _BUILT_FROM:
        shutil.copytree(CHECKOUT / name, folder / name, ignore=_NOT_COPIED, symlinks=True)
    return folder


def run(*words: str | Path, cwd: Path | None = None) -> str:
    """Run a program, which must succeed and finds the checkout nowhere; return what it prints."""
    done = subprocess.run(
        [*map(str, words)],
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(project: Path, *kinds: str) -> list[Path]:
    """Build a project with the tools that are installed; without a network."""
    run(sys.executable, "-m", "build", "--no-isolation", *kinds, project)
    return sorted((project / "dist").iterdir())


class Environment:
    """A new virtual environment, without any package."""

    def __init__(self, folder: Path) -> None:
        run(sys.executable, "-m", "venv", "--without-pip", folder)
        self.python = folder / "bin" / "python"
        self.scripts = folder / "bin"
        where = "import sysconfig; print(sysconfig.get_path('purelib'))"
        self.packages = Path(self.python_says(where).strip())

    def python_says(self, program: str) -> str:
        """Run a program here, without variables of the environment, and return what it prints."""
        return run(self.python, "-I", "-c", program, cwd=self.scripts)

    def install(self, wheel: Path) -> None:
        """Install a wheel, and nothing that it needs."""
        words = ("install", "--quiet", "--no-index", "--no-deps", wheel)
        run(sys.executable, "-m", "pip", "--python", self.python, *words)

    def borrow(self, name: str) -> None:
        """Link an installed distribution of the running Python in here, with all that it needs."""
        found = distribution(name)
        for part in {file.parts[0] for file in found.files or () if file.parts[0] != ".."}:
            link = self.packages / part
            if part != "__pycache__" and not link.exists():
                link.symlink_to(Path(str(found.locate_file(part))).resolve())
        for requirement in map(Requirement, found.requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                self.borrow(requirement.name)

    def borrow_everything(self) -> None:
        """Let this environment import what the running Python can, except the checkout."""
        places = [place for place in sys.path if place.endswith("site-packages")]
        (self.packages / "borrowed.pth").write_text("\n".join(places) + "\n")
