"""The home and cache folders of a user, also of a user without a home."""

import os
import stat
import tempfile
from pathlib import Path

from secfpp.errors import ConfigError

__all__ = ["cache_home", "expand_home"]


def expand_home(place: str) -> Path:
    """Return a path with ``~`` and ``~name`` replaced by the home folder.

    Raises
    ------
    ConfigError
        The system knows no such home.
    """
    try:
        return Path(place).expanduser()
    except RuntimeError:
        raise ConfigError(
            f"{place!r}: the system knows no home folder for that; write the path in full"
        ) from None


def cache_home() -> Path:
    """Return ``$XDG_CACHE_HOME``, ``~/.cache``, or a folder of this user below ``$TMPDIR``.

    The last is for a user id without an entry in the password file, as in containers.

    Raises
    ------
    ConfigError
        Neither of the first two is known, and others may write to the third.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if base.is_absolute():
        return base
    try:
        return Path.home() / ".cache"
    except RuntimeError:
        return _without_home()


def _without_home() -> Path:
    """Return a folder that only this user may write; make it if it is missing."""
    try:
        parent = tempfile.gettempdir()
    except FileNotFoundError:  # nothing can be written there; the first write fails
        parent = "/tmp"  # noqa: S108
    folder = Path(parent) / f"cache-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return folder
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise ConfigError(
            f"{folder} may be written by others, and this user has no home folder; set "
            "XDG_CACHE_HOME to a folder of your own"
        )
    return folder
