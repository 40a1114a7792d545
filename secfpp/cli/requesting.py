"""Parts of `secfpp certs` for a deployment: an authority alone, and keys that each role makes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from mpc.net.addresses import MAX_PARTIES, Address, Addresses, write_addresses
from secfpp.cli.outcome import Outcome
from secfpp.cli.verb import Verb
from secfpp.errors import ConfigError

NETWORK_FILE = "network.json"
FIRST_PORT = 7000
COMPARE = (
    "Compare this with the other side by telephone or in person: a request proves who holds the "
    "key, not who asks."
)


@dataclass(frozen=True, kw_only=True)
class Authority(Verb):
    """Make an authority alone, without the key of any role.

    Its host signs the requests of all roles. Whoever holds ca.key can impersonate every role, so
    it belongs on a host that plays none, under the control of somebody whom all organisations trust
    with that.
    """

    folder: tyro.conf.Positional[Path]
    """Folder to write ca.pem and ca.key to; made if there is none."""
    days: int = 365
    """Days until the authority expires, and with it all that it signed."""
    hosts: tuple[str, ...] = ()
    """HOST or HOST:PORT of each party in rank order, then of the dealer, for a network file."""
    session: str = "secfpp"
    """Name of the deployment, for the network file."""

    def execute(self) -> Outcome:
        """Make and write."""
        from mpc.net.certificates import DATE
        from mpc.net.certificates import Authority as Issuer
        from mpc.net.credential_folder import AUTHORITY_FILE, write_certificates

        addresses = addresses_at(self.hosts, self.session) if self.hosts else None
        network = self.folder / NETWORK_FILE
        if addresses is not None and os.path.lexists(network):
            raise ConfigError(f"{network} is there already: choose another folder")
        issuer = Issuer.create(valid_days=self.days)
        write_certificates(issuer, self.folder, ())
        if addresses is not None:
            write_addresses(network, addresses)
        path = self.folder / AUTHORITY_FILE
        mark = fingerprint_of(path)
        record = {
            "authority": str(path),
            "fingerprint": mark,
            "expires": issuer.valid_until.isoformat(),
            "network": None if addresses is None else addresses.as_json(),
        }
        given = "ca.pem" if addresses is None else f"ca.pem and {NETWORK_FILE}"
        shown = (
            f"An authority in {self.folder}, valid until {issuer.valid_until:{DATE}}.",
            f"Its key's fingerprint: {mark}",
            f"Give {given} to every host. ca.key stays here.",
        )
        return Outcome(record=record, shown=shown)


@dataclass(frozen=True, kw_only=True)
class Request(Verb):
    """Make a key on the role's own host, and a request for its certificate.

    Also renews: the key in use stays in use until the new certificate is put in place by `secfpp
    certs install`.
    """

    role: tyro.conf.Positional[str]
    """Role to ask for, such as party:0, dealer, server or client:north_hospital."""
    certs: Path = Path("certs")
    """Folder of this role's credentials on this host; made if there is none."""

    def execute(self) -> Outcome:
        """Make and write."""
        from mpc.net.renewal import request_names, write_request

        mark = write_request(self.certs, self.role)
        key_name, request_name = request_names(self.role)
        record = {
            "role": self.role,
            "request": str(self.certs / request_name),
            "key": str(self.certs / key_name),
            "fingerprint": mark,
        }
        shown = (
            f"Send {self.certs / request_name} to the authority. The key stays here.",
            f"The key's fingerprint: {mark}",
            COMPARE,
        )
        return Outcome(record=record, shown=shown)


@dataclass(frozen=True, kw_only=True)
class Sign(Verb):
    """Sign a role's request, at the authority."""

    role: tyro.conf.Positional[str]
    """Role that the request must be for. You answer for it that the request is that role's."""
    request: tyro.conf.Positional[Path]
    """The request that `secfpp certs request` wrote."""
    authority: Path
    """Folder with ca.pem and ca.key."""
    to: Path
    """Folder to write the certificate to; made if there is none. Nothing in it is overwritten."""
    days: int = 90
    """Days until the certificate expires; at most as long as the authority."""

    def execute(self) -> Outcome:
        """Check, sign and write."""
        from mpc.net.credential_folder import AUTHORITY_FILE, file_names, read_authority
        from mpc.net.renewal import sign_request

        authority = read_authority(self.authority)
        mark, expiry = sign_request(
            authority, self.request, self.role, self.to, valid_days=self.days
        )
        path = self.to / file_names(self.role)[0]
        record = {
            "role": self.role,
            "certificate": str(path),
            "fingerprint": mark,
            "expires": expiry.until.isoformat(),
        }
        shown = (
            f"{path} is the certificate of {self.role}, {expiry}.",
            f"Its key's fingerprint: {mark}",
            COMPARE,
            f"Send {path} and {self.authority / AUTHORITY_FILE} back, and nothing else.",
        )
        return Outcome(record=record, shown=shown)


@dataclass(frozen=True, kw_only=True)
class Install(Verb):
    """Put a signed certificate in place on the role's host, for the first time or anew.

    Programs that run take it up when they next connect or are connected to.
    """

    role: tyro.conf.Positional[str]
    """Role of this host."""
    certificate: tyro.conf.Positional[Path]
    """The certificate that the authority sent."""
    certs: Path = Path("certs")
    """Folder where `secfpp certs request` wrote."""
    authority: Path | None = None
    """The authority's certificate, copied to the folder as ca.pem. None: the folder has it."""

    def execute(self) -> Outcome:
        """Check, then replace."""
        from mpc.net.credential_folder import AUTHORITY_FILE
        from mpc.net.renewal import install_certificate

        expiry = install_certificate(self.certs, self.role, self.certificate, self.authority)
        mark = fingerprint_of(self.certs / AUTHORITY_FILE)
        record = {
            "role": self.role,
            "folder": str(self.certs),
            "authority_fingerprint": mark,
            "expires": expiry.until.isoformat(),
        }
        shown = (
            f"{self.role} in {self.certs}: {expiry}.",
            f"The fingerprint of the authority that it trusts: {mark}",
        )
        return Outcome(record=record, shown=shown)


def addresses_at(hosts: Sequence[str], session: str) -> Addresses:
    """Return the addresses of a deployment.

    Parameters
    ----------
    hosts : sequence of str
        HOST or HOST:PORT of each party in rank order, then of the dealer.
    session : str

    Raises
    ------
    ConfigError, InputError
        There are too few or too many hosts, or one is no address.
    """
    if not 3 <= len(hosts) <= MAX_PARTIES + 1:
        raise ConfigError(
            f"--hosts names {len(hosts)}; 2 to {MAX_PARTIES} parties and then the dealer are needed"
        )
    places = [_address(host, FIRST_PORT + index) for index, host in enumerate(hosts)]
    return Addresses(session=session, parties=tuple(places[:-1]), dealer=places[-1])


def _address(host: str, port: int) -> Address:
    """Read an address; the port is optional."""
    named = host.endswith("]") or ":" not in host
    return Address.parse(f"{host}:{port}" if named else host)


def fingerprint_of(path: Path) -> str:
    """Return the fingerprint of the key of the first certificate in a file."""
    from mpc.net.credential_checks import certificates_in
    from mpc.net.credential_folder import read_pem
    from mpc.net.signing_request import fingerprint

    return fingerprint(certificates_in(read_pem(path), path)[0].public_key())
