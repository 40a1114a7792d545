"""A role's own key: made and requested on its host, its certificate put in place, both renewed.

The folder of a role holds, besides its credentials (`mpc.net.credential_folder`), while a request
is under way `party-0.new.key` and `party-0.csr`. The old key serves until the new certificate is
there. Programs that run see the change when they next connect or are connected to; links that stand
are not touched.
"""

import contextlib
import datetime as dt
import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509

from mpc.errors import InputError
from mpc.net.certificates import DATE, Authority, Credentials, check_validity, utc_now
from mpc.net.credential_checks import (
    belong,
    certificates_in,
    check_name,
    check_uses,
    issuer_of,
    key_in,
)
from mpc.net.credential_folder import (
    AUTHORITY_FILE,
    file_names,
    read_credentials,
    read_pem,
    write_new,
)
from mpc.net.signing_request import fingerprint, new_request, read_request

RENEW_AT: Final = 1 / 3
"""A certificate should be renewed when less than this part of its life is left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expiry:
    """When credentials end."""

    until: dt.datetime
    """UTC: the end of the certificate, or of its authority if that is earlier."""
    is_near: bool
    """Whether less than `RENEW_AT` of the certificate's life is left."""

    def __str__(self) -> str:
        return f"valid until {self.until:{DATE}}"


def request_names(role: str) -> tuple[str, str]:
    """Return the file names of a role's new key and of its request."""
    stem = file_names(role)[0].removesuffix(".pem")
    return f"{stem}.new.key", f"{stem}.csr"


def write_request(folder: Path, role: str) -> str:
    """Make a new key and a request for its certificate; return the key's fingerprint.

    Parameters
    ----------
    folder : Path
        Of the role, on its own host. Created with mode 0700 if it does not exist.
    role : str

    Raises
    ------
    InputError
        No such role; a request is under way; or the folder cannot be written to.
    """
    key_name, request_name = request_names(role)
    for name in (key_name, request_name):
        if os.path.lexists(folder / name):
            raise InputError(
                f"{folder / name} is there already: put the certificate in place by `secfpp certs "
                "install`, or remove both the request and the new key to make others"
            )
    key_pem, request_pem = new_request(role)
    write_new(folder, {key_name: key_pem, request_name: request_pem})
    return fingerprint(read_request(request_pem, role))


def sign_request(
    authority: Authority, request: Path, role: str, to: Path, *, valid_days: int
) -> tuple[str, Expiry]:
    """Write the certificate that a request asks for; return the fingerprint of its key.

    Parameters
    ----------
    authority : Authority
    request : Path
        File with a request.
    role : str
        The role that the request must be for. Whoever holds the authority must know that it comes
        from that role's host.
    to : Path
        Folder to write to.
    valid_days : int

    Raises
    ------
    InputError
        The request cannot be used, the authority has expired, or the certificate's file exists.
    """
    text = read_pem(request)
    try:
        key = read_request(text, role)
    except InputError as error:
        raise InputError(f"{request}: {error}") from None
    certificate_pem = authority.certify(role, key, valid_days=valid_days)
    name = file_names(role)[0]
    write_new(to, {name: certificate_pem})
    certificate = certificates_in(certificate_pem, to / name)[0]
    return fingerprint(key), _expiry_of(certificate, certificate)


def install_certificate(
    folder: Path, role: str, certificate: Path, authority: Path | None = None
) -> Expiry:
    """Put a signed certificate and the key of its request in the place of older ones.

    Parameters
    ----------
    folder : Path
        Where `write_request` wrote.
    role : str
    certificate : Path
        File with the certificate.
    authority : Path, optional
        File with the authority's certificate, copied to the folder. None: the folder has it.

    Raises
    ------
    InputError
        The certificate is not of the key that waits for it, has another role, issuer or key usage,
        or is not valid now; or a file is missing or cannot be written. Nothing has changed.
    """
    certificate_path, key_path = (folder / name for name in file_names(role))
    new_key_path, request_path = (folder / name for name in request_names(role))
    authority_path = folder / AUTHORITY_FILE if authority is None else authority
    pem, authority_pem = read_pem(certificate), read_pem(authority_path)
    found = certificates_in(pem, certificate)[0]
    check_name(found, role, certificate)
    check_uses(found, role, certificate)
    waiting = new_key_path if new_key_path.exists() else key_path  # a second try after a kill
    if not belong(key_in(read_pem(waiting), waiting), found):
        raise InputError(f"{certificate} is not of the key {waiting}; have its request signed")
    check_validity(found, str(certificate))
    issuer = issuer_of(found, certificate, authority_pem, authority_path)
    try:
        if authority is not None:
            _replace(folder / AUTHORITY_FILE, authority_pem)
        if waiting == new_key_path:
            new_key_path.replace(key_path)
        _replace(certificate_path, pem)
        request_path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot write into {folder}: {error.strerror}; try again") from None
    return _expiry_of(found, issuer)


def expiry_in(folder: Path, role: str) -> Expiry:
    """Return when the credentials of a role in a folder end.

    Raises
    ------
    InputError
        They cannot be used, as `read_credentials` says.
    """
    return expiry_of(read_credentials(folder, role), folder)


def expiry_of(credentials: Credentials, folder: Path) -> Expiry:
    """Return when credentials end; `folder` is named if they are damaged."""
    path = folder / file_names(credentials.role)[0]
    certificate = certificates_in(credentials.certificate_pem, path)[0]
    authority_path = folder / AUTHORITY_FILE
    issuer = issuer_of(certificate, path, credentials.authority_pem, authority_path)
    return _expiry_of(certificate, issuer)


class RenewedCredentials:
    """The credentials of a role in a folder, read anew when a file of theirs has changed.

    If the new ones cannot be used, because only one file has been replaced yet, or the certificate
    is another role's, the old ones stay, and the next call tries again.

    Parameters
    ----------
    folder : Path
    role : str
    say : callable
        Is told, in a line, of credentials that cannot be used.

    Raises
    ------
    InputError
        The first ones cannot be used.
    """

    def __init__(
        self, folder: Path, role: str, *, say: Callable[[str], None] = lambda line: None
    ) -> None:
        self._folder, self._role, self._say = folder, role, say
        self._paths = [folder / name for name in (AUTHORITY_FILE, *file_names(role))]
        self._lock = threading.Lock()
        self._seen = self._state()
        self._complained_of = self._seen
        self._credentials = read_credentials(folder, role)

    def __call__(self) -> Credentials:
        """Return the credentials as they are now; the same object while nothing has changed."""
        with self._lock:
            state = self._state()
            if state != self._seen:
                self._renew(state)
            return self._credentials

    def _renew(self, state: tuple[object, ...]) -> None:
        try:
            self._credentials = read_credentials(self._folder, self._role)
        except InputError as error:
            if state != self._complained_of:
                self._say(f"{self._role}: the credentials changed and cannot be used: {error}")
            self._complained_of = state
            return
        self._seen = state

    def _state(self) -> tuple[object, ...]:
        """Return what changes when a file is written or replaced."""
        found: list[object] = []
        for path in self._paths:
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((path.name, status.st_ino, status.st_mtime_ns, status.st_size))
        return tuple(found)


def _expiry_of(certificate: x509.Certificate, issuer: x509.Certificate) -> Expiry:
    until = min(certificate.not_valid_after_utc, issuer.not_valid_after_utc)
    life = until - certificate.not_valid_before_utc
    return Expiry(until=until, is_near=until - utc_now() < RENEW_AT * life)


def _replace(path: Path, text: str) -> None:
    """Replace a file that is not secret, whole or not at all."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        fresh.write_text(text)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
