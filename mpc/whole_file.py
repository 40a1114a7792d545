"""Small files that a user names: read to their end, which devices may not have."""

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
        Whether it may be a pipe: it can be read once, and its writer may have to be waited for.

    Raises
    ------
    OSError
        It cannot be read, or is a folder or a device: `/dev/zero` would fill the memory.
    """
    waits = 0 if pipes else os.O_NONBLOCK  # of a regular file, it changes nothing
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | waits), "rb") as file:
        kind = stat.S_IFMT(os.fstat(file.fileno()).st_mode)
        if kind != stat.S_IFREG and not (pipes and kind in _PIPES):
            raise OSError(errno.ENODEV, "is a pipe or a device; a file is needed", str(path))
        return file.read()
