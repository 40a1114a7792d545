"""The data owners that a command stands in for, with credentials where they are needed."""

from __future__ import annotations

from pathlib import Path

from secfpp.credentials import check_credentials, clients_in
from secfpp.errors import ConfigError

MOST = 64  # by default; each has links of its own


def data_owners(asked: int | None, num_points: int, certs: Path | None) -> tuple[int, ...]:
    """Assign the rows to data owners in turn.

    Parameters
    ----------
    asked : int or None
        How many owners. None: `MOST`, or as many as `certs` has credentials of.
    num_points : int
    certs : Path or None
        Folder of credentials, if parties run elsewhere.

    Returns
    -------
    tuple of int
        The number of each row's owner.

    Raises
    ------
    ConfigError
        Fewer than one is asked for, or there are credentials of fewer.
    InputError
        A credential that is needed cannot be used.
    """
    if asked is not None and asked < 1:
        raise ConfigError(f"--owners {asked}: at least 1 is needed")
    if certs is None:
        numbers: tuple[int, ...] = tuple(range(min(asked or MOST, num_points)))
    else:
        numbers = _with_credentials(asked, num_points, certs)
    return tuple(numbers[row % len(numbers)] for row in range(num_points))


def _with_credentials(asked: int | None, num_points: int, certs: Path) -> tuple[int, ...]:
    """Return owners that have credentials; they are checked before any connection is made."""
    found = clients_in(certs)
    wanted = min(asked or min(MOST, len(found)), num_points)
    if not found:
        raise ConfigError(
            f"{certs} has no credentials of a numbered client; make some: secfpp certs add {certs} "
            "client:0"
        )
    if len(found) < wanted:
        raise ConfigError(
            f"{wanted} data owners need credentials, and {certs} has those of {len(found)}; say "
            f"--owners {len(found)}, or add some: secfpp certs add {certs} client:{found[-1] + 1}"
        )
    check_credentials(certs, found[:wanted])
    return found[:wanted]
