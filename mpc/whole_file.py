"""Small files that a user names: read to their end, which devices may not have."""

import errno
import os
import stat
from pathlib import Path
from typing import Final

_KINDS: Final = {stat.S_IFREG, stat.S_IFIFO, stat.S_IFSOCK}


def read_whole(path: Path) -> bytes:
    """Return the bytes of a file or of a pipe.

    Raises
    ------
    OSError
        It cannot be read, or is a folder or a device: `/dev/zero` would fill the memory.
    """
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb") as file:
        if stat.S_IFMT(os.fstat(file.fileno()).st_mode) not in _KINDS:
            raise OSError(errno.ENODEV, "is a device; a file or a pipe is needed", str(path))
        return file.read()
