"""A virtual environment for engines that pin other versions than this project.

Made on the first run that wants one of them, from the package registry, where `SECFPP_PEERS_ENV`
says, else in this environment's own folder, which git ignores. Delete it to make it anew.
"""

import os
import subprocess
import sys
from collections.abc import Collection
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from peers.engines.engine import UnavailableError
from peers.progress import say

PINNED: Final = {"spu": ("spu==0.9.5",), "mpyc": ("mpyc==0.11", "gmpy2==2.3.2", "numpy<2")}
"""By engine. SPU asks for numpy 1.26 and jax 0.4.34. MPyC is faster with gmpy2."""
INSTALL_TIMEOUT_S: Final = 300.0


def folder() -> Path:
    """Return where the environment is, or will be."""
    named = os.environ.get("SECFPP_PEERS_ENV")
    return Path(named) if named else Path(sys.prefix) / "peers-env"


def interpreter(needs: str) -> Path:
    """Return the environment's interpreter.

    Parameters
    ----------
    needs : str
        A package that must be in it.

    Raises
    ------
    UnavailableError
        There is no such package.
    """
    python = folder() / "bin" / "python"
    if needs not in installed():
        raise UnavailableError(f"{needs} is not installed; see what pip said at the start")
    return python


def installed() -> dict[str, str]:
    """Return what is in the environment: versions by name."""
    paths = [str(path) for path in folder().glob("lib/python*/site-packages")]
    return {found.metadata["Name"].lower(): found.version for found in distributions(path=paths)}


def make(needed: Collection[str]) -> None:
    """Install what some engines need; what cannot be installed is said and left out.

    Parameters
    ----------
    needed : collection of str
        Keys of `PINNED`.
    """
    missing = [name for name in needed if name not in installed()]
    if not missing:
        return
    say(f"installing {', '.join(missing)} into {folder()}, once; takes about a minute")
    python = folder() / "bin" / "python"
    if not python.exists():
        _try([sys.executable, "-m", "venv", str(folder())])
    for name in missing:
        _try([str(python), "-m", "pip", "install", "--quiet", *PINNED[name]])


def _try(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, timeout=INSTALL_TIMEOUT_S, stdout=sys.stderr)
    except (OSError, subprocess.SubprocessError) as error:
        say(str(error))
