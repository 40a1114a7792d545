"""Save an array to the file that the user names; it is checked before any work is done."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

from mpc.ring.fixedpoint import FloatArray
from secfpp.cli.console import say
from secfpp.errors import DataError, reason


def check_writable(out: Path | None) -> None:
    """Refuse an output file that could not be written, before any work is done.

    Raises
    ------
    DataError
    """
    if out is None:
        return
    if out.suffix != ".npy":
        raise DataError(f"--out {out}: must end in .npy")
    try:
        if out.is_dir():
            raise DataError(f"--out {out}: is a folder; name a file")
        if not out.absolute().parent.is_dir():
            raise DataError(f"--out {out}: no such folder; make it first")
        with tempfile.NamedTemporaryFile(dir=out.absolute().parent):
            pass
    except OSError as error:
        raise DataError(f"--out {out}: cannot be written: {reason(error)}") from error


def save_array(out: Path, array: FloatArray) -> bool:
    """Write a draft and move it into place; print the result and return whether it was saved.

    An existing file stays whole until the new one is complete. After a failure the caller can still
    show the array.
    """
    name = ""
    try:
        with tempfile.NamedTemporaryFile(
            dir=out.absolute().parent, suffix=".npy", delete=False
        ) as draft:
            name = draft.name
            np.save(draft, array)
        os.chmod(name, 0o666 & ~_umask())
        Path(name).replace(out)
    except OSError as error:
        with suppress(OSError):
            Path(name).unlink()
        say(f"secfpp: {out} cannot be written: {reason(error)}; the means are not saved")
        return False
    say(f"means saved in {out}")
    return True


def _umask() -> int:
    """Return the permissions that new files do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
