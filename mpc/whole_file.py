"""Reading of small files that a user names; devices, which may have no end, are refused."""

import errno
import os
import stat
from pathlib import Path
from typing import Final

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
