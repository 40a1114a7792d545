"""Save an array where the person asked: what cannot be written is known before the work is done."""

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
    """Write a file beside and move it into place; say how that went, and return whether it did.

    A file that was there is whole until the new one is. The caller still has the result to show.
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
    """Return which rights new files do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
