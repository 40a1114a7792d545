"""The folder of a client's or the server's program: settings, and what is finished."""

from pathlib import Path

from secfpp.config.tree import to_json
from secfpp.deployment.config import FederationConfig, load_federation, settings_digest
from secfpp.errors import RunFolderError, reason
from secfpp.experiment.record_folder import write_json

__all__ = ["open_folder"]


def open_folder(path: Path, config: FederationConfig) -> Path:
    """Make a folder that only its owner can read, or find that it is of the same settings.

    Raises
    ------
    RunFolderError
        It cannot be made, or is of other settings.
    """
    settings = path / "config.json"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not settings.exists():
            write_json(settings, to_json(config))
    except OSError as error:
        raise RunFolderError(f"cannot make {path}: {reason(error)}") from error
    if settings_digest(load_federation(settings)) != settings_digest(config):
        raise RunFolderError(
            f"{path} is of a federation with other settings; choose another --out, or compare "
            f"{settings} with the settings of today"
        )
    return path
