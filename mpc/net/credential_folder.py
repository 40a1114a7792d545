"""Credentials in a folder: `ca.pem`, and `party-0.pem` with `party-0.key` for `party:0`.

Key files are created with mode 0600, and no file is ever overwritten. `ca.key`, the private key of
the test authority, stays where it was created; see `mpc.net.certificates`.
"""

import contextlib
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TextIO

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from mpc.errors import InputError
from mpc.net.certificates import (
    DOMAIN,
    Authority,
    Credentials,
    certificate_name,
    check_validity,
    role_of,
)
from mpc.net.credential_checks import (
    belong,
    certificates_in,
    check_name,
    check_uses,
    issuer_of,
    key_in,
)

AUTHORITY_FILE: Final = "ca.pem"
AUTHORITY_KEY_FILE: Final = "ca.key"
_KEY_SUFFIX: Final = ".key"
_OF_A_VOLUME: Final = stat.S_IRUSR | stat.S_IRGRP
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def file_names(role: str) -> tuple[str, str]:
    """Return the file names of a role's certificate and key, e.g. `party-0.pem`, `party-0.key`.

    Raises
    ------
    InputError
        No such role.
    """
    stem = certificate_name(role).removesuffix(f".{DOMAIN}")
    return f"{stem}.pem", f"{stem}{_KEY_SUFFIX}"


def roles_in(folder: Path) -> list[str]:
    """Return the roles that have a certificate or a key in a folder, in the order of their names.

    Raises
    ------
    InputError
        The folder cannot be listed.
    """
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise InputError(f"cannot list {folder}: {error.strerror}") from None
    found: dict[str, None] = {}
    for name in names:
        stem = name.removesuffix(_KEY_SUFFIX).removesuffix(".pem")
        with contextlib.suppress(InputError):
            role = role_of(f"{stem}.{DOMAIN}")
            if name in file_names(role):
                found[role] = None
    return list(found)


def write_certificates(authority: Authority, folder: Path, roles: Sequence[str]) -> None:
    """Write a new authority with its key, and new credentials of some roles.

    Parameters
    ----------
    authority : Authority
    folder : Path
        Created with mode 0700 if it does not exist.
    roles : sequence of str

    Raises
    ------
    InputError
        A file exists already, a role is unknown or named twice, or writing fails; files written so
        far are removed.
    """
    contents = {
        AUTHORITY_FILE: authority.certificate_pem,
        AUTHORITY_KEY_FILE: authority.key_pem,
    }
    write_new(folder, contents | _issue(authority, folder, roles, also=tuple(contents)))


def add_certificates(folder: Path, roles: Sequence[str]) -> Authority:
    """Issue credentials of further roles with the authority in a folder; return the authority.

    Raises
    ------
    InputError
        As `write_certificates` and `read_authority`.
    """
    authority = read_authority(folder)
    write_new(folder, _issue(authority, folder, roles))
    return authority


def read_authority(folder: Path) -> Authority:
    """Read `ca.pem` and `ca.key`.

    Raises
    ------
    InputError
        A file is missing, damaged or readable by others, the key does not match the certificate, or
        the certificate is not an authority's.
    """
    certificate = certificates_in(read_pem(folder / AUTHORITY_FILE), folder / AUTHORITY_FILE)[0]
    key = key_in(read_pem(folder / AUTHORITY_KEY_FILE), folder / AUTHORITY_KEY_FILE)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not belong(key, certificate):
        raise InputError(f"{folder / AUTHORITY_KEY_FILE} is not the key of {AUTHORITY_FILE}")
    try:
        may_issue = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        if may_issue:
            return Authority(certificate, key)
    except x509.ExtensionNotFound:
        pass
    raise InputError(
        f"{folder / AUTHORITY_FILE} may not issue certificates; needed is the one that "
        "`secfpp certs init` wrote"
    )


