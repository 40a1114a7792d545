"""Reading of small files that a user names; devices, which may have no end, are refused."""

import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from mpc.errors import InputError

T = TypeVar("T")
_PIPES: Final = (stat.S_IFIFO, stat.S_IFSOCK)


def read_whole(path: Path, *, pipes: bool = True) -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    path : Path
    pipes : bool
        Whether the file may be a pipe. A pipe can be read once, and the read waits for its writer.

    Raises
    ------
    OSError
        The file cannot be read, or is a folder or a device. Reading `/dev/zero` would exhaust
        memory.
    """
    waits = 0 if pipes else os.O_NONBLOCK  # no effect on a regular file
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | waits), "rb") as file:
        kind = stat.S_IFMT(os.fstat(file.fileno()).st_mode)
        if kind != stat.S_IFREG and not (pipes and kind in _PIPES):
            raise OSError(errno.ENODEV, "is a pipe or a device; a file is needed", str(path))
        return file.read()


def read_json(path: Path, build: Callable[[object], T]) -> T:
    """Return what is built of the value in a JSON file.

    Parameters
    ----------
    path : Path
    build : callable
        Takes the value; may raise `InputError`.

    Raises
    ------
    InputError
        The file cannot be read, is no UTF-8 text or no JSON, or holds what `build` refuses. The
        message names it.
    """
    try:
        value = json.loads(read_whole(path).decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is no UTF-8 text; save it as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON: {error}") from None
    try:
        return build(value)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
