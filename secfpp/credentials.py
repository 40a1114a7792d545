"""Credentials of the clients that this process stands in for, checked before any connection.

Parties and dealer serve one session. A session that fails for a missing file would end them.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from mpc.net.credential_folder import read_credentials
from secfpp.errors import ConfigError, reason

__all__ = ["check_credentials", "clients_in"]

_CERTIFICATE = re.compile(r"client-(0|[1-9][0-9]*)\.pem")


def clients_in(folder: Path) -> tuple[int, ...]:
    """Return the numbers of the clients whose certificate and key are in a folder, ascending.

    Raises
    ------
    ConfigError
        The folder cannot be listed.
    """
    try:
        names = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise ConfigError(f"--certs {folder}: {reason(error)}") from error
    numbers = (int(found[1]) for name in names if (found := _CERTIFICATE.fullmatch(name)))
    return tuple(sorted(number for number in numbers if f"client-{number}.key" in names))


def check_credentials(folder: Path, clients: Iterable[int]) -> None:
    """Read the credentials of the server and of numbered clients.

    Raises
    ------
    InputError
        Names the first that is missing, damaged, expired, of another role, or readable by others.
    """
    for role in ("server", *(f"client:{number}" for number in clients)):
        read_credentials(folder, role)