def read_credentials(folder: Path, role: str) -> Credentials:
    """Read and check the credentials of one role.

    Parameters
    ----------
    folder : Path
        Holds `ca.pem` and the role's two files.
    role : str

    Returns
    -------
    Credentials

    Raises
    ------
    InputError
        A file is missing or damaged; the key is readable by others or does not match the
        certificate; the certificate has another role, issuer or key usage, or is not valid now.
    """
    certificate_path, key_path = (folder / name for name in file_names(role))
    authority_pem = read_pem(folder / AUTHORITY_FILE)
    certificate_pem, key_pem = read_pem(certificate_path), read_pem(key_path)
    certificate = certificates_in(certificate_pem, certificate_path)[0]
    check_name(certificate, role, certificate_path)
    check_uses(certificate, role, certificate_path)
    if not belong(key_in(key_pem, key_path), certificate):
        raise InputError(f"{key_path} is not the key of {certificate_path.name}")
    check_validity(certificate, str(certificate_path))
    issuer_of(certificate, certificate_path, authority_pem, folder / AUTHORITY_FILE)
    return Credentials(
        role=role,
        certificate_pem=certificate_pem,
        key_pem=key_pem,
        authority_pem=authority_pem,
    )


def read_pem(path: Path) -> str:
    """Return a file's text; reject a key that group or others may access.

    Raises
    ------
    InputError
        Names the file and the remedy.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(
            descriptor, encoding="utf-8-sig"
        ) as file:  # opening a pipe with O_NONBLOCK does not block
            status = os.fstat(descriptor)
            mode = status.st_mode
            if not stat.S_ISREG(mode):
                raise InputError(f"{path} is a pipe or a device; a file is needed")
            if path.suffix == _KEY_SUFFIX and mode & _OTHERS and not _is_handed_over(status):
                raise InputError(f"others may read the private key {path}; run: chmod 600 {path}")
            return file.read()
    except FileNotFoundError:
        raise InputError(f"{path} is missing; `secfpp certs` makes it") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a PEM file; copy it anew") from None


def _is_handed_over(status: os.stat_result) -> bool:
    """Whether a key has mode 0440, and a group of this process or root as its owner and group.

    The former comes from a volume of secrets of Kubernetes, for a pod with an `fsGroup`; the latter
    from systemd's `LoadCredential`, which lets a service read root's file by an access list, whose
    mask is what the mode shows for the group.
    """
    if stat.S_IMODE(status.st_mode) != _OF_A_VOLUME:
        return False
    return status.st_gid in {os.getegid(), *os.getgroups()} or status.st_uid == status.st_gid == 0


def _issue(
    authority: Authority, folder: Path, roles: Sequence[str], *, also: Sequence[str] = ()
) -> dict[str, str]:
    """Return the contents of the roles' files by name; reject existing files."""
    names = [name for role in roles for name in file_names(role)]
    if len(set(names)) < len(names):
        twice = next(role for role in roles if list(roles).count(role) > 1)
        raise InputError(f"{twice} is named twice")
    refuse_existing(folder, [*also, *names])
    contents: dict[str, str] = {}
    for role in roles:
        pem_name, key_name = file_names(role)
        issued = authority.issue(role)
        contents |= {pem_name: issued.certificate_pem, key_name: issued.key_pem}
    return contents


def refuse_existing(folder: Path, names: Sequence[str]) -> None:
    """Raise `InputError` if a folder has one of the files."""
    present = [name for name in names if os.path.lexists(folder / name)]
    if present:
        raise InputError(
            f"{folder / present[0]} is there already, and credentials are never overwritten: "
            "choose another folder or role, or remove it"
        )


def write_new(folder: Path, contents: Mapping[str, str]) -> None:
    """Create all files, or none; files of keys have mode 0600.

    Parameters
    ----------
    folder : Path
        Created with mode 0700 if it does not exist.
    contents : mapping of str to str
        Texts by file name.

    Raises
    ------
    InputError
        A file exists already, or writing fails.
    """
    refuse_existing(folder, tuple(contents))
    made: list[Path] = []
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in contents.items():
            with _create(folder / name) as file:
                made.append(folder / name)
                file.write(text)
    except BaseException as error:
        for path in made:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise InputError(f"cannot write into {folder}: {error.strerror}") from None
        raise


def _create(path: Path) -> TextIO:
    """Open a new file; a key file has mode 0600 from the start."""
    mode = 0o600 if path.suffix == _KEY_SUFFIX else 0o644
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "w")
