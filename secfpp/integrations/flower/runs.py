"""The name of a federation's run, by which the folders of server and clients belong together."""

import secrets
from typing import Final

from secfpp.errors import RunFolderError
from secfpp.experiment.record_folder import RecordFolder
from secfpp.json_file import JsonValue

__all__ = ["is_run", "keep_run", "kept_run", "new_run"]

_FILE: Final = "run.json"
_BYTES: Final = 8


def new_run() -> str:
    """Return a new name."""
    return secrets.token_hex(_BYTES)


def is_run(value: JsonValue) -> bool:
    """Tell whether a value is the name of a run."""
    return isinstance(value, str) and len(value) == 2 * _BYTES and value.isalnum()


def kept_run(folder: RecordFolder) -> str | None:
    """Return the run that a folder belongs to; None if it belongs to none yet.

    Raises
    ------
    RunFolderError
        The file is damaged.
    """
    kept = folder.read(_FILE)
    if kept is None:
        return None
    run = kept.get("run") if isinstance(kept, dict) else None
    if not is_run(run):
        raise RunFolderError(f"{folder.path / _FILE} is damaged; start anew with another folder")
    return str(run)


def keep_run(folder: RecordFolder, run: str) -> None:
    """Let a folder belong to a run."""
    folder.write(_FILE, {"run": run})
